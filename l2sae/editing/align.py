"""Faces in photos of any kind: found, cropped upright for the model, and edited in place."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from l2sae.editing.colour_cast import is_grey, tinted, without_cast
from l2sae.editing.references import Reference, ReferenceCrop
from l2sae.editing.styles import Style
from l2sae.faces import find_faces
from l2sae.faces.finding import head_crop
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError, FaceNotFoundError, FaceWarning
from l2sae.pictures.frames import Box, check_box
from l2sae.pictures.reading import as_picture

Align = Literal["auto", "all"]
ALIGN_MODES: tuple[str, ...] = get_args(Align)
TIGHT = 1.4  # a photo of at most this many times the crop's side is a face crop already
OFF_CENTRE, TURNED = 0.15, 20.0  # of the photo's side, degrees: farther from the middle or more turned it is none


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """An upright square ``crop`` (S, S, 3) uint8 of a photo, and the ``transform`` between the two."""

    crop: NDArray[np.uint8]
    transform: CropTransform


@dataclass(frozen=True)
class FacePlace:
    """Where a face lies in a photo.

    Attributes:
        crop: the square that holds it; None takes the whole photo as a face crop.
        head: the looser square through which what leaves ``crop`` is edited; None leaves it as it is.
        keeps_light: whether styles of other faces are put into the photo's light; see `l2sae.editing.photo_light`.
    """

    crop: CropTransform | None = None
    head: CropTransform | None = None
    keeps_light: bool = False


def align_face(picture: str | Path | NDArray[np.uint8]) -> AlignedFace:
    """Crop the largest face of a photo as the model expects faces, e.g. for ``Swap(align_face("photo.jpg").crop)``.

    Args:
        picture: a path, or uint8 (H, W[, C]).

    Raises:
        FaceNotFoundError: no face was found.
        EditError: the picture cannot be read.
    """
    pixels = as_picture(picture).shown
    transform = _find(pixels)[0]
    return AlignedFace(transform.crop(pixels), transform)


def check_align(align: str | None) -> None:
    """Refuse an unknown mode."""
    if align is not None and align not in ALIGN_MODES:
        raise EditError(f"align={align!r}: give 'auto' for the largest face, 'all' for every face, or None")


def find_places(picture: NDArray[np.uint8], align: str | None = "auto", box: Box | None = None) -> list[FacePlace]:
    """Where the faces to edit lie in a picture (H, W, 3) uint8.

    Args:
        picture: is searched, unless ``align`` is None or there is a box.
        align: ``auto`` for the largest face, ``all`` for every face, None to take the picture as a face crop. A picture
            that a single face fills is taken as a face crop, too.
        box: (left, top, right, bottom) in pixels: a face crop in the picture, made square.

    Raises:
        FaceNotFoundError: no face was found.
        EditError: another mode, or a box that does not lie inside the picture.
    """
    check_align(align)
    if box is not None:
        check_box(box, *picture.shape[:2])
        left, top, right, bottom = box
        side = max(right - left, bottom - top)
        crop = CropTransform((left + right) / 2, (top + bottom) / 2, float(side))
        return [FacePlace(crop, keeps_light=align is not None)]
    if align is None:
        return [FacePlace()]
    crops = _find(picture)
    if _is_face_crop(picture, crops):
        return [FacePlace(keeps_light=True)]
    return [FacePlace(crop, head_crop(crop), keeps_light=True) for crop in (crops if align == "all" else crops[:1])]


def align_styles(styles: Mapping[str, Style]) -> dict[str, Style]:
    """The styles with every reference that is a path or a picture cropped to its largest face, in white light.

    Warns:
        FaceWarning: no face was found in a reference, which is used as it is.
    """
    aligned: dict[int, Style] = {}
    for style in styles.values():
        if id(style) not in aligned:
            aligned[id(style)] = align_style(style)
    return {roi: aligned[id(style)] for roi, style in styles.items()}


def align_style(style: Style) -> Style:
    """The style with every reference that is a path or a picture cropped to its largest face; see `align_styles`.

    A style whose references stay as they are is returned itself: editors keep what they decoded by identity.
    """
    changed = []

    def align(reference: Reference) -> Reference:
        aligned = _align_reference(reference, in_white_light=getattr(style, "keep_light", True))
        changed.append(aligned is not reference)
        return aligned

    aligned = style.with_references(align)
    return aligned if any(changed) else style


def crop_reference(pixels: NDArray[np.uint8], name: str = "picture", in_white_light: bool = True) -> NDArray[np.uint8]:
    """The crop of the largest face in a reference (H, W, 3) uint8.

    With ``in_white_light`` a cast of its light is taken off, and a black-and-white picture is tinted. It is the
    reference itself where the face fills it, and nothing else is to be done.

    Warns:
        FaceWarning: no face was found, so it is taken as a face crop; or it is black and white, so its colours are
            guessed.
    """
    if in_white_light and is_grey(pixels):
        warnings.warn(f"reference {name}: it is black and white, so its colours are a guess", FaceWarning, stacklevel=8)
        pixels = tinted(pixels)
    faces = find_faces(pixels)
    if not faces:
        warnings.warn(f"reference {name}: no face found, so it is taken as a face crop", FaceWarning, stacklevel=8)
        return pixels
    crops, points = [face.crop_transform() for face in faces], faces[0].landmarks
    if not _is_face_crop(pixels, crops):
        crop = crops[0]
        pixels = crop.crop(pixels)
        points = crop.to_crop(points) * len(pixels)
    return without_cast(pixels, points) if in_white_light else pixels


def _find(picture: NDArray[np.uint8]) -> list[CropTransform]:
    faces = find_faces(picture)
    if not faces:
        raise FaceNotFoundError(
            f"no face found in the photo of {picture.shape[1]} x {picture.shape[0]} pixels: say where it is with "
            "box=(left, top, right, bottom) (--box), or take the photo as a face crop with align=None (--align none)",
            missing="face",
        )
    return [face.crop_transform() for face in faces]


def _is_face_crop(picture: NDArray[np.uint8], crops: Sequence[CropTransform]) -> bool:
    """Whether a picture with these faces shows little more than one, upright, so that the model takes it as it is."""
    if len(crops) > 1:
        return False
    height, width = picture.shape[:2]
    crop, side = crops[0], max(height, width)
    off = max(abs(crop.x - width / 2), abs(crop.y - height / 2))
    return side <= TIGHT * crop.side and off <= OFF_CENTRE * side and abs(crop.angle) <= TURNED


def _align_reference(reference: Reference, in_white_light: bool) -> Reference:
    if not isinstance(reference, (str, Path)) and getattr(reference, "dtype", None) != np.uint8:
        return reference
    picture: Any = reference
    pixels = as_picture(picture).shown
    name = str(reference) if isinstance(reference, (str, Path)) else f"picture {picture.shape}"
    cropped = crop_reference(pixels, name, in_white_light)
    return reference if cropped is pixels else ReferenceCrop(cropped, name)
