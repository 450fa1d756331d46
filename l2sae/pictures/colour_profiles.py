"""Colour profiles: from a file's own space to sRGB, which the model has learnt, and back (ICC.1, by LittleCMS)."""

import functools
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC
FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION | ImageCms.Flags.NOCACHE  # the cache is not for several threads
_NEAR = 1  # 8-bit levels by which a profile's colours may differ from sRGB's and still be taken for them


def profile_space(profile: bytes | None) -> str | None:
    """The kind of values a profile is for: ``RGB``, ``GRAY``, ``CMYK``, ...; None for none or a broken one."""
    try:
        return _open(profile).profile.xcolor_space.strip() if profile else None
    except (OSError, ImageCms.PyCMSError, ValueError):
        return None


def converted_to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """An image of any kind of values as sRGB; None where the profile cannot do that."""
    try:
        return ImageCms.profileToProfile(
            image, _open(profile), ImageCms.createProfile("sRGB"), INTENT, "RGB", False, FLAGS
        )
    except (OSError, ImageCms.PyCMSError, ValueError):
        return None


def is_other_rgb(profile: bytes | None) -> bool:
    """Whether a profile is of RGB values that mean other colours than sRGB's."""
    return profile is not None and profile_space(profile) == "RGB" and _transforms(profile) is not None


def is_two_way(profile: bytes) -> bool:
    """Whether colours can be brought into the profile's space; profiles of scanners and cameras may be one-way."""
    found = _transforms(profile)
    return found is None or found[1] is not None


def to_srgb(pixels: NDArray[np.uint8], profile: bytes | None) -> NDArray[np.uint8]:
    """Pixels (H, W, 3) uint8 of a profile's space in sRGB; the same array where that is what they are in."""
    return _apply(pixels, profile, 0)


def from_srgb(pixels: NDArray[np.uint8], profile: bytes | None) -> NDArray[np.uint8]:
    """The inverse of `to_srgb`, for colours that both spaces have."""
    return _apply(pixels, profile, 1)


def _apply(pixels: NDArray[np.uint8], profile: bytes | None, way: int) -> NDArray[np.uint8]:
    found = _transforms(profile) if profile is not None and profile_space(profile) == "RGB" else None
    transform = found[way] if found is not None else None
    if transform is None:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(transform.apply(image))


@functools.lru_cache(maxsize=8)
def _transforms(
    profile: bytes,
) -> tuple[ImageCms.ImageCmsTransform, ImageCms.ImageCmsTransform | None] | None:
    """From an RGB profile's space to sRGB and back; None where the two are the same or the profile is broken."""
    try:
        srgb, own = ImageCms.createProfile("sRGB"), _open(profile)
        there = ImageCms.buildTransform(own, srgb, "RGB", "RGB", INTENT, FLAGS)
    except (OSError, ImageCms.PyCMSError, ValueError):
        return None
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    cube = np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1).reshape(-1, 18, 3)
    moved = np.asarray(there.apply(Image.fromarray(cube)))
    if np.abs(moved.astype(int) - cube).max() <= _NEAR:
        return None
    try:
        return there, ImageCms.buildTransform(srgb, own, "RGB", "RGB", INTENT, FLAGS)
    except ImageCms.PyCMSError:
        return there, None


def _open(profile: bytes) -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(io.BytesIO(profile))
