"""Whether what the model sees is a face."""

import warnings
from collections.abc import Sequence

import torch

from l2sae.editing.edit_layers import Layer
from l2sae.editing.face_editor import Renderer
from l2sae.editing.photo_light import skin_lightness
from l2sae.editing.references import shows
from l2sae.pictures.errors import FaceWarning

PLAUSIBLE_COVER = (0.05, 0.98)  # share of a face crop that all ROIs together cover
FACE_PARTS = {"skin", "l_eye", "r_eye", "nose", "u_lip", "l_lip"}
"""Parts that every face has, as the label schemes name them."""

LOOK = "look at the result, or say where the face is with box=(left, top, right, bottom) (--box)"
BESIDE_SKIN = ({"u_lip", "l_lip"}, {"l_brow", "r_brow"})  # the parts of what would look wrong in wholly other skin
MUCH = 20.0  # units of CIELAB's lightness: dark lips look like a mask's where skin gets lighter by more, on 140 photos


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


def warn_if_the_rest_stays(editor: Renderer, layer: Layer, edited: Sequence[str] = ()) -> None:
    """Warn when a layer makes a photo's skin much lighter or darker, and lips or brows stay as they are.

    Args:
        editor: of the photo.
        layer: that edits skin by a reference, or does not.
        edited: ROIs that other layers edit.

    Warns:
        FaceWarning: names the ROIs to edit as well.
    """
    rois = {roi.name: set(roi.parts) for roi in editor.model.rois}
    skin = next((name for name in layer.styles if "skin" in rois.get(name, ())), None)
    if skin is None or not editor.place.keeps_light or not layer.styles[skin].follows_light:
        return
    staying = [
        name
        for parts in BESIDE_SKIN
        for name, own in rois.items()
        if own <= parts and name not in layer.styles and name not in edited
    ]
    before = skin_lightness(editor.model, editor.latents.style)
    after = skin_lightness(editor.model, editor.style_of(layer, skin))
    if staying and before is not None and after is not None and abs(layer.strength * (after - before)) >= MUCH:
        change, options = "lighter" if after > before else "darker", " ".join(f"--roi {name}" for name in staying)
        what = f"the skin gets much {change}, and {' and '.join(staying)} stay as they are"
        _warn(what, f"edit them too ({options}), or lower the strength")


def missing_regions(editor: Renderer) -> tuple[str, ...]:
    """The ROIs that every face has and that the model does not find; of a batch, in any image."""
    faces = [roi.name for roi in editor.model.rois if FACE_PARTS & set(roi.parts)]
    return tuple(name for name in faces if not bool(shows(editor.mattes()[name]).all()))


def _warn(what: str, to_do: str = LOOK) -> None:
    warnings.warn(f"{what}: {to_do}", FaceWarning, stacklevel=5)
