"""Arrays and tensors of pictures."""

import numpy as np
import torch
from PIL import Image

from l2sae.data.decode import square_labels
from l2sae.pictures.conversions import as_rgb, levels_to_values, on_white, square_photo, values_to_levels, with_alpha


def test_padding_repeats_edges_and_labels_zero() -> None:
    picture = np.zeros((40, 20, 3), np.uint8)
    picture[:, -1] = 200
    square = square_photo(Image.fromarray(picture), 40)
    assert (square[:, 30:] == 200).all()
    assert (square[:, :28] == 0).all()
    labels = square_labels(np.ones((40, 20), np.uint8), 1, 40)
    assert (labels.sum(axis=1) == 20).all()


def test_levels_and_values_are_each_others_inverse() -> None:
    levels = torch.arange(256, dtype=torch.uint8)
    values = levels_to_values(levels)
    assert (float(values[0]), float(values[-1])) == (-1, 1)
    assert torch.equal(values_to_levels(values), levels)


def test_alpha_is_split_off_and_put_back() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (40, 33, 4), dtype=np.uint8)
    pixels, alpha = as_rgb(picture)
    assert np.array_equal(with_alpha(pixels, alpha), picture)
    assert (on_white(pixels, np.zeros_like(picture[..., 3:])) == 255).all()
    assert np.array_equal(on_white(pixels, None), pixels)
