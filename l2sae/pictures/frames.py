"""The place of a picture, or of a part of it, in the square that the model sees."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from l2sae.pictures.conversions import square_margins
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError

Box = tuple[int, int, int, int]
FADE = 0.1  # of the crop's side


@dataclass(frozen=True)
class Frame:
    """A picture of ``height`` x ``width`` pixels and its place in the square that it is padded to."""

    height: int
    width: int

    @property
    def side(self) -> int:
        """Side of the square, in pixels."""
        return max(self.height, self.width)

    @property
    def top(self) -> int:
        """Rows of padding above the picture."""
        return square_margins(self.height, self.width)[0][0]

    @property
    def left(self) -> int:
        """Columns of padding left of the picture."""
        return square_margins(self.height, self.width)[1][0]

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that lie in the square: all."""
        return slice(0, self.height), slice(0, self.width)

    def shown(self, size: int) -> tuple[slice, slice]:
        """Rows and columns of the picture in its square at ``size`` pixels a side."""
        height, width = (max(1, round(length * size / self.side)) for length in (self.height, self.width))
        top, left = round(self.top * size / self.side), round(self.left * size / self.side)
        return slice(top, top + height), slice(left, left + width)


@dataclass(frozen=True)
class CropFrame(Frame):
    """A photo of ``height`` x ``width`` pixels and the square ``crop`` of it that the model sees, turned or not.

    The crop's pixels are seen by the model only; edits are computed on the photo's own, where fields over the crop are
    sampled, so that nothing is resampled. Mattes fade out towards the crop's border: hair that the border cuts
    would show it otherwise.
    """

    crop: CropTransform

    @property
    def side(self) -> int:
        """Side of the crop, in pixels of the photo."""
        return max(1, round(self.crop.side))

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the photo that hold the crop."""
        corners = self.crop.to_photo(np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float64))
        low, high = np.floor(corners.min(axis=0)).astype(int), np.ceil(corners.max(axis=0)).astype(int)
        (left, top), (right, bottom) = (point.clip(0, (self.width, self.height)).tolist() for point in (low, high))
        return slice(top, bottom), slice(left, right)

    def shown(self, size: int) -> tuple[slice, slice]:
        """All of the square: it is the crop."""
        return slice(0, size), slice(0, size)

    def places(self, start: int, stop: int, crop: CropTransform | None = None) -> Tensor:
        """Where pixels of the window, in the photo's rows ``start`` to ``stop``, lie in the crop: (1, h, w, 2).

        Coordinates are those of ``grid_sample``: -1 to 1 inside the crop. Another ``crop`` may be looked at.
        """
        y, x = np.mgrid[start:stop, self.window[1]] + 0.5
        inverse = np.linalg.inv((crop or self.crop).matrix())
        places = np.stack([x, y], axis=-1) @ inverse[:2, :2].T + inverse[:2, 2]
        return torch.from_numpy(2 * places - 1).float()[None]

    def fade(self, start: int, stop: int) -> Tensor:
        """Factor (1, 1, h, w) of mattes: 0 outside the crop and at its border, 1 from `FADE` of its side on."""
        return faded(self.places(start, stop))


def faded(places: Tensor) -> Tensor:
    """The fade of `CropFrame`, (1, 1, h, w), at places (1, h, w, 2), -1 to 1 inside the crop."""
    depth = ((1 - places.abs().amax(dim=-1)[None]) / (2 * FADE)).clamp(0, 1)
    return depth * depth * (3 - 2 * depth)


def check_box(box: Box, height: int, width: int) -> None:
    """Refuse a box (left, top, right, bottom) that does not lie inside the picture."""
    edges = tuple(box) if isinstance(box, Iterable) else ()
    if len(edges) != 4 or not all(isinstance(edge, (int, np.integer)) for edge in edges):
        raise EditError(f"box={box!r}: give left, top, right and bottom as four whole numbers of pixels")
    left, top, right, bottom = edges
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise EditError(f"box={tuple(box)}: need 0 <= left < right <= {width} and 0 <= top < bottom <= {height}")
