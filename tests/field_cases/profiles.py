"""Colour profiles made in code."""

import struct
from collections.abc import Sequence

from PIL import ImageCms

Row = tuple[float, float, float]


def exchanged_profile() -> bytes:
    """sRGB with the primaries of red and green exchanged."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"tXYZ", 1).replace(b"gXYZ", b"rXYZ", 1).replace(b"tXYZ", b"gXYZ", 1)


def matrix_profile(primaries: tuple[Row, Row, Row], gamma: float = 2.2) -> bytes:
    """An ICC profile, version 2, of RGB values: XYZ of red, green and blue under D65, one gamma.

    Adapted to D50 by scaling each of X, Y, Z, so that white is D50's.
    """
    white = (0.9642, 1.0, 0.8249)
    sums = [sum(row[axis] for row in primaries) for axis in range(3)]
    scaled = [[row[axis] * white[axis] / sums[axis] for axis in range(3)] for row in primaries]

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    tags = [
        (b"desc", _text(b"made in code")), (b"wtpt", _xyz(white)), (b"rXYZ", _xyz(scaled[0])),
        (b"gXYZ", _xyz(scaled[1])), (b"bXYZ", _xyz(scaled[2])), (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve),
    ]  # fmt: skip
    header = struct.pack(">4sI4s4s4s", b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz(white)[8:]
    return _assemble(header, tags)


def cmyk_profile(order: tuple[int, int, int] = (0, 1, 2)) -> bytes:
    """An ICC profile of CMYK values, from a table of 2 x 2 x 2 x 2 corners; ``order`` says which ink is which.

    Ink 0 takes red away, 1 green, 2 blue, the fourth all of them; values are those of Lab in 8 bits.
    """
    corners = []
    for corner in range(16):
        inks = [(corner >> (3 - ink)) & 1 for ink in range(4)]
        rgb = [0 if inks[3] else 1 - inks[order[channel]] for channel in range(3)]
        corners.append(_lab(rgb))
    ramp = bytes(range(256))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 2, 0])
    table += b"".join(struct.pack(">i", 65536 if place in (0, 4, 8) else 0) for place in range(9))
    table += ramp * 4 + b"".join(corners) + ramp * 3
    header = struct.pack(">4sI4s4s4s", b"lcms", 0x02100000, b"prtr", b"CMYK", b"Lab ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + _xyz((0.9642, 1.0, 0.8249))[8:]
    tags = [(b"desc", _text(b"inks")), (b"wtpt", _xyz((0.9642, 1.0, 0.8249))), (b"A2B0", table)]
    return _assemble(header, tags)


def _lab(rgb: list[int]) -> bytes:
    """A corner of the RGB cube as Lab in 8 bits."""
    known = {
        (1, 1, 1): (100, 0, 0), (0, 0, 0): (0, 0, 0), (1, 0, 0): (54, 81, 70), (0, 1, 0): (88, -79, 81),
        (0, 0, 1): (30, 68, -112), (1, 1, 0): (98, -16, 93), (0, 1, 1): (91, -51, -15), (1, 0, 1): (60, 94, -60),
    }  # fmt: skip
    lightness, a, b = known[tuple(rgb)]
    return bytes([round(lightness * 2.55), a + 128, b + 128])


def _xyz(values: Sequence[float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)


def _text(name: bytes) -> bytes:
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name) + 1) + name + b"\0" + bytes(78)
    return text + bytes(-len(text) % 4)


def _assemble(header: bytes, tags: list[tuple[bytes, bytes]]) -> bytes:
    offset, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for tag, content in tags:
        table += tag + struct.pack(">II", offset + len(data), len(content))
        data += content + bytes(-len(content) % 4)
    body = struct.pack(">I", len(tags)) + table + data
    return (struct.pack(">I", 128 + len(body)) + header).ljust(128, b"\0") + body
