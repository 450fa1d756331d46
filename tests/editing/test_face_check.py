"""The same warning wherever the mattes are not those of a face."""

import warnings

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import EditSession, FaceEditor, FaceWarning, Noise, edit
from l2sae.editing.face_check import missing_regions, warn_if_no_face
from l2sae.model import L2SAE, load_model


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
