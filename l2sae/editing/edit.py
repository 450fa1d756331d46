"""Edits of photos: one pass through the model, no optimisation."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import overload

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing.align import FacePlace, align_styles, check_align, find_places
from l2sae.editing.edit_layers import Layer, MattePicture, assign_styles, expand_styles
from l2sae.editing.face_check import warn_if_no_face, warn_if_the_rest_stays
from l2sae.editing.face_editor import FaceEditor, Renderer
from l2sae.editing.styles import Style
from l2sae.model import L2SAE
from l2sae.model.threads import fair_threads
from l2sae.pictures.conversions import check_images, with_alpha
from l2sae.pictures.errors import EditError, FaceNotFoundError, FaceWarning
from l2sae.pictures.frames import Box, check_box
from l2sae.pictures.picture import Photo, PhotoFile
from l2sae.pictures.reading import as_picture


@overload
def edit(
    model: L2SAE,
    photo: Tensor,
    rois: str | Sequence[str] | None = None,
    style: Style | Mapping[str, Style] | None = None,
    strength: float = 1.0,
    compose: str = "detail",
    seed: int = 0,
    mattes: Mapping[str, MattePicture] | None = None,
    box: Box | None = None,
    align: str | None = "auto",
) -> Tensor: ...


@overload
def edit(
    model: L2SAE,
    photo: PhotoFile,
    rois: str | Sequence[str] | None = None,
    style: Style | Mapping[str, Style] | None = None,
    strength: float = 1.0,
    compose: str = "detail",
    seed: int = 0,
    mattes: Mapping[str, MattePicture] | None = None,
    box: Box | None = None,
    align: str | None = "auto",
) -> NDArray[np.uint8]: ...


@fair_threads()
def edit(
    model: L2SAE,
    photo: Photo,
    rois: str | Sequence[str] | None = None,
    style: Style | Mapping[str, Style] | None = None,
    strength: float = 1.0,
    compose: str = "detail",
    seed: int = 0,
    mattes: Mapping[str, MattePicture] | None = None,
    box: Box | None = None,
    align: str | None = "auto",
) -> NDArray[np.uint8] | Tensor:
    """Edit the style of some regions of a face (arXiv 2312.15037).

    A photo is taken as it comes: its largest face is found, and the whole head is edited in place. Decoded change and
    mattes are brought from the model's size to the photo's own. The same seed gives the same edit.

    Args:
        model: from `load_model`.
        photo: a path, a Pillow picture, or uint8 (H, W), (H, W, 3) or (H, W, 4); or float (B, 3, H, W) in [-1, 1].
            Where a file has a colour profile, the edit is computed in sRGB and brought back to the profile's space.
        rois: regions to edit, e.g. ``("hair", "lips")``; ``face`` stands for skin and nose. They may be left out where
            ``style`` is a dict.
        style: an operation of `l2sae.editing.styles`, e.g. `Noise` or `Swap`, or a dict from each ROI to its own style.
        strength: 0 (the photo, to the bit) to 2; 1 is the full edit, more exaggerates it.
        compose: ``detail`` recolours the photo's own pixels, ``replace`` puts the decoded ones in their place.
        seed: of noise.
        mattes: ROI -> matte to use instead of the predicted one: (H, W) or (B, 1, H, W), uint8 or float in [0, 1],
            at the photo's (or box's) size, which is then used as it is, or at the model's size over the padded square.
        box: (left, top, right, bottom) in pixels: a face crop in a larger photo, which is not searched; the rest
            stays as it is.
        align: ``auto`` edits the largest face of a photo, upright or turned; ``all`` edits every face; None takes the
            photo as a face crop, and pads it to a square. References that are paths or uint8 pictures are taken
            likewise, and their styles put into the photo's light, see `l2sae.editing.photo_light`. Tensors are face
            crops.

    Returns:
        A picture like ``photo``: uint8 (H, W, 3), with alpha unchanged for (H, W, 4); grey comes back as (H, W, 3),
        since edits bring colour in. Or (B, 3, H, W). Pixels where every chosen matte is 0 are bit-identical.

    Raises:
        FaceNotFoundError: no face was found, or a picture, or a reference, does not show the ROI. In a batch of
            tensors, samples that lack it come back unchanged instead.
        EditError: anything else that cannot be; the message says what to do.

    Warns:
        FaceWarning: the model does not find the regions of a face there; or skin becomes much lighter or darker, and
            lips or brows stay as they are.
    """
    check_align(align)
    if align == "all" and (box is not None or isinstance(photo, Tensor)):
        what = "a tensor, which holds face crops" if box is None else "a box, which says where the face is"
        raise EditError(f"align='all' with {what}: leave one of them out")
    styles = expand_styles(assign_styles(rois, style), model.roi_names)
    layer = Layer(styles, strength, seed, mattes or {})
    if align is not None:
        layer = replace(layer, styles=align_styles(layer.styles))
    if isinstance(photo, Tensor):
        return _edit_images(model, photo, layer, compose, box)
    picture = as_picture(photo)
    if align is None or box is not None:
        edited = _edit_crop(model, picture.srgb, layer, compose, box, keeps_light=align is not None)
    else:
        edited = _edit_faces(model, picture.srgb, layer, compose, find_places(picture.srgb, align))
    return with_alpha(picture.edited(edited), picture.alpha)


def _edit_images(model: L2SAE, images: Tensor, layer: Layer, compose: str, box: Box | None) -> Tensor:
    check_images(images)
    result = images.clone()
    window = result[..., *_window(box, *images.shape[-2:])]
    window.copy_(_render(FaceEditor(model, window), layer, compose))
    return result


def _edit_crop(
    model: L2SAE, photo: NDArray[np.uint8], layer: Layer, compose: str, box: Box | None, keeps_light: bool
) -> NDArray[np.uint8]:
    """Edit a photo, or the part in a box, as a face crop."""
    result = photo.copy()
    window = _window(box, *photo.shape[:2])
    editor = FaceEditor(model, result[window], keeps_light=keeps_light)
    result[window] = _render(editor, layer, compose).numpy()
    return result


def _edit_faces(
    model: L2SAE, photo: NDArray[np.uint8], layer: Layer, compose: str, places: Sequence[FacePlace]
) -> NDArray[np.uint8]:
    """Edit the faces of a photo, one after the other; of several, those without the ROI stay as they are."""
    edited, refused = photo.copy(), []
    for place in places:
        try:
            editor = FaceEditor.at(model, edited, place)
            edited = _render(editor, layer, compose).numpy()
        except FaceNotFoundError as error:
            refused.append(error)
    if len(refused) == len(places):
        raise refused[0]
    for reason in refused:
        warnings.warn(f"one of {len(places)} faces stays as it is: {reason}", FaceWarning, stacklevel=3)
    return edited


def _render(editor: Renderer, layer: Layer, compose: str) -> Tensor:
    warn_if_no_face(editor)
    rendered = editor.render([layer], compose)
    warn_if_the_rest_stays(editor, layer)
    return rendered


def _window(box: Box | None, height: int, width: int) -> tuple[slice, slice]:
    if box is None:
        return slice(0, height), slice(0, width)
    check_box(box, height, width)
    return slice(box[1], box[3]), slice(box[0], box[2])
