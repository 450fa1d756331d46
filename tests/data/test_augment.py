"""Augmentation: seeded, in range, local to ROIs, and geometry that keeps photo and labels together."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from l2sae.data.augment import augment_geometry, damage_photo, recolour, vary_light

S = 32


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def scene(batch: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth images with two ROIs: a left block of id 1 and a right block of id 2."""
    images = torch.rand(batch, 3, 4, 4, generator=seeded(1)) * 1.6 - 0.8
    images = torch.nn.functional.interpolate(images, size=(S, S), mode="bilinear")
    labels = torch.zeros(batch, S, S, dtype=torch.uint8)
    labels[:, 8:24, 4:14] = 1
    labels[:, 8:24, 18:28] = 2
    return images, labels


@given(st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_recolouring_stays_in_range_and_off_the_background(seed: int) -> None:
    images, labels = scene()
    out = recolour(images, labels, seeded(seed), 2)
    assert out.min() >= -1
    assert out.max() <= 1
    touched = torch.nn.functional.max_pool2d((labels > 0)[:, None].float(), 3, 1, 1)
    assert torch.allclose((out - images) * (1 - touched), torch.zeros(1), atol=1e-5)


def test_recolouring_moves_each_roi_by_its_own_amount() -> None:
    images, labels = scene(64)
    change = recolour(images, labels, seeded(), 2) - images
    left, right = (change[:, :, 9:23, cols].mean((1, 2, 3)) for cols in (slice(5, 13), slice(19, 27)))
    assert left.std() > 0.2
    assert right.std() > 0.2
    assert torch.corrcoef(torch.stack([left, right]))[0, 1].abs() < 0.4


def test_recolouring_keeps_the_texture() -> None:
    images, labels = scene(32)
    out = recolour(images, labels, seeded(), 2)
    inside = [picture[:, :, 9:23, 5:13].mean(1).flatten(1) for picture in (images, out)]
    centred = [flat - flat.mean(1, keepdim=True) for flat in inside]
    assert torch.nn.functional.cosine_similarity(*centred).median() > 0.85


def test_background_changes_on_request() -> None:
    images, labels = scene()
    assert (recolour(images, labels, seeded(), 2, background=1.0) - images)[:, :, :5].abs().max() > 0.05


def test_one_seed_gives_one_result() -> None:
    images, labels = scene()
    assert recolour(images, labels, seeded(3), 2).equal(recolour(images, labels, seeded(3), 2))
    assert not recolour(images, labels, seeded(3), 2).equal(recolour(images, labels, seeded(4), 2))
    assert damage_photo(images, seeded(3), 1.0).equal(damage_photo(images, seeded(3), 1.0))


def test_strength_zero_changes_nothing() -> None:
    images, labels = scene()
    moved, ids = augment_geometry(images, labels, seeded(), strength=0)
    assert moved.equal(images)
    assert ids.equal(labels)
    assert damage_photo(images, seeded(), share=0).equal(images)
    assert vary_light(images, seeded(), strength=0).equal(images)


@given(st.integers(0, 10**6), st.floats(0.1, 1.0))
@settings(max_examples=25, deadline=None)
def test_labels_move_with_the_image(seed: int, strength: float) -> None:
    _, labels = scene()
    shades = torch.tensor([-0.9, 0.0, 0.9])
    images = shades[labels.long()][:, None].expand(-1, 3, -1, -1).contiguous()
    moved, ids = augment_geometry(images, labels, seeded(seed), strength, flip=(0, 1, 2))
    agree = (moved[:, 0] - shades[ids.long()]).abs() < 0.45
    assert agree.float().mean() > 0.9
    assert ids.dtype == torch.uint8


def test_flips_exchange_one_sided_rois() -> None:
    images, labels = scene(64)
    _, ids = augment_geometry(images, labels, seeded(), strength=1e-6, flip=(0, 2, 1))
    # the two blocks mirror each other, so that exchanging ids undoes the flip of the labels
    assert (ids == labels).float().mean() > 0.999
    moved, _ = augment_geometry(images, labels, seeded(), strength=1e-6, flip=(0, 2, 1))
    flipped = (moved - images.flip(-1)).abs().amax((1, 2, 3)) < 1e-2
    assert 16 < int(flipped.sum()) < 48


def test_no_permutation_means_no_flip() -> None:
    images, labels = scene(64)
    moved, _ = augment_geometry(images, labels, seeded(), strength=1e-6)
    assert (moved - images).abs().max() < 1e-2


def test_light_changes_the_whole_picture_in_range_and_keeps_the_order_of_its_values() -> None:
    images, _ = scene(64)
    lit = vary_light(images, seeded(), 1.0)
    assert lit.abs().max() <= 1
    assert lit.equal(vary_light(images, seeded(), 1.0))
    grey = images.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    order = grey.flatten(2).argsort(dim=2)
    changed = vary_light(grey, seeded(), 1.0).flatten(2).gather(2, order)
    assert (changed.diff(dim=2) >= -1e-6).all(), "without colour, light keeps what is brighter"
    means = (lit.mean(dim=(2, 3)) - images.mean(dim=(2, 3))).abs()
    assert 0.05 < means.mean() < 0.4
    weak = vary_light(images, seeded(), 0.2)
    assert (weak - images).abs().mean() < 0.5 * (lit - images).abs().mean()


def test_light_takes_colour_away_and_adds_some() -> None:
    images, _ = scene(64)
    colour = [
        (x - x.mean(dim=1, keepdim=True)).abs().mean(dim=(1, 2, 3)) for x in (images, vary_light(images, seeded(), 1.0))
    ]
    ratio = colour[1] / colour[0]
    assert ratio.min() < 0.4
    assert 1.1 < ratio.max() < 3


@pytest.mark.parametrize("seed", range(3))
def test_damage_stays_in_range_and_hits_its_share(seed: int) -> None:
    images, _ = scene(400)
    out = damage_photo(images, seeded(seed), share=0.3)
    assert out.abs().max() <= 1
    changed = (out != images).flatten(1).any(dim=1).float().mean()
    assert 0.2 < changed < 0.45


def test_damage_blurs_or_adds_noise() -> None:
    images = torch.rand(64, 3, 32, 32, generator=seeded(1)) - 0.5
    rough = [
        (batch[..., 1:] - batch[..., :-1]).abs().mean(dim=(1, 2, 3))
        for batch in (images, damage_photo(images, seeded(), 1.0))
    ]
    assert (rough[1] < 0.7 * rough[0]).float().mean() > 0.2  # blurred
    assert (rough[1] > 1.02 * rough[0]).float().mean() > 0.1  # noisy
