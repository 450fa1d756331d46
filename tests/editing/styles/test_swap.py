"""Swap takes the style of a reference."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import EditError, Swap, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


ROIS = ("hair", "skin", "eyes", "nose", "lips")


def test_swap_of_a_photo_with_itself_changes_nothing(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    assert np.array_equal(edit(tiny_model, photos[0], ROIS, Swap(photos[0])), photos[0])
    assert torch.equal(edit(tiny_model, faces, ROIS, Swap(faces)), faces)


def test_batches_swap_in_pairs(tiny_model: L2SAE, faces: torch.Tensor) -> None:
    styles = tiny_model.encode(faces.roll(1, 0)).style.detach()
    out = edit(tiny_model, faces, ("skin",), Swap(styles))
    for i in range(len(faces)):
        single = edit(tiny_model, faces[i : i + 1], ("skin",), Swap(styles[i]))
        torch.testing.assert_close(out[i : i + 1], single, atol=1e-4, rtol=0)
    with pytest.raises(EditError, match="2 reference styles for 3 photos"):
        edit(tiny_model, faces, ("skin",), Swap(styles[:2]))
