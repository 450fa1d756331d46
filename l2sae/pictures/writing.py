"""From pixels to a picture file: the one place that encodes, and the limits of each format."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae.pictures.conversions import on_white
from l2sae.pictures.errors import EditError
from l2sae.pictures.files import atomic_write
from l2sae.pictures.metadata import Metadata

Pixels = NDArray[np.uint8]
QUALITY = 95


@dataclass(frozen=True)
class FileFormat:
    """A kind of file: Pillow's name and options, MIME type, longest side in pixels, and what it can hold.

    ``dpi`` is a place for the resolution outside EXIF.
    """

    name: str
    mime: str
    longest: int
    alpha: bool = True
    lossy: bool = True
    dpi: bool = True
    options: tuple[tuple[str, Any], ...] = ()


_JPEG = FileFormat("JPEG", "image/jpeg", 65_535, alpha=False, options=(("subsampling", 0),))
_DEFLATE = (("compression", "tiff_adobe_deflate"),)
_TIFF = FileFormat("TIFF", "image/tiff", 2**31 - 1, lossy=False, options=_DEFLATE)
FORMATS = {
    ".png": FileFormat("PNG", "image/png", 2**31 - 1, lossy=False, options=(("compress_level", 4),)),
    # compression 4 makes files as small as Pillow's 6, twice as fast
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": FileFormat("WEBP", "image/webp", 16_383, dpi=False, options=(("method", 4),)),
    ".avif": FileFormat("AVIF", "image/avif", 65_535, dpi=False, options=(("subsampling", "4:4:4"), ("speed", 8))),
    ".tif": _TIFF,
    ".tiff": _TIFF,
}


def format_of(path: str | Path) -> FileFormat:
    """The kind of file that a name asks for.

    Raises:
        EditError: none that can be written.
    """
    found = FORMATS.get(Path(path).suffix.lower())
    if found is None:
        raise EditError(f"{path}: the name has to end in {', '.join(FORMATS)}")
    return found


def check_storable(path: str | Path, height: int, width: int) -> None:
    """Refuse a picture that is too large for the kind of file that ``path`` names."""
    kind = format_of(path)
    if max(height, width) > kind.longest:
        raise EditError(
            f"{path}: {width} x {height} pixels, and {kind.name} holds {kind.longest} a side: write .png or .tif"
        )


def storable(picture: Pixels, path: str | Path) -> tuple[Pixels, str | None]:
    """The picture as its kind of file can hold it, and a note if that is not all of it."""
    kind = format_of(path)
    if picture.shape[2] == 3 or kind.alpha:
        return picture, None
    pixels, alpha = picture[..., :3], picture[..., 3:]
    if (alpha == 255).all():
        return pixels, None
    note = f"{path}: {kind.name} holds no transparency: laid over white; .png, .webp, .avif and .tif keep it"
    return on_white(pixels, alpha), note


def encode(
    picture: Pixels,
    path: str | Path,
    quality: int = QUALITY,
    icc_profile: bytes | None = None,
    metadata: Metadata | None = None,
) -> bytes:
    """The bytes of a picture as the file that ``path`` names would hold them.

    Args:
        picture: (H, W, 3) or (H, W, 4) uint8.
        path: its ending names the kind of file.
        quality: of JPEG, WebP and AVIF, 1 to 100.
        icc_profile: of the pixels.
        metadata: what goes with them.

    Raises:
        EditError: the kind of file cannot hold it.
    """
    kind = format_of(path)
    check_storable(path, *picture.shape[:2])
    if picture.shape[2] == 4 and not kind.alpha:
        raise EditError(f"{path}: {kind.name} has no transparency: write .png or .webp, or picture[..., :3]")
    options = dict(kind.options) | ({"quality": quality} if kind.lossy else {})
    if icc_profile:
        options["icc_profile"] = icc_profile
    if metadata is not None:
        if kind.name == "TIFF":
            options["tiffinfo"] = metadata.tiff_tags()
        elif exif := metadata.exif(resolution=not kind.dpi):
            options["exif"] = exif
        if metadata.dpi is not None and kind.dpi:
            options["dpi"] = metadata.dpi
    buffer = io.BytesIO()
    try:
        Image.fromarray(np.ascontiguousarray(picture)).save(buffer, kind.name, **options)
    except (OSError, ValueError, RuntimeError, OverflowError) as error:
        raise EditError(f"{path}: cannot be written as {kind.name}: {error}") from None
    return buffer.getvalue()


def through_jpeg(picture: Pixels, quality: int) -> Pixels:
    """An RGB picture (H, W, 3) uint8 as baseline JPEG with 4:2:0 chroma, Pillow's default, leaves it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def write_picture(picture: Pixels, path: str | Path) -> None:
    """Encode a picture and write it, whole or not at all; arguments and errors as for `encode`."""
    atomic_write(path, encode(picture, path))
