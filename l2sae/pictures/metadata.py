"""What of a photo's metadata goes into its edited copy: date, copyright, artist, resolution. Nothing else ever does.

Places (GPS), serial numbers, names of devices, maker notes, comments, XMP and IPTC blocks stay behind.
"""

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from PIL import Image, TiffImagePlugin, TiffTags

from l2sae.pictures.errors import EditError

Keep = Literal["keep", "none"]
ORIENTATION = 0x0112
_EXIF_IFD = 0x8769
_RESOLUTION = (0x011A, 0x011B, 0x0128)  # x, y, unit
_MAIN = {0x0132: "date", 0x013B: "artist", 0x8298: "copyright"}
_DETAILS = {
    0x9003: "date of the photo", 0x9004: "date of digitizing",
    0x9010: "time zone", 0x9011: "time zone of the photo", 0x9012: "time zone of digitizing",
    0x9290: "fractions", 0x9291: "fractions of the photo", 0x9292: "fractions of digitizing",
}  # fmt: skip
_TEXTS = {"Author": 0x013B, "Copyright": 0x8298}  # of PNG, where there is no EXIF
_LONGEST = 1000  # characters
_INCH, _CENTIMETRE = 2, 3  # EXIF's units of resolution


@dataclass(frozen=True)
class Metadata:
    """EXIF tags of text, and dots per inch (x, y), that are kept."""

    main: Mapping[int, str] = field(default_factory=dict)
    details: Mapping[int, str] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None

    def exif(self, resolution: bool) -> bytes | None:
        """The EXIF block; None if it would be empty. ``resolution``: whether it has to hold the resolution too."""
        exif = Image.Exif()
        exif.update({tag: value if value.isascii() else value.encode() for tag, value in self.main.items()})
        if self.details:
            exif.get_ifd(_EXIF_IFD).update(self.details)
        if resolution and self.dpi is not None:
            exif.update(dict(zip(_RESOLUTION, (*self.dpi, _INCH), strict=True)))
        return exif.tobytes() if len(exif) else None

    def tiff_tags(self) -> TiffImagePlugin.ImageFileDirectory_v2:
        """As tags of TIFF, into which Pillow brings EXIF's texts in ASCII alone."""
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in self.main.items():
            tags.tagtype[tag] = TiffTags.ASCII
            tags[tag] = value.encode() + b"\0"
        return tags


def check_choice(metadata: str) -> None:
    """Refuse another choice than ``keep`` and ``none``."""
    if metadata not in ("keep", "none"):
        raise EditError(f"metadata={metadata!r}: give 'keep' for date, copyright, artist and resolution, or 'none'")


def read_orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1 where there is none that can be read."""
    with contextlib.suppress(Exception):  # whatever a parser raises: a picture is shown without it all the same
        found = image.getexif().get(ORIENTATION, 1)
        return found if found in range(1, 9) else 1
    return 1


def read_metadata(image: Image.Image) -> Metadata:
    """What is kept of an image's metadata; what cannot be read is left out."""
    main: dict[int, str] = {}
    details: dict[int, str] = {}
    with contextlib.suppress(Exception):  # likewise
        exif = image.getexif()
        main = _texts(exif, _MAIN)
        details = _texts(exif.get_ifd(_EXIF_IFD), _DETAILS)
    texts = {tag: image.info.get(name) for name, tag in _TEXTS.items()}
    return Metadata(_texts(texts, _TEXTS.values()) | main, details, _dpi(image))


def _texts(found: Mapping[int, Any], wanted: Any) -> dict[int, str]:
    values = {tag: found.get(tag) for tag in wanted}
    clean = {tag: _text(value) for tag, value in values.items() if isinstance(value, str)}
    return {tag: value for tag, value in clean.items() if value}


def _text(value: str) -> str:
    """A text on one line; of UTF-8, which programs write where EXIF asks for ASCII, the letters."""
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    line = " ".join(value.replace("\0", " ").split())
    return "".join(letter for letter in line if letter.isprintable())[:_LONGEST]


def _dpi(image: Image.Image) -> tuple[float, float] | None:
    with contextlib.suppress(TypeError, ValueError, ZeroDivisionError, OverflowError):
        x, y = (float(value) for value in image.info["dpi"]) if "dpi" in image.info else _exif_dpi(image)
        if all(math.isfinite(value) and 1 < value <= 100_000 for value in (x, y)):
            return x, y
    return None


def _exif_dpi(image: Image.Image) -> tuple[float, float]:
    with contextlib.suppress(Exception):  # likewise
        exif = image.getexif()
        x, y, unit = (float(exif[tag]) for tag in _RESOLUTION)
        scale = {_INCH: 1.0, _CENTIMETRE: 2.54}[int(unit)]
        return x * scale, y * scale
    return math.nan, math.nan
