"""Whether a picture file has a place for a manifest: by the container's own structure, not by letters in it."""

import re
from collections.abc import Iterator

_BEGINNING = re.compile(rb"jumb.{4}jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71", re.DOTALL)
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"
_APP11, _SCAN, _END, _ALONE = 0xEB, 0xDA, 0xD9, {0x01, *range(0xD0, 0xD8)}


def mime_of(encoded: bytes) -> str | None:
    """The type of a PNG, JPEG, WebP, AVIF, HEIC or TIFF file by its first bytes; None for others."""
    if encoded.startswith(_PNG[:4]):
        return "image/png"
    if encoded.startswith(_JPEG):
        return "image/jpeg"
    if encoded[4:8] == b"ftyp":
        return "image/avif" if b"avif" in encoded[8:64] else "image/heic"
    if encoded[:4] in (b"II*\0", b"MM\0*"):
        return "image/tiff"
    return "image/webp" if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP" else None


def has_manifest_box(encoded: bytes) -> bool:
    """Whether a file holds a chunk or segment of the kind that C2PA puts its manifests in, readable or not.

    These are ``caBX`` chunks of PNG, APP11 segments with JUMBF boxes of JPEG, and ``C2PA`` chunks of WebP (C2PA 2.2,
    appendix A.3). Elsewhere, and where the structure is damaged, the first bytes of a manifest tell, which no text
    holds.
    """
    if _BEGINNING.search(encoded):
        return True
    mime = mime_of(encoded)
    if mime == "image/png":
        return b"caBX" in _png_chunks(encoded)
    if mime == "image/jpeg":
        return any(kind == _APP11 and content[:2] == b"JP" for kind, content in _jpeg_segments(encoded))
    return mime == "image/webp" and b"C2PA" in _webp_chunks(encoded)


def _png_chunks(encoded: bytes) -> Iterator[bytes]:
    place = len(_PNG)
    while place + 8 <= len(encoded):
        yield encoded[place + 4 : place + 8]
        place += 12 + int.from_bytes(encoded[place : place + 4], "big")


def _webp_chunks(encoded: bytes) -> Iterator[bytes]:
    place = 12
    while place + 8 <= len(encoded):
        yield encoded[place : place + 4]
        size = int.from_bytes(encoded[place + 4 : place + 8], "little")
        place += 8 + size + size % 2


def _jpeg_segments(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of each segment before the picture's data."""
    place = len(_JPEG)
    while place + 4 <= len(encoded) and encoded[place] == 0xFF:
        kind = encoded[place + 1]
        if kind in (_SCAN, _END):
            return
        if kind == 0xFF or kind in _ALONE:  # fill byte, or a marker without content
            place += 1 if kind == 0xFF else 2
            continue
        size = int.from_bytes(encoded[place + 2 : place + 4], "big")
        yield kind, encoded[place + 4 : place + 2 + size]
        place += 2 + size
