"""Colour profiles made in code."""

import struct

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

    def xyz(values: list[float] | Row) -> bytes:
        return b"XYZ \0\0\0\0" + b"".join(struct.pack(">i", round(value * 65536)) for value in values)

    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"
    name = b"made in code\0"
    text = b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + bytes(78)
    tags = [
        (b"desc", text + bytes(-len(text) % 4)), (b"wtpt", xyz(white)), (b"rXYZ", xyz(scaled[0])),
        (b"gXYZ", xyz(scaled[1])), (b"bXYZ", xyz(scaled[2])), (b"rTRC", curve), (b"gTRC", curve), (b"bTRC", curve),
    ]  # fmt: skip
    offset, table, data = 128 + 4 + 12 * len(tags), b"", b""
    for tag, content in tags:
        table += tag + struct.pack(">II", offset + len(data), len(content))
        data += content
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(">I4sI4s4s4s", 128 + len(body), b"lcms", 0x02100000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    return header + xyz(white)[8:] + bytes(128 - len(header) - 12) + body
