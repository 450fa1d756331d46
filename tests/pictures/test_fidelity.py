"""One PSNR for the model's values and for 8-bit levels."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio

from l2sae.pictures.conversions import to_values
from l2sae.pictures.fidelity import decibels, psnr, psnr_of_levels


@pytest.fixture
def pictures() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    first = draw.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return first, np.clip(first + draw.integers(-9, 10, first.shape), 0, 255).astype(np.uint8)


def test_levels_and_values_agree_with_scikit_image(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    expected = peak_signal_noise_ratio(*pictures)
    assert psnr_of_levels(*pictures) == pytest.approx(expected, abs=1e-9)
    assert float(psnr(*map(to_values, pictures))) == pytest.approx(expected, abs=1e-3)


def test_large_pictures_are_summed_in_parts(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    tall = [np.tile(picture, (200, 1, 1)) for picture in pictures]
    assert psnr_of_levels(*tall) == pytest.approx(psnr_of_levels(*pictures), abs=1e-4)


def test_equal_pictures_have_the_ratio_of_one_level_in_one_value(pictures: tuple[np.ndarray, np.ndarray]) -> None:
    changed = pictures[0].copy()
    changed[0, 0, 0] ^= 1
    assert psnr_of_levels(pictures[0], pictures[0]) == pytest.approx(psnr_of_levels(pictures[0], changed), abs=1e-9)
    assert decibels(torch.tensor([0.0, 0.01]), 3).tolist() == pytest.approx([52.9, 20.0], abs=0.01)
