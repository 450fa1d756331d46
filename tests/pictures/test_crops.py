"""Square crops at any place, size and turn."""

import numpy as np
import pytest

from l2sae.pictures.crops import CropTransform


@pytest.mark.parametrize("side", [90, 700, 2300])
def test_sampling_shows_what_cropping_shows(side: int):
    y, x = np.mgrid[:1500, :2000]
    picture = np.stack([x / 8, y / 8, (x + y) / 16], axis=-1).astype(np.uint8)  # smooth: shifts show as differences
    square = CropTransform(900, 700, side, 25)
    sampled, cropped = square.sample(picture, 64).astype(int), square.crop(picture, 64).astype(int)
    inside = slice(24, 40)  # within the photo
    assert np.abs(sampled - cropped)[inside, inside].mean() < 1
