"""What goes from the kernel to the browser: JSON, and pictures as the bytes of JPEG or PNG files."""

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

JPEG_QUALITY = 90


@dataclass(frozen=True)
class Reply:
    """One message: ``content`` with its ``type``, and the files that belong to it."""

    content: dict[str, Any]
    buffers: list[bytes] = field(default_factory=list)


def jpeg(picture: NDArray[np.uint8]) -> bytes:
    """A picture (H, W[, 3]) as JPEG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return buffer.getvalue()


def png(picture: NDArray[np.uint8]) -> bytes:
    """A picture (H, W[, C]) as PNG, quickly rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def coloured(matte: NDArray[np.uint8], colour: str) -> bytes:
    """A matte (H, W) uint8 as PNG in one colour, opaque where the matte is 255."""
    rgba = np.empty((*matte.shape, 4), np.uint8)
    rgba[..., :3] = ImageColor.getrgb(colour)
    rgba[..., 3] = matte
    return png(rgba)
