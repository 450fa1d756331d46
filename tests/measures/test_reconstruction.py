import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from l2sae.measures.reconstruction import blurred, eight_bit, mean_l1, mean_ssim, psnr, resized


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(2, 3, 40, 40, generator=generator) * 2 - 1
    return (target + 0.2 * torch.randn(target.shape, generator=generator)).clamp(-1, 1), target


def as_unit(images: torch.Tensor) -> np.ndarray:
    return (images / 2 + 0.5).permute(0, 2, 3, 1).double().numpy()


def test_psnr_agrees_with_scikit_image(pair):
    expected = [peak_signal_noise_ratio(t, o, data_range=1.0) for o, t in zip(*map(as_unit, pair), strict=True)]
    np.testing.assert_allclose(psnr(*pair), expected, atol=1e-3)


def test_ssim_agrees_with_scikit_image(pair):
    options = {"channel_axis": 2, "data_range": 1.0, "gaussian_weights": True, "use_sample_covariance": False}
    expected = [structural_similarity(t, o, **options) for o, t in zip(*map(as_unit, pair), strict=True)]
    np.testing.assert_allclose(mean_ssim(*pair), expected, atol=1e-3)


def test_l1_is_in_units_of_images_from_0_to_1():
    assert mean_l1(torch.full((1, 3, 4, 4), -1.0), torch.ones(1, 3, 4, 4)).tolist() == [1.0]


def test_a_perfect_reconstruction_scores_as_high_as_8_bits_can_tell(pair):
    target = pair[1]
    assert float(psnr(target, target)[0]) == pytest.approx(-10 * np.log10((1 / 255) ** 2 / target[0].numel()), abs=1e-3)
    np.testing.assert_allclose(mean_ssim(target, target), 1.0, atol=1e-5)
    assert mean_l1(target, target).tolist() == [0.0, 0.0]


def test_blur_keeps_no_more_values_than_allowed():
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    assert torch.allclose(blurred(images, 3), images.mean(dim=(2, 3), keepdim=True).expand_as(images), atol=0.1)
    assert torch.allclose(blurred(images, 3 * 32 * 32), images, atol=1e-5)
    assert float(psnr(blurred(images, 300), images)) > float(psnr(blurred(images, 30), images))


def test_resized_leaves_equal_sizes_alone_and_eight_bit_is_idempotent(pair):
    assert resized(pair[0], 40) is pair[0]
    assert resized(pair[0], 128).shape == (2, 3, 128, 128)
    levels = eight_bit(pair[0])
    assert torch.equal(eight_bit(levels), levels)
    assert float((levels - pair[0]).abs().max()) <= 1 / 255 + 1e-6
