"""Faces in larger photos: found, cropped upright for the model, and edited in place."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2sae.editing.references import Reference
from l2sae.editing.styles import Style
from l2sae.faces.dlib_faces import FacesMissingError, find_faces
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError, FaceNotFoundError, FaceWarning
from l2sae.pictures.reading import as_picture

ALIGN_MODES = ("auto", "all")


@dataclass(frozen=True, eq=False)
class AlignedFace:
    """An upright square ``crop`` (S, S, 3) uint8 of a photo, and the ``transform`` between the two."""

    crop: NDArray[np.uint8]
    transform: CropTransform


def align_face(picture: str | Path | NDArray[np.uint8]) -> AlignedFace:
    """Crop the largest face of a photo as the model expects faces, e.g. for ``Swap(align_face("photo.jpg").crop)``.

    Args:
        picture: a path, or uint8 (H, W[, C]).

    Raises:
        FaceNotFoundError: no face was found.
        EditError: the picture cannot be read, or the extra ``faces`` is not installed.
    """
    pixels = _pixels(picture)
    transform = face_crops(pixels)[0]
    return AlignedFace(transform.crop(pixels), transform)


def face_crops(picture: NDArray[np.uint8], align: str = "auto") -> list[CropTransform]:
    """The crop of the largest face (``auto``), or of every face (``all``), of a picture (H, W, 3) uint8.

    Raises:
        FaceNotFoundError: no face was found.
        EditError: another mode, or the extra ``faces`` is not installed.
    """
    if align not in ALIGN_MODES:
        raise EditError(f"align={align!r}: give 'auto' for the largest face, 'all' for every face, or None")
    try:
        faces = find_faces(picture)
    except FacesMissingError as error:
        raise EditError(
            f"align={align!r}: {error}; or crop the photo to the face, or give box=(left, top, right, bottom)"
        ) from None
    if not faces:
        raise FaceNotFoundError(
            f"no face found in the photo of {picture.shape[1]} x {picture.shape[0]} pixels: crop it to the face, or "
            "give the face's place as box=(left, top, right, bottom)",
            missing="face",
        )
    return [face.crop_transform() for face in (faces if align == "all" else faces[:1])]


def align_styles(styles: Mapping[str, Style]) -> dict[str, Style]:
    """The styles with every reference that is a path or a picture cropped to its largest face.

    Warns:
        FaceWarning: no face was found in a reference, which is used as it is.
    """
    aligned: dict[int, Style] = {}
    for style in styles.values():
        if id(style) not in aligned:
            aligned[id(style)] = style.with_references(_align_reference)
    return {roi: aligned[id(style)] for roi, style in styles.items()}


def _align_reference(reference: Reference) -> Reference:
    if not isinstance(reference, (str, Path)) and getattr(reference, "dtype", None) != np.uint8:
        return reference
    picture: Any = reference
    try:
        return align_face(picture).crop
    except FaceNotFoundError:
        name = str(reference) if isinstance(reference, (str, Path)) else f"picture {picture.shape}"
        warnings.warn(f"reference {name}: no face found, so it is taken as a face crop", FaceWarning, stacklevel=7)
        return reference


def _pixels(picture: str | Path | NDArray[np.uint8]) -> NDArray[np.uint8]:
    return as_picture(picture).shown
