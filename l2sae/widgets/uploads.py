"""Files that come from the browser, and names for those that go there."""

import re
from pathlib import Path

from l2sae.editing import EditError
from l2sae.pictures.picture import Picture
from l2sae.pictures.reading import as_decoded, decode_image

MAX_UPLOAD = 64 * 2**20


def plain_name(name: str) -> str:
    """A name that serves as a file name anywhere."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(name).stem).strip("-")[:40] or "edit"


def decode_upload(name: str, data: bytes) -> Picture:
    """An uploaded photo.

    Raises:
        EditError: it is empty, too large, or no picture.
    """
    if not data:
        raise EditError(f"{name}: empty file; choose a photo")
    if len(data) > MAX_UPLOAD:
        raise EditError(f"{name}: {len(data) >> 20} MB; up to {MAX_UPLOAD >> 20} MB can be uploaded")
    file = Path(name)
    return as_decoded(decode_image(data, file), file)
