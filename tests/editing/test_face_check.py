"""The same warning wherever the mattes are not those of a face."""

import warnings

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab

from l2sae.editing import EditSession, FaceEditor, FaceWarning, Noise, Swap, edit
from l2sae.editing.face_check import missing_regions, warn_if_no_face
from l2sae.model import L2SAE, load_model
from l2sae.model.layers import OPPONENT


@pytest.fixture
def no_lips(tiny_model: L2SAE, monkeypatch: pytest.MonkeyPatch) -> L2SAE:
    whole = tiny_model.mask_logits

    def mask_logits(structure: torch.Tensor, rois: list[str] | None = None) -> torch.Tensor:
        names = tiny_model.roi_names if rois is None else rois
        seen = torch.tensor([name != "lips" for name in names])[:, None, None]
        return torch.where(seen, whole(structure, rois), -1e4)

    monkeypatch.setattr(tiny_model, "mask_logits", mask_logits)
    return tiny_model


def test_a_missing_region_is_named_by_edits_and_sessions(no_lips: L2SAE, photos: list[NDArray[np.uint8]]) -> None:
    with pytest.warns(FaceWarning, match="the model finds no lips: look at the result"):
        edit(no_lips, photos[0], "hair", Noise(1.0))
    with pytest.warns(FaceWarning, match="the model finds no lips: look at the result"):
        EditSession(no_lips).load(photos[0])
    assert missing_regions(FaceEditor(no_lips, photos[0])) == ("lips",)


def test_a_face_gives_no_warning(portrait: NDArray[np.uint8]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", FaceWarning)
        warn_if_no_face(FaceEditor(load_model(), portrait))


def test_a_picture_without_regions_is_unlike_a_face() -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    with pytest.warns(FaceWarning, match="unlike a face|finds no"):
        warn_if_no_face(FaceEditor(load_model(), grey))


def test_a_skin_edit_says_what_to_edit_with_it(portrait: NDArray[np.uint8]) -> None:
    model = load_model()
    dark, pale = (Swap(style_with(model, portrait, lightness)) for lightness in (15.0, 60.0))
    with pytest.warns(FaceWarning, match=r"much darker, and lips and brows stay .*\(--roi lips --roi brows\)"):
        edit(model, portrait, ("skin", "nose"), dark)
    session = EditSession(model)
    session.load(portrait)
    session.add_layer("lips", dark)
    with pytest.warns(FaceWarning, match=r"and brows stay .*\(--roi brows\)"):
        session.add_layer("skin", dark)
    with warnings.catch_warnings():
        warnings.simplefilter("error", FaceWarning)
        edit(model, portrait, ("skin", "nose", "lips", "brows"), dark)
        edit(model, portrait, ("skin", "nose"), dark, strength=0.3)
        edit(model, portrait, ("skin", "nose"), pale)
        edit(model, portrait, ("hair", "lips"), dark)
        edit(model, portrait, "skin", Noise(2.0))
        edit(model, portrait, ("skin", "nose"), dark, align=None)  # a face crop takes styles as they are


def style_with(model: L2SAE, picture: NDArray[np.uint8], lightness: float) -> torch.Tensor:
    """The style (1, D) of a picture with skin, nose, lips and brows of another lightness (CIELAB)."""
    style, count = FaceEditor(model, picture).latents.style.clone(), model.generator.colours
    values = style[:, -count:].double().numpy().reshape(-1, 3)
    lab = rgb2lab(((values @ np.array(OPPONENT) + 1) / 2).clip(0, 1))
    for roi in ("skin", "nose", "lips", "brows"):
        lab[model.roi_names.index(roi)] *= lightness / lab[model.roi_names.index("skin"), 0]
    style[:, -count:] = torch.from_numpy((lab2rgb(lab) * 2 - 1) @ np.transpose(OPPONENT)).flatten()
    return style
