"""The patch distance sees texture, and neither colour nor place."""

import pytest
import torch

from l2sae.measures.patch_distance import SCALES, patch_distance, patch_profile


def square(size: int = 48) -> torch.Tensor:
    region = torch.zeros(1, 1, size, size, dtype=torch.bool)
    region[..., 8:40, 8:40] = True
    return region


def noisy(seed: int, spread: float = 5.0) -> torch.Tensor:
    return 50 + spread * torch.randn(1, 3, 48, 48, generator=torch.Generator().manual_seed(seed))


def test_equal_pictures_are_at_no_distance_and_another_colour_is_none() -> None:
    lab, region = noisy(0), square()
    profile = patch_profile(lab, region)
    assert profile.shape == (1, len(SCALES), 16, 32)
    assert float(patch_distance(profile, profile)) == 0.0
    shifted = patch_profile(lab + torch.tensor([10.0, -20.0, 5.0])[:, None, None], region)
    assert float(patch_distance(profile, shifted)) == pytest.approx(0, abs=1e-4)


def test_distance_grows_with_the_difference_of_contrast() -> None:
    region = square()
    plain, same, rough = (patch_profile(noisy(*one), region) for one in ((0,), (1,), (2, 20.0)))
    assert 10 * float(patch_distance(plain, same)) < float(patch_distance(plain, rough))


def test_what_lies_outside_the_region_does_not_count() -> None:
    lab, region = noisy(0), square()
    other = torch.where(region, lab, torch.tensor(99.0))
    for scale in (patch_profile(lab, region) - patch_profile(other, region))[0, :2]:
        assert float(scale.abs().max()) < 1e-3  # 1/4 of the size is blurred over the border


def test_an_absent_region_is_undefined_and_a_tiny_one_is_not() -> None:
    region = torch.zeros(2, 1, 48, 48, dtype=torch.bool)
    region[1, 0, 20, 20] = True
    profile = patch_profile(noisy(0).expand(2, -1, -1, -1), region)
    assert bool(profile[0].isnan().all())
    assert not bool(profile[1].isnan().any())
