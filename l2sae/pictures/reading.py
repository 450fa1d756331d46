"""From the bytes of a file to a `Picture`: the one place where decoders run, and where all that they raise is caught.

Whatever makes a file unusable raises `UnusableError` with a reason that starts with a fixed phrase, so that reasons
can be counted. Metadata that cannot be read is left out instead.
"""

import hashlib
import importlib.util
import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from l2sae.pictures.colour_profiles import converted_to_srgb, is_two_way, profile_space, to_srgb
from l2sae.pictures.conversions import check_size
from l2sae.pictures.errors import PictureWarning, UnusableError
from l2sae.pictures.files import path_of
from l2sae.pictures.metadata import read_metadata, read_orientation
from l2sae.pictures.picture import PhotoFile, Picture

RAW_ENDINGS = (
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef",
    ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
)  # fmt: skip
_RAW = "camera RAW: only its small preview could be read: develop it to a JPEG, PNG or TIFF first"
_RAW_STARTS = (b"FUJIFILMCCD-RAW", b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FOVb", b"\0MRM", b"II\x1a\0\0\0HEAPCCDR")
_RAW_BRANDS = (b"crx ",)
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_DNG_VERSION, _SUBFILE_TYPE, _PHOTOMETRIC = 0xC612, 0x00FE, 0x0106
_MOST_SCANS = 500  # of a JPEG, which has about ten: each is a pass over all pixels, so that many take hours
_SENSOR_VALUES = (32803, 34892)  # colour filter array, linear raw
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def load_picture(path: str | Path, still: bool = False) -> Picture:
    """Read a photo from a file.

    Args:
        path: of any format that Pillow reads; HEIC with the extra ``heic``. ``~`` is the home folder.
        still: refuse an animation instead of taking its first frame.

    Raises:
        UnusableError: an `EditError`: no such file, or not a readable picture; the reason says why.
    """
    file = path_of(path)
    return as_decoded(decode_image(read_file(file), file, still), file)


def as_picture(photo: PhotoFile) -> Picture:
    """A photo of any kind: a path, a Pillow image, or a uint8 array.

    Raises:
        EditError: it cannot be read, or is too small to show a face.

    Warns:
        PictureWarning: something of the file is not taken over.
    """
    if isinstance(photo, Picture):
        picture = photo
    elif isinstance(photo, (str, Path)):
        picture = load_picture(photo)
    elif isinstance(photo, Image.Image):
        picture = as_decoded(_loaded(photo, Path("picture"), still=False), Path("picture"))
    else:
        return Picture.of(np.asarray(photo))
    check_size(*picture.pixels.shape[:2])
    for note in picture.notes:
        warnings.warn(note, PictureWarning, stacklevel=3)
    return picture


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """A picture file as a person sees it, upright, (H, W, 3) uint8 in sRGB; transparency shows white.

    Raises:
        UnusableError: as `load_picture`.
    """
    return load_picture(path).shown


def read_photo(path: Path) -> NDArray[np.uint8]:
    """Read a picture for training: as `read_picture`, but animations are refused."""
    return load_picture(path, still=True).shown


def open_picture(path: Path, digests: dict[Path, str]) -> Image.Image:
    """Open one still picture and decode it fully; its sha256 goes into ``digests``."""
    content = read_file(path)
    digests[path] = hashlib.sha256(content).hexdigest()
    return decode_image(content, path, still=True)


def read_file(path: Path) -> bytes:
    """A file's bytes; a folder, no file or an empty one is an `UnusableError`."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UnusableError(path, "no such picture; check the path") from None
    except OSError as error:
        raise UnusableError(path, f"unreadable file: {error.strerror}") from None
    if not content:
        raise UnusableError(path, "empty file")
    return content


def decode_image(content: bytes, path: Path, still: bool = False) -> Image.Image:
    """Decode a picture file's bytes fully; of an animation the first frame, or with ``still`` none.

    Raises:
        UnusableError: damaged, of an unknown kind, too large, several pages, or a camera's RAW.
    """
    if _is_raw(content):
        raise UnusableError(path, _RAW)
    if content.startswith(b"\xff\xd8") and content.count(b"\xff\xda") > _MOST_SCANS:
        raise UnusableError(path, f"a JPEG of more than {_MOST_SCANS} scans, which would take hours: save it afresh")
    _prepare_heic(content, path)
    with _guarded(path):
        try:
            image = Image.open(io.BytesIO(content))
        except UnidentifiedImageError:
            if path.suffix.lower() in RAW_ENDINGS:
                raise UnusableError(path, _RAW) from None
            if content[:4] in (b"II*\0", b"MM\0*"):
                raise UnusableError(path, "truncated or damaged, or a TIFF with unusual values: save 8 bits") from None
            raise
        return _loaded(image, path, still)


def as_decoded(image: Image.Image, path: Path) -> Picture:
    """A decoded image as a `Picture`: upright, 8 bits, RGB.

    Raises:
        UnusableError: a kind of values that 8 bits cannot hold.
    """
    with _guarded(path):
        metadata = read_metadata(image)
        upright = turned(image, read_orientation(image))
        notes = [image.info["l2sae_note"]] if "l2sae_note" in image.info else []
        rgb, alpha = _planes(upright, path)
        rgb, profile = _profiled(upright, rgb, image.info.get("icc_profile"), notes)
        pixels = np.asarray(rgb)
        if profile is not None and not is_two_way(profile):
            notes.append("its colour profile works one way only: the result is in sRGB")
            pixels, profile = to_srgb(pixels, profile), None
        return Picture(pixels, alpha, profile, metadata, image.mode, tuple(f"{path}: {note}" for note in notes))


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """An image turned as EXIF's ``orientation``, 1 to 8, asks for."""
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


@contextmanager
def _guarded(path: Path) -> Iterator[None]:
    """Turn whatever a decoder raises into the reason why the file cannot be used."""
    try:
        yield
    except UnusableError:
        raise
    except UnidentifiedImageError:
        raise UnusableError(path, "not an image") from None
    except MemoryError:
        raise UnusableError(path, "too large for this machine's memory: reduce it first", again=True) from None
    except Image.DecompressionBombError as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))
        raise UnusableError(path, _too_large(int(pixels[1]) if pixels else None)) from None
    except Exception as error:  # decoders of damaged files raise anything
        what = str(error) or type(error).__name__
        raise UnusableError(path, f"truncated or damaged: {what}") from None


def _loaded(image: Image.Image, path: Path, still: bool) -> Image.Image:
    with _guarded(path):
        if image.width * image.height > _most_pixels():
            raise UnusableError(path, _too_large(image.width * image.height))
        frames = int(getattr(image, "n_frames", 1))
        if image.format == "TIFF" and _is_preview(image, path):
            raise UnusableError(path, _RAW)
        if frames > 1 and image.format != "MPO":  # MPO: a camera's still with a preview
            if still or not getattr(image, "is_animated", False) or image.format not in ("GIF", "PNG", "WEBP", "AVIF"):
                what = f"animated or multi-page picture of {frames} frames: save the one that is meant by itself"
                raise UnusableError(path, what)
            image.info["l2sae_note"] = f"an animation of {frames} frames: the first one is taken"
        image.load()
        return image


def _most_pixels() -> float:
    """Pillow's bound against files that unpack to anything."""
    return float("inf") if Image.MAX_IMAGE_PIXELS is None else 2 * Image.MAX_IMAGE_PIXELS


def _too_large(pixels: int | None) -> str:
    size = "" if pixels is None else f"{pixels / 1e6:.0f} megapixels, "
    return f"too large: {size}the limit is {_most_pixels() / 1e6:.0f} megapixels: reduce its width and height first"


def _is_raw(content: bytes) -> bool:
    return (
        content.startswith(_RAW_STARTS)
        or (content[:4] in (b"II*\0", b"MM\0*") and content[8:10] == b"CR")
        or (content[4:8] == b"ftyp" and content[8:12] in _RAW_BRANDS)
    )


def _is_preview(image: Any, path: Path) -> bool:
    """Whether a TIFF is a camera's RAW, whose first picture is a preview."""
    tags = image.tag_v2
    reduced = isinstance(kind := tags.get(_SUBFILE_TYPE, 0), int) and kind & 1
    sensor = tags.get(_PHOTOMETRIC) in _SENSOR_VALUES
    return bool(_DNG_VERSION in tags or reduced or sensor or path.suffix.lower() in RAW_ENDINGS)


def _prepare_heic(content: bytes, path: Path) -> None:
    """Let Pillow read HEIC, where the package for it is installed."""
    if content[4:8] != b"ftyp" or content[8:12] not in _HEIC_BRANDS or "HEIF" in Image.OPEN:
        return
    if b"avif" in content[8:64] and b"heic" not in content[8:64]:  # AVIF, whose first brand may be a general one
        return
    if importlib.util.find_spec("pillow_heif") is None:
        raise UnusableError(path, "HEIC: install the extra heic to read it: pip install 'l2sae[heic]'", again=True)
    import pillow_heif  # an optional package

    pillow_heif.register_heif_opener()


def _planes(image: Image.Image, path: Path) -> tuple[Image.Image, NDArray[np.uint8] | None]:
    """An image of any mode as RGB, and its alpha (H, W, 1)."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        clear = image.info.get("transparency")
        alpha = None if clear is None else np.where(np.asarray(image) == clear, 0, 255).astype(np.uint8)[..., None]
        return _from_wide_grey(image, path), alpha
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        colour = image.convert("RGBA")
        return colour.convert("RGB"), np.asarray(colour.getchannel("A"))[..., None]
    return image if image.mode == "RGB" else image.convert("RGB"), None


def _profiled(
    image: Image.Image, rgb: Image.Image, profile: bytes | None, notes: list[str]
) -> tuple[Image.Image, bytes | None]:
    """The RGB image and the profile of its values; values of other kinds are brought to sRGB by theirs."""
    if not isinstance(profile, bytes) or not profile:
        return rgb, None
    space = profile_space(profile)
    if space is None or (space == "RGB" and image.mode not in ("CMYK", "LAB")):
        return rgb, profile  # a broken one is kept, and without effect
    modes = {"GRAY": ("L", "1", "LA"), "CMYK": ("CMYK",), "Lab": ("LAB",)}
    if image.mode not in modes.get(space or "", ()):
        notes.append(f"its colour profile is for {space} values, which it does not hold: left out")
        return rgb, None
    values = image.convert("L") if space == "GRAY" else image
    found = converted_to_srgb(values, profile)
    if found is None:
        notes.append("its colour profile cannot be used: left out")
        return rgb, None
    if space != "GRAY":
        notes.append(f"{space} values: the result is in sRGB")
    return found, None


def _from_wide_grey(image: Image.Image, path: Path) -> Image.Image:
    """16-bit grey to RGB; Pillow would clip it at 255."""
    values = np.asarray(image).astype(np.float64)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise UnusableError(path, "unsupported pixel format: grey values outside 16 bits")
    scale = 257.0 if values.max() > 255 else 1.0
    return Image.fromarray(np.round(values / scale).astype(np.uint8)).convert("RGB")
