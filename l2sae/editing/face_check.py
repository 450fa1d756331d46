"""Whether what the model sees is a face."""

import warnings

import torch

from l2sae.editing.face_editor import Renderer
from l2sae.editing.references import shows
from l2sae.pictures.errors import FaceWarning

PLAUSIBLE_COVER = (0.05, 0.98)  # share of a face crop that all ROIs together cover
FACE_PARTS = {"skin", "l_eye", "r_eye", "nose", "u_lip", "l_lip"}
"""Parts that every face has, as the label schemes name them."""


def warn_if_no_face(editor: Renderer) -> None:
    """Warn when the predicted mattes are not those of a face.

    Warns:
        FaceWarning: they cover too little or too much of what the model sees, or a region that every face has is not
            there.
    """
    total = torch.stack(list(editor.mattes().values())).amax(dim=0)
    cover = total.mean(dim=(1, 2, 3))
    low, high = PLAUSIBLE_COVER
    if bool(((cover < low) | (cover > high)).any()):
        worst = float(cover[(cover - (low + high) / 2).abs().argmax()])
        _warn(f"the model's regions cover {worst:.0%} of the face crop, which is unlike a face")
    elif missing := missing_regions(editor):
        _warn(f"the model finds no {', '.join(missing)}")


def missing_regions(editor: Renderer) -> tuple[str, ...]:
    """The ROIs that every face has and that the model does not find; of a batch, in any image."""
    faces = [roi.name for roi in editor.model.rois if FACE_PARTS & set(roi.parts)]
    return tuple(name for name in faces if not bool(shows(editor.mattes()[name]).all()))


def _warn(what: str) -> None:
    text = f"{what}: look at the result, or say where the face is with box=(left, top, right, bottom) (--box)"
    warnings.warn(text, FaceWarning, stacklevel=5)
