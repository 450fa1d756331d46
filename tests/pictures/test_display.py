"""Tensors as pictures of 8 bits, and mattes in their colours."""

import numpy as np
import torch

from l2sae.pictures.display import PALETTE, as_maps, as_pictures, label_mattes, roi_colour, tinted


def test_values_become_levels_from_0_to_255() -> None:
    images = torch.tensor([-1.0, 0.0, 1.0])[:, None, None, None].expand(3, 3, 2, 4)
    assert [picture.shape for picture in as_pictures(images)] == [(2, 4, 3)] * 3
    assert [int(picture[0, 0, 0]) for picture in as_pictures(images)] == [0, 128, 255]


def test_labels_become_one_mask_for_each_region() -> None:
    labels = torch.tensor([[[0, 1], [2, 2]]], dtype=torch.uint8)
    first, second = label_mattes(labels, 2)[0]
    assert first.tolist() == [[0, 1], [0, 0]]
    assert second.tolist() == [[0, 0], [1, 1]]
    assert as_maps(torch.from_numpy(first)[None, None])[0].tolist() == first.tolist()


def test_colours_repeat_after_the_palette() -> None:
    assert roi_colour(0) == roi_colour(len(PALETTE)) == PALETTE[0]


def test_only_what_a_matte_covers_takes_its_colour() -> None:
    picture = np.full((2, 2, 3), 100, np.uint8)
    shown = tinted(picture, [np.array([[1.0, 0.0], [0.0, 0.0]], np.float32)], opacity=1.0)
    assert tuple(shown[0, 0]) == (0xE6, 0x9F, 0x00)
    assert (shown[0, 1] == 160).all()  # 0.6 * 100 + 100: lighter, so that colours show on dark hair
