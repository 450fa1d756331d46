"""A face is encoded once, and each style of it decoded once."""

import pytest
import torch

from l2sae.editing import Noise, Swap
from l2sae.editing.edit_layers import Layer
from l2sae.editing.encoded_face import CACHED, EncodedFace
from l2sae.editing.resolution import MIN_MATTE
from l2sae.model import L2SAE


@pytest.fixture
def face(tiny_model: L2SAE, faces: torch.Tensor) -> EncodedFace:
    with torch.inference_mode():
        return EncodedFace(tiny_model, faces[:1])


@torch.inference_mode()
def test_a_style_is_decoded_once(face: EncodedFace, monkeypatch: pytest.MonkeyPatch) -> None:
    layer, calls, decode = Layer({"hair": Noise(2.0)}), [], face.model.decode
    monkeypatch.setattr(face.model, "decode", lambda *latents: calls.append(0) or decode(*latents))
    first = face.decode(layer, "hair")
    assert face.decode(Layer({"hair": Noise(2.0)}, strength=0.3), "hair") is first  # at another strength
    assert len(calls) == 1
    face.decode(Layer({"hair": Noise(2.0)}, seed=1), "hair")
    assert len(calls) == 2


@torch.inference_mode()
def test_the_faces_own_style_changes_nothing(face: EncodedFace) -> None:
    own = Layer({"hair": Swap(face.latents.style[0].clone())})
    assert face.new_style(own, "hair") is None
    assert not face.changes(own, "hair")
    assert face.decode(own, "hair") is face.decoded


@torch.inference_mode()
def test_weak_mattes_are_0(face: EncodedFace) -> None:
    for matte in face.mattes.values():
        assert not ((matte > 0) & (matte < MIN_MATTE)).any()


@torch.inference_mode()
def test_the_oldest_styles_are_forgotten(face: EncodedFace) -> None:
    for seed in range(CACHED + 3):
        face.new_style(Layer({"hair": Noise(1.0)}, seed=seed), "hair")
    assert len(face._styles) == CACHED
