"""Mattes that are given bound an edit on the photo."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.data import render_faces
from l2sae.editing import EditError, Noise, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


def test_given_mattes_bound_the_edit(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    matte = np.zeros(photos[0].shape[:2], np.float32)
    matte[20:50, 30:77] = 1
    matte[50:55, 30:77] = 0.5 / 255
    out = edit(tiny_model, photos[0], "hair", Noise(2.0), mattes={"hair": matte})
    assert np.array_equal(out[matte < 1 / 255], photos[0][matte < 1 / 255])
    assert (out[20:50, 30:77] != photos[0][20:50, 30:77]).mean() > 0.3
    truth = render_faces(3, size=64, seed=5).mattes["lips"]
    edited = edit(tiny_model, faces, "lips", Noise(2.0), mattes={"lips": truth})
    untouched = (truth < 1 / 255).expand_as(faces)
    assert torch.equal(edited[untouched], faces[untouched])


def test_given_mattes_at_model_resolution_are_fitted(tiny_model: L2SAE, photos: Photos) -> None:
    matte = torch.zeros(64, 64)
    matte[10:40, 10:40] = 1
    out = edit(tiny_model, photos[0], "hair", Noise(2.0), mattes={"hair": matte})
    changed = (out != photos[0]).any(axis=2)
    assert changed[:60, 30:70].any()
    assert not changed[:, 90:].any()


def test_mattes_of_another_size_or_range_are_refused(tiny_model: L2SAE, photos: Photos) -> None:
    with pytest.raises(EditError, match=r"matte of hair has shape \(7, 9\).*97 x 131"):
        edit(tiny_model, photos[0], "hair", Noise(), mattes={"hair": np.zeros((7, 9))})
    with pytest.raises(EditError, match="matte of hair has values outside"):
        edit(tiny_model, photos[0], "hair", Noise(), mattes={"hair": np.full((97, 131), 1.5)})
    with pytest.raises(EditError, match="mattes for lips"):
        edit(tiny_model, photos[0], "hair", Noise(), mattes={"lips": np.zeros((97, 131))})
