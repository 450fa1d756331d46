"""Photos as people have them, and what must become of each: built in code, one entry a case."""

import io
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from PIL import Image, TiffImagePlugin

from tests.field_cases.profiles import cmyk_profile, exchanged_profile, matrix_profile

P3 = matrix_profile(((0.4867, 0.2290, 0.0), (0.2657, 0.6917, 0.0451), (0.1982, 0.0793, 1.0437)))
SECRETS = (b"SERIAL-123", b"Camera Maker", b"stale thumbnail")


@dataclass(frozen=True)
class Case:
    """A photo's file, by name and bytes, and what must become of it.

    ``refused`` is part of the reason, None where it is edited; ``note`` part of what is said beside the result.
    """

    name: str
    make: Callable[[], bytes]
    refused: str | None = None
    note: str | None = None


def portrait(side: int = 270) -> Image.Image:
    """A public-domain photo of a face."""
    return Image.fromarray(np.ascontiguousarray(skimage.data.astronaut()[:270, 95:365])).resize((side, side))


def saved(kind: str, image: Image.Image | None = None, **options: Any) -> Callable[[], bytes]:
    """What makes the bytes of the portrait, or of another image, as a file."""

    def make() -> bytes:
        buffer = io.BytesIO()
        (portrait() if image is None else image).save(buffer, kind, **options)
        return buffer.getvalue()

    return make


def with_alpha(kind: str, alpha: int | str = "hole") -> Callable[[], bytes]:
    """A file of the portrait with transparency: a hole on top, or one value."""
    image = portrait().convert("RGBA")
    mask = Image.new("L", image.size, 255 if alpha == "hole" else int(alpha))
    if alpha == "hole":
        mask.paste(0, (0, 0, 270, 30))
    image.putalpha(mask)
    return saved(kind, image)


def tags(**values: Any) -> TiffImagePlugin.ImageFileDirectory_v2:
    """TIFF tags by number, as ``t254=1``."""
    found = TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in values.items():
        if isinstance(value, bytes):
            found.tagtype[int(name[1:])] = 1
        found[int(name[1:])] = value
    return found


def exif(orientation: int | None = None) -> Image.Exif:
    """EXIF with what is kept and what must never be."""
    found = Image.Exif()
    found[0x0132], found[0x013B], found[0x8298] = "2024:05:06 07:08:09", "Ann Author", "(c) Ann Author"
    found[0x010F], found[0x010E] = "Camera Maker", "stale thumbnail"
    if orientation is not None:
        found[0x0112] = orientation
    found.get_ifd(0x8769).update({0x9003: "2024:05:06 07:08:09", 0xA431: "SERIAL-123"})
    found.get_ifd(0x8825).update({1: "N", 2: (51.0, 30.0, 0.0)})
    return found


def letters() -> Image.Exif:
    """EXIF with letters outside ASCII, as UTF-8, on several lines."""
    found = Image.Exif()
    found[0x013B], found[0x8298] = "Zo\u00eb M\u00fcller".encode(), "\u00a9 2024\n\u5199\u771f".encode()
    return found


def grey_with_hole() -> bytes:
    """A grey PNG of 16 bits, one of whose levels is transparent."""
    levels = np.asarray(portrait().convert("L")).astype(">u2") * 257
    levels[:30] = 7
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 270, 270, 16, 0, 0, 0, 0)), (b"tRNS", struct.pack(">H", 7)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in levels))), (b"IEND", b""),
    ]  # fmt: skip
    parts = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def frames(kind: str, **options: Any) -> Callable[[], bytes]:
    """An animation, or a file of two pages."""
    return saved(kind, save_all=True, append_images=[portrait().rotate(90)], **options)


def cut(make: Callable[[], bytes], share: float) -> Callable[[], bytes]:
    """The first part of a file."""
    return lambda: (content := make())[: int(len(content) * share)]


_JUNK = b"\0\x08\0\x02\x01\x12\0\x03"
JUNK_EXIF = (_JUNK, b"Exif\0\0" + _JUNK, b"Exif\0\0MM\0*\xff\xff\xff\xff", b"\xff" * 40)
JUNK_PROFILE = b"no profile at all" * 9

CASES = [
    # endings and kinds
    *(Case(f"photo{ending}", saved(kind)) for ending, kind in {
        ".png": "PNG", ".jpg": "JPEG", ".JPG": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".webp": "WEBP",
        ".avif": "AVIF", ".tif": "TIFF", ".bmp": "BMP", ".gif": "GIF", ".jp2": "JPEG2000", ".unknown": "PNG",
        "": "JPEG",
    }.items()),
    Case("jpeg named.png", saved("JPEG")),
    Case("photo.HEIC", lambda: b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), refused="heic"),
    Case("photo.mov", lambda: b"\0\0\0\x14ftypqt  " + bytes(200), refused="not an image"),
    Case("words.jpg", lambda: b"no picture at all", refused="not an image"),
    Case("empty.png", lambda: b"", refused="empty file"),
    # broken metadata is ignored
    *(Case(f"junk exif {number}.{kind.lower()}", saved(kind, exif=junk)) for kind in ("PNG", "JPEG", "WEBP")
      for number, junk in enumerate(JUNK_EXIF)),
    *(Case(f"junk profile.{kind.lower()}", saved(kind, icc_profile=JUNK_PROFILE)) for kind in ("PNG", "JPEG", "TIFF")),
    # damaged pixels
    *(Case(f"cut.{kind.lower()}", cut(saved(kind), 0.5), refused="damaged")
      for kind in ("PNG", "JPEG", "WEBP")),
    Case("cut.avif", cut(saved("AVIF"), 0.5), refused="not an image"),
    # cameras' RAW
    Case("raw.dng", saved("TIFF", tiffinfo=tags(t50706=b"\1\4\0\0")), refused="camera RAW"),
    Case("raw.tif", saved("TIFF", tiffinfo=tags(t50706=b"\1\4\0\0")), refused="camera RAW"),
    Case("raw.nef", saved("TIFF", tiffinfo=tags(t254=1)), refused="camera RAW"),
    Case("raw.NEF", saved("TIFF"), refused="camera RAW"),
    Case("raw.cr2", lambda: b"II*\0\x10\0\0\0CR\2\0" + bytes(300), refused="camera RAW"),
    Case("raw.cr3", lambda: b"\0\0\0\x18ftypcrx \0\0\0\1" + bytes(300), refused="camera RAW"),
    Case("raw.arw", lambda: b"nothing that is known" * 9, refused="camera RAW"),
    # several pictures in one file
    *(Case(f"moving.{kind.lower()}", frames(kind), note="the first one is taken")
      for kind in ("GIF", "PNG", "WEBP", "AVIF")),
    Case("pages.tif", frames("TIFF"), refused="multi-page"),
    # size
    Case("200 megapixels.png", saved("PNG", Image.new("1", (20_000, 10_000))), refused="the limit is 179 megapixels"),
    Case("tiny.png", saved("PNG", portrait(20)), refused="at least 32"),
    # kinds of values
    *(Case(f"mode {mode}.png", saved("PNG", portrait().convert(mode))) for mode in ("L", "LA", "P", "1", "RGBA")),
    Case("mode CMYK.jpg", saved("JPEG", portrait().convert("CMYK"))),
    Case("mode 16 bits.png", saved("PNG", Image.fromarray(np.asarray(portrait().convert("L")) * np.uint16(257)))),
    # colour
    *(Case(f"wide.{kind.lower()}", saved(kind, icc_profile=P3)) for kind in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF")),
    Case("exchanged.png", saved("PNG", icc_profile=exchanged_profile())),
    Case("palette.png", saved("PNG", portrait().quantize(64), icc_profile=P3)),
    Case("inks.jpg", saved("JPEG", portrait().convert("CMYK"), icc_profile=cmyk_profile()), note="result is in sRGB"),
    Case("grey for colours.png", saved("PNG", portrait().convert("L"), icc_profile=P3)),
    Case("colours for inks.png", saved("PNG", icc_profile=cmyk_profile()), note="left out"),
    # transparency
    *(Case(f"hole.{kind.lower()}", with_alpha(kind)) for kind in ("PNG", "WEBP", "AVIF", "TIFF")),
    Case("grey hole.png", grey_with_hole),
    Case("opaque.png", with_alpha("PNG", 255)),
    Case("see through.png", with_alpha("PNG", 90)),
    # metadata
    *(Case(f"facts.{kind.lower()}", saved(kind, exif=exif(), dpi=(300, 300)))
      for kind in ("PNG", "JPEG", "TIFF", "WEBP")),
    *(Case(f"letters.{kind.lower()}", saved(kind, exif=letters())) for kind in ("PNG", "JPEG", "WEBP", "TIFF", "AVIF")),
    *(Case(f"turned {number}.jpg", saved("JPEG", exif=exif(number))) for number in range(2, 9)),
]  # fmt: skip

NAMES = [  # of a good photo, as bytes
    b"M\xfcller.jpg",
    b"\xff\xfe\x80.jpg",
    b"n" * 236 + b".jpg",
    b"n" * 251 + b".jpg",
    ("\u5199\u771f\u7684" * 26 + "\u5199").encode() + b".jpg",
    ("\u5199\u771f\u7684" * 27 + "\u5199\u771f").encode() + b".jpg",
    b"two\nlines.jpg",
    b" blanks .jpg",
    b"-o.jpg",
    b"~.jpg",
    b"100%[x]*?.jpg",
    rb"back\x41slash.jpg",
]


def write(folder: Path, case: Case) -> Path:
    """Put a case's file into a folder."""
    path = folder / case.name
    path.write_bytes(case.make())
    return path


def write_named(folder: Path, name: bytes) -> Path:
    """Put a good photo into a folder under a name of bytes."""
    path = folder / os.fsdecode(name)
    path.write_bytes(saved("JPEG")())
    return path


def padded_png(width: int, height: int) -> bytes:
    """A grey PNG header that claims a size which no rows back up."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + b"IHDR" + header
