"""Arrays and tensors of pictures: 8-bit levels, the model's values in [-1, 1], and squares.

This is the one place that knows how the two kinds of values belong together.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from l2sae.pictures.errors import EditError

MIN_SIDE = 32  # pixels; a smaller photo holds no face
SQUARE_VALUES = 2**24  # pixels of a padded part
HALF = 127.5
"""8-bit levels in 1 of the model's values."""


def levels_to_values(levels: Tensor) -> Tensor:
    """8-bit levels, 0 to 255, as float values in [-1, 1]."""
    return levels.to(torch.float32, copy=True).div_(HALF).sub_(1.0)


def values_to_levels(values: Tensor) -> Tensor:
    """Values in [-1, 1], clipped to these, as uint8 levels."""
    return (values.detach().clamp(-1, 1) + 1).mul_(HALF).round_().to(torch.uint8)


def to_values(picture: NDArray[np.uint8]) -> Tensor:
    """A picture (H, W, 3) uint8 as an image (1, 3, H, W) in [-1, 1]."""
    return levels_to_values(torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None])


def to_model(picture: NDArray[np.uint8] | Tensor, size: int) -> Tensor:
    """RGB uint8 (H, W, 3) or float (B, 3, H, W) -> model images (B, 3, size, size), as the training data was made.

    Pictures that are not square are padded by repeating their edges; resizing is antialiased bicubic.
    """
    if isinstance(picture, np.ndarray):
        return to_values(square_photo(picture, size))
    images = picture.float()
    if images.shape[-1] != images.shape[-2]:
        (top, bottom), (left, right) = square_margins(*images.shape[-2:])
        images = F.pad(images, (left, right, top, bottom), mode="replicate")
    if images.shape[-1] != size:
        images = F.interpolate(images, size=(size, size), mode="bicubic", antialias=True).clamp(-1, 1)
    return images


def square_photo(photo: Image.Image | NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Pad an RGB picture to a square by repeating its edges and resize it, antialiased, to (size, size, 3) uint8."""
    if isinstance(photo, Image.Image) and photo.width == photo.height:
        return np.asarray(photo.resize((size, size), Image.Resampling.BICUBIC))
    return square_resized(np.asarray(photo), size, Image.Resampling.BICUBIC)


def square_resized(picture: NDArray[np.uint8], size: int, filtering: Image.Resampling) -> NDArray[np.uint8]:
    """A picture (H, W) or (H, W, 3), padded to a square by its edges and resized: (size, size) or (size, size, 3).

    Pillow resizes across first, then down. So do two passes here, and the square itself, which of a long strip would
    not fit into memory, is never made.
    """
    (top, bottom), across = square_margins(*picture.shape[:2])
    rest, side = ((0, 0),) * (picture.ndim - 2), max(picture.shape[:2])
    if len(picture) == picture.shape[1]:
        return np.asarray(Image.fromarray(picture).resize((size, size), filtering))
    rows = max(1, SQUARE_VALUES // side)
    narrow = []
    for at in range(0, len(picture), rows):
        part = np.pad(picture[at : at + rows], ((0, 0), across, *rest), mode="edge")
        narrow.append(np.asarray(Image.fromarray(part).resize((size, len(part)), filtering)))
    square = np.pad(np.concatenate(narrow), ((top, bottom), (0, 0), *rest), mode="edge")
    return np.asarray(Image.fromarray(square).resize((size, size), filtering))


def square_margins(height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows to add (above, below) and columns to add (left, right) that make a picture square."""
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    return (top, side - height - top), (left, side - width - left)


def on_white(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """RGB pixels (H, W, 3) with alpha (H, W, 1) as they look on white."""
    if alpha is None:
        return pixels
    colour = Image.fromarray(np.concatenate([pixels, alpha], axis=2))
    return np.asarray(Image.alpha_composite(Image.new("RGBA", colour.size, "white"), colour).convert("RGB"))


def with_alpha(pixels: NDArray[np.uint8], alpha: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """RGB pixels (H, W, 3), with alpha (H, W, 1) as a fourth channel where there is one."""
    return pixels if alpha is None else np.concatenate([pixels, alpha], axis=2)


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
