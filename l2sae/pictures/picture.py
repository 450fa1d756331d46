"""One photo: its pixels in the file's own colours, and whatever else its edited copy takes over."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from l2sae.pictures.colour_profiles import from_srgb, is_other_rgb, to_srgb
from l2sae.pictures.conversions import as_rgb, on_white, with_alpha
from l2sae.pictures.metadata import Metadata

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Picture:
    """A photo as it was read.

    Attributes:
        pixels: (H, W, 3) uint8, upright, in the space of ``profile``; those below transparency as well.
        alpha: (H, W, 1) uint8, or None.
        profile: ICC profile of the pixels; None is sRGB.
        metadata: what an edited copy keeps.
        mode: Pillow's name of the kind of values in the file.
        notes: what was not taken over from the file, in sentences for the user.
    """

    pixels: Pixels
    alpha: Pixels | None = None
    profile: bytes | None = None
    metadata: Metadata = field(default_factory=Metadata)
    mode: str = "RGB"
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, array: Pixels) -> "Picture":
        """A uint8 array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of sRGB values.

        Raises:
            EditError: another type or shape, or too small.
        """
        pixels, alpha = as_rgb(array)
        return cls(pixels, alpha, mode={1: "L", 3: "RGB", 4: "RGBA"}[1 if array.ndim == 2 else array.shape[2]])

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of the pixels, (H, W, 3)."""
        height, width = self.pixels.shape[:2]
        return height, width, 3

    @cached_property
    def srgb(self) -> Pixels:
        """The pixels (H, W, 3) in sRGB, as the model knows them; transparency is left out of account."""
        return to_srgb(self.pixels, self.profile)

    @property
    def shown(self) -> Pixels:
        """What a person sees, (H, W, 3) in sRGB: transparency shows white."""
        return on_white(self.srgb, self.alpha)

    @property
    def array(self) -> Pixels:
        """(H, W, 3), or (H, W, 4) with alpha, in the file's own space."""
        return with_alpha(self.pixels, self.alpha)

    def edited(self, srgb: Pixels) -> Pixels:
        """The pixels (H, W, 3), in the photo's own space, after an edit that made ``srgb`` of `srgb`.

        Pixels that the edit left alone stay as they are, to the bit. To the others the change is added, so that what
        lies outside sRGB's gamut stays outside it.
        """
        if not is_other_rgb(self.profile):
            return srgb
        changed = (srgb != self.srgb).any(axis=2)
        if not changed.any():
            return self.pixels
        rows, columns = _bounds(changed)
        old = from_srgb(self.srgb[rows, columns], self.profile).astype(np.int16)
        new = from_srgb(srgb[rows, columns], self.profile).astype(np.int16)
        moved = np.clip(self.pixels[rows, columns] + (new - old), 0, 255).astype(np.uint8)
        result = self.pixels.copy()
        result[rows, columns] = np.where(changed[rows, columns, None], moved, result[rows, columns])
        return result


PhotoFile = str | Path | Pixels | Image.Image | Picture
Photo = PhotoFile | Tensor


def _bounds(where: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns that hold all that is true."""
    spans = []
    for axis in (1, 0):
        found = np.flatnonzero(where.any(axis=axis))
        spans.append(slice(int(found[0]), int(found[-1]) + 1))
    return spans[0], spans[1]
