"""Decoding of photos and label maps of any kind into square uint8 pictures and ROI label maps.

Whatever makes a file unusable raises `UnusableError` with a reason that starts with a fixed phrase, so that reasons
can be counted; ``prepare`` records it and goes on.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from l2sae.data.listing import Entry
from l2sae.data.schemes import MaskError, Scheme, map_colours, map_ids
from l2sae.pictures.conversions import MIN_SIDE, square_margins, square_photo
from l2sae.pictures.errors import UnusableError
from l2sae.pictures.metadata import read_orientation
from l2sae.pictures.reading import as_decoded, open_picture, turned


@dataclass(frozen=True)
class Face:
    """One prepared face: ``image`` (S, S, 3) uint8, ``labels`` (S, S) uint8 ROI ids, sha256 of each source file.

    ``measured`` holds figures for the table of attributes.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    digests: dict[Path, str]
    measured: dict[str, float] = field(default_factory=dict)


def load_face(entry: Entry, scheme: Scheme, owner: Mapping[str, int], size: int) -> Face:
    """Read a photo and its mask, bring both to a square of ``size`` pixels.

    Args:
        entry: files of one face.
        scheme: what the mask's ids or colours mean; unused where each part has a mask file of its own.
        owner: part -> ROI id, from `l2sae.data.schemes.part_rois`.
        size: side of the result in pixels.

    Raises:
        UnusableError: either file is damaged, unfit, or does not fit the other; the reason says which and why.
    """
    digests: dict[Path, str] = {}
    photo, labels = load_pair(entry, scheme, owner, digests)
    return Face(square_photo(photo, size), square_labels(labels, max(owner.values()), size), digests)


def load_pair(
    entry: Entry, scheme: Scheme, owner: Mapping[str, int], digests: dict[Path, str]
) -> tuple[Image.Image, NDArray[np.uint8]]:
    """A photo, upright RGB, and its ROI ids (H, W) over the same area, at the masks' own size.

    Raises:
        UnusableError: as `load_face`.
    """
    raw = open_picture(entry.photo, digests)
    photo = Image.fromarray(as_decoded(raw, entry.photo).shown)
    if min(photo.size) < MIN_SIDE:
        raise UnusableError(entry.photo, f"photo too small: {photo.width} x {photo.height}, at least {MIN_SIDE} a side")
    if entry.masks[0].part is None:
        path = entry.masks[0].path
        mask = _follow_photo(open_picture(path, digests), raw, photo, path)
        labels = _label_map(mask, path, scheme, owner)
    else:
        labels = _painted(entry, owner, digests)
        if labels.shape[0] * photo.width != labels.shape[1] * photo.height:
            raise UnusableError(entry.masks[0].path, _sizes_differ(labels.shape[1], labels.shape[0], photo))
    return photo, labels


def square_labels(labels: NDArray[np.uint8], count: int, size: int) -> NDArray[np.uint8]:
    """Pad ROI ids (H, W) to a square with 0 and resize to (size, size): the ROI with the largest area in each pixel.

    Args:
        labels: ids 0..count.
        count: number of ROIs.
        size: side of the result in pixels.
    """
    padded = np.pad(labels, square_margins(*labels.shape))
    masks = [Image.fromarray((padded == roi).astype(np.uint8) * 255) for roi in range(count + 1)]
    factor, rest = divmod(padded.shape[0], size)
    if factor and not rest:
        areas = [mask.reduce(factor) for mask in masks]  # as BOX, but for the rounding of areas, in half the time
    else:
        method = Image.Resampling.BOX if factor else Image.Resampling.BILINEAR
        areas = [mask.resize((size, size), method) for mask in masks]
    return np.stack([np.asarray(area) for area in areas]).argmax(axis=0).astype(np.uint8)


def _follow_photo(mask: Image.Image, raw: Image.Image, photo: Image.Image, path: Path) -> Image.Image:
    """Check that the mask fits the photo; a mask drawn on the unrotated photo is turned along with it."""
    if mask.size == photo.size:
        return mask
    orientation = read_orientation(raw)
    if mask.size == raw.size and orientation != 1:
        return turned(mask, orientation)
    raise UnusableError(path, _sizes_differ(mask.width, mask.height, photo))


def _sizes_differ(width: int, height: int, photo: Image.Image) -> str:
    return f"mask and photo differ in size: {width} x {height} against {photo.width} x {photo.height}"


def _label_map(mask: Image.Image, path: Path, scheme: Scheme, owner: Mapping[str, int]) -> NDArray[np.uint8]:
    """Ids or colours of a decoded mask to ROI ids (H, W)."""
    try:
        if scheme.colours:
            labels = map_colours(np.asarray(mask.convert("RGB")), scheme, owner)
        else:
            labels = map_ids(_ids(mask, path), scheme, owner)
    except MaskError as error:
        raise UnusableError(path, str(error)) from None
    if not labels.any():
        raise UnusableError(path, "mask shows none of the ROIs")
    return labels


def _ids(mask: Image.Image, path: Path) -> NDArray[np.integer]:
    """The ids of a palette, grey or grey-as-RGB mask."""
    values = np.asarray(mask)
    if values.dtype == bool:
        return values.astype(np.uint8)
    if values.ndim == 3:
        planes = values[..., : 1 if mask.mode in ("LA", "PA") else 3]
        if (planes != planes[..., :1]).any():
            raise UnusableError(path, "colour mask under a scheme of ids: give data.scheme as colour -> part")
        values = planes[..., 0]
    if not np.issubdtype(values.dtype, np.integer):
        raise UnusableError(path, f"unsupported pixel format: mask of mode {mask.mode}")
    return values


def _painted(entry: Entry, owner: Mapping[str, int], digests: dict[Path, str]) -> NDArray[np.uint8]:
    """Put the files of single parts together: painted over each other in order, or the strongest where ``soft``.

    A part outside every ROI still covers what lies below it: a hat hides hair.
    """
    canvas: NDArray[np.uint8] | None = None
    strongest: NDArray[np.uint8] | None = None
    for mask in entry.masks:
        picture = open_picture(mask.path, digests)
        bands = (picture if picture.mode in ("L", "RGB") else picture.convert("RGB")).split()
        values = np.asarray(functools.reduce(ImageChops.lighter, bands))  # NumPy's max(axis=-1) takes most of an import
        if canvas is None or strongest is None:
            canvas, strongest = np.zeros_like(values), np.zeros_like(values)
        if canvas.shape != values.shape:
            raise UnusableError(mask.path, "masks of one photo differ in size")
        canvas[values > strongest if entry.soft else values > 0] = owner[mask.part or ""]
        strongest = np.maximum(strongest, values)
    if canvas is None or not canvas.any():
        raise UnusableError(entry.masks[0].path, "mask shows none of the ROIs")
    return canvas
