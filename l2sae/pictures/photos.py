"""Photos of any kind and size, and their place in the square that the model sees."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from l2sae.pictures.crops import CropTransform
from l2sae.pictures.decoding import MIN_SIDE, UnusableError, read_photo, square_margins, square_photo
from l2sae.pictures.errors import EditError

Photo = str | Path | NDArray[np.uint8] | Tensor
Box = tuple[int, int, int, int]
FADE = 0.1  # of the crop's side


@dataclass(frozen=True)
class Frame:
    """A picture of ``height`` x ``width`` pixels and its place in the square that it is padded to."""

    height: int
    width: int

    @property
    def side(self) -> int:
        """Of the square, in pixels."""
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
        """Of the crop, in pixels of the photo."""
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

    def places(self, start: int, stop: int) -> Tensor:
        """Where pixels of the window, in the photo's rows ``start`` to ``stop``, lie in the crop: (1, h, w, 2).

        Coordinates are those of ``grid_sample``: -1 to 1 inside the crop.
        """
        columns = self.window[1]
        y, x = np.mgrid[start:stop, columns] + 0.5
        inverse = np.linalg.inv(self.crop.matrix())
        places = np.stack([x, y], axis=-1) @ inverse[:2, :2].T + inverse[:2, 2]
        return torch.from_numpy(2 * places - 1).float()[None]

    def fade(self, start: int, stop: int) -> Tensor:
        """Factor (1, 1, h, w) of mattes: 0 outside the crop and at its border, 1 from `FADE` of its side on."""
        depth = (1 - self.places(start, stop).abs().amax(dim=-1)[None]) / (2 * FADE)
        depth = depth.clamp(0, 1)
        return depth * depth * (3 - 2 * depth)


def read_picture(path: str | Path) -> NDArray[np.uint8]:
    """Read a picture file as upright RGB (H, W, 3) uint8; transparency shows white.

    Raises:
        EditError: no such file, or not one readable still picture.
    """
    path = Path(path)
    if not path.is_file():
        raise EditError(f"{path}: no such picture; check the path")
    try:
        return read_photo(path)
    except UnusableError as error:
        raise EditError(f"{error}; give a PNG, JPEG or other still picture") from None


def colour_profile(path: str | Path) -> bytes | None:
    """The ICC profile of a picture file, where its pixels are RGB and so keep their meaning when they are read."""
    with Image.open(path) as original:
        return original.info.get("icc_profile") if original.mode in ("RGB", "RGBA") else None


def through_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """An RGB picture (H, W, 3) uint8 as baseline JPEG with 4:2:0 chroma, Pillow's default, leaves it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


def as_rgb(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """Split a uint8 picture into RGB (H, W, 3) and alpha (H, W, 1) or None.

    Grey pictures, (H, W) or (H, W, 1), become RGB, since an edit may bring colour in.

    Raises:
        EditError: another type or shape, or a side below 32 pixels.
    """
    if picture.dtype != np.uint8:
        raise EditError(f"picture of type {picture.dtype}: give uint8, or a float tensor (B, 3, H, W) in [-1, 1]")
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3, 4):
        raise EditError(f"picture of shape {picture.shape}: give (H, W), (H, W, 3) or (H, W, 4)")
    check_size(*picture.shape[:2])
    if picture.shape[2] == 1:
        return np.repeat(picture, 3, axis=2), None
    return picture[..., :3], picture[..., 3:] if picture.shape[2] == 4 else None


def check_size(height: int, width: int) -> None:
    """Refuse a picture too small to show a face."""
    if min(height, width) < MIN_SIDE:
        raise EditError(f"picture of {width} x {height} pixels: a face needs at least {MIN_SIDE} a side")


def check_images(images: Tensor) -> None:
    """Refuse a tensor that is no batch of images (B, 3, H, W), float in [-1, 1]."""
    if images.dim() != 4 or images.shape[1] != 3 or not images.is_floating_point():
        raise EditError(f"tensor {tuple(images.shape)} of {images.dtype}: give float (B, 3, H, W) in [-1, 1]")
    check_size(*images.shape[-2:])
    low, high = (float(value) for value in images.aminmax())
    if not (low >= -1.001 and high <= 1.001):
        raise EditError(f"image tensor spans {low:.3g} to {high:.3g}: scale its values to [-1, 1]")


def to_model(picture: NDArray[np.uint8] | Tensor, size: int) -> Tensor:
    """RGB uint8 (H, W, 3) or float (B, 3, H, W) -> model images (B, 3, size, size), as the training data was made.

    Pictures that are not square are padded by repeating their edges; resizing is antialiased bicubic.
    """
    if isinstance(picture, np.ndarray):
        square = square_photo(picture, size)
        return torch.from_numpy(square.copy()).permute(2, 0, 1)[None].float().div_(127.5).sub_(1.0)
    images = picture.float()
    if images.shape[-1] != images.shape[-2]:
        (top, bottom), (left, right) = square_margins(*images.shape[-2:])
        images = F.pad(images, (left, right, top, bottom), mode="replicate")
    if images.shape[-1] != size:
        images = F.interpolate(images, size=(size, size), mode="bicubic", antialias=True).clamp(-1, 1)
    return images


def check_box(box: Box, height: int, width: int) -> None:
    """Refuse a box (left, top, right, bottom) that does not lie inside the picture."""
    left, top, right, bottom = box
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise EditError(f"box={tuple(box)}: need 0 <= left < right <= {width} and 0 <= top < bottom <= {height}")
