"""Decoding of picture files of any kind into upright RGB pictures of 8 bits.

Whatever makes a file unusable raises `UnusableError` with a reason that starts with a fixed phrase, so that reasons
can be counted.
"""

import hashlib
import io
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

MIN_SIDE = 32  # pixels; a smaller photo holds no face
ORIENTATION = 0x0112  # EXIF tag
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)  # as Pillow raises


class UnusableError(ValueError):
    """A photo or mask cannot be used; ``file`` is the one to blame."""

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Read one picture as upright (EXIF) 8-bit RGB, (H, W, 3); transparency shows white.

    Raises:
        UnusableError: the file is damaged, or not one still picture.
    """
    return np.asarray(upright_rgb(open_picture(path, {}), path))


def square_photo(photo: Image.Image | NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Pad an RGB picture to a square by repeating its edges and resize it, antialiased, to (size, size, 3) uint8."""
    width, height = photo.size if isinstance(photo, Image.Image) else photo.shape[1::-1]
    if width != height:
        photo = np.pad(np.asarray(photo), (*square_margins(height, width), (0, 0)), mode="edge")
    if isinstance(photo, np.ndarray):
        photo = Image.fromarray(photo)
    return np.asarray(photo.resize((size, size), Image.Resampling.BICUBIC))


def square_margins(height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows to add (above, below) and columns to add (left, right) that make a picture square."""
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return (top, side - height - top), (left, side - width - left)


def open_picture(path: Path, digests: dict[Path, str]) -> Image.Image:
    """Open one still picture and decode it fully; its sha256 goes into ``digests``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnusableError(path, f"unreadable file: {error.strerror}") from None
    if not data:
        raise UnusableError(path, "empty file")
    digests[path] = hashlib.sha256(data).hexdigest()
    try:
        image = Image.open(io.BytesIO(data))
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # MPO: a camera's still with a preview
            raise UnusableError(path, "animated or multi-page picture")
        image.load()
    except UnidentifiedImageError:
        raise UnusableError(path, "not an image") from None
    except UnusableError:
        raise
    except _DAMAGE as error:
        raise UnusableError(path, f"truncated or damaged: {error}") from None
    return image


def upright_rgb(image: Image.Image, path: Path) -> Image.Image:
    """Apply the EXIF rotation and convert any mode to 8-bit RGB; transparency shows white."""
    upright = image if image.getexif().get(ORIENTATION, 1) == 1 else ImageOps.exif_transpose(image)
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        return _from_wide_grey(upright, path)
    if upright.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in upright.info:
        colour = upright.convert("RGBA")
        canvas = Image.new("RGBA", colour.size, "white")
        return Image.alpha_composite(canvas, colour).convert("RGB")
    return upright if upright.mode == "RGB" else upright.convert("RGB")


def _from_wide_grey(image: Image.Image, path: Path) -> Image.Image:
    """16-bit grey to RGB; Pillow would clip it at 255."""
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise UnusableError(path, "unsupported pixel format: grey values outside 16 bits")
    scale = 257.0 if values.max() > 255 else 1.0
    return Image.fromarray(np.round(values / scale).astype(np.uint8)).convert("RGB")
