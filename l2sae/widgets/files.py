"""Files that come from the browser, and names for those that go there."""

import re
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l2sae.editing import EditError
from l2sae.pictures.photos import as_rgb, read_picture

MAX_UPLOAD = 64 * 2**20


def plain_name(name: str) -> str:
    """A name that serves as a file name anywhere."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem).strip("-")[:40] or "edit"


def decode_upload(name: str, data: bytes) -> NDArray[np.uint8]:
    """An uploaded photo, upright, (H, W, 3) uint8.

    Raises:
        EditError: it is empty, too large, or no picture.
    """
    if not data:
        raise EditError(f"{name}: empty file; choose a photo")
    if len(data) > MAX_UPLOAD:
        raise EditError(f"{name}: {len(data) >> 20} MB; up to {MAX_UPLOAD >> 20} MB can be uploaded")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "upload"
        file.write_bytes(data)
        try:
            return as_rgb(read_picture(file))[0]
        except EditError as error:
            raise EditError(str(error).replace(str(file), name)) from None
