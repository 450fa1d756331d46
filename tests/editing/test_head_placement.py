"""What leaves the face's crop is edited through a looser crop of the head."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing.canvas import as_canvas
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.head_placement import HeadCrop, HeadPlacement, leaves_crop
from l2sae.editing.placement import Placement
from l2sae.model import L2SAE
from l2sae.pictures.conversions import to_model
from l2sae.pictures.crops import CropTransform

INNER, LOOSE = CropTransform(60, 60, 64), CropTransform(60, 60, 110)


@pytest.fixture
def inner(tiny_model: L2SAE, photos: list[NDArray[np.uint8]]) -> Placement:
    wide = np.zeros((120, 130, 3), np.uint8)
    wide[10:107] = np.pad(photos[0], ((0, 0), (0, 0), (0, 0)))[:, :130]
    canvas = as_canvas(wide)
    with torch.inference_mode():
        return Placement(EncodedFace(tiny_model, to_model(canvas.cut(INNER), 64)), canvas, INNER)


def test_a_matte_of_the_photos_size_reaches_beyond_the_crop(inner: Placement) -> None:
    assert leaves_crop(inner, "hair", np.zeros((120, 130), np.uint8))
    assert not leaves_crop(inner, "hair", np.zeros((64, 64), np.uint8))


@torch.inference_mode()
def test_the_head_is_encoded_when_it_is_asked_for_and_once(inner: Placement, monkeypatch: pytest.MonkeyPatch) -> None:
    calls, encode, model = [], inner.face.model.encode, inner.face.model
    monkeypatch.setattr(model, "encode", lambda images: calls.append(0) or encode(images))
    head = HeadCrop(model, inner.canvas, LOOSE)
    assert calls == []
    placed = HeadPlacement(head.face, inner, LOOSE)
    assert HeadPlacement(head.face, inner, LOOSE).face is placed.face
    assert len(calls) == 1
    assert placed.frame.window[0].start < inner.frame.window[0].start


@torch.inference_mode()
def test_what_stays_in_the_faces_crop_has_no_matte_beyond(inner: Placement) -> None:
    placed = HeadPlacement(HeadCrop(inner.face.model, inner.canvas, LOOSE).face, inner, LOOSE)
    assert placed.matte("hair", torch.zeros(64, 64)) is None
    given = placed.matte("hair", np.full((120, 130), 255, np.uint8))
    assert given is not None
    assert given[0].shape == (1, 1, 64, 64)
