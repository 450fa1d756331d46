"""Edits leave every pixel outside the mattes alone."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import FaceEditor, Noise, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


ROIS = ("hair", "skin", "eyes", "nose", "lips")


@pytest.mark.parametrize("compose", ["detail", "replace"])
@pytest.mark.parametrize("rois", [("hair",), ("eyes", "lips"), ROIS])
def test_batches_are_bit_identical_outside_the_mattes(
    tiny_model: L2SAE, faces: torch.Tensor, compose: str, rois: tuple[str, ...]
) -> None:
    with torch.inference_mode():
        mattes = tiny_model.masks(tiny_model.encode(faces).structure, rois)
    outside = (torch.cat(list(mattes.values()), dim=1) < 1 / 255).all(dim=1, keepdim=True).expand_as(faces)
    out = edit(tiny_model, faces, rois, Noise(2.0), compose=compose)
    assert 0 < outside.float().mean() < 1
    assert torch.equal(out[outside], faces[outside])
    assert not torch.equal(out[~outside], faces[~outside])


@pytest.mark.parametrize("index", [0, 1, 2])
def test_photos_are_bit_identical_outside_the_fitted_mattes(tiny_model: L2SAE, photos: Photos, index: int) -> None:
    photo = photos[index]
    outside = FaceEditor(tiny_model, photo).photo_mattes()["hair"][..., 0] == 0
    out = edit(tiny_model, photo, "hair", Noise(2.0))
    assert 0 < outside.mean() < 1
    assert np.array_equal(out[outside], photo[outside])
