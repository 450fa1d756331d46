"""The picture that edits are put on: a photo of 8 bits, or a batch of images.

Both have ``pixels``, the picture as a tensor, and ``must_show``: whether an ROI that the picture does not show is an
error; of a batch, such images stay as they are.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from l2sae.editing.compose import Step, composite_images, composite_photo
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError


@dataclass(frozen=True, eq=False)
class PhotoCanvas:
    """A photo: ``pixels`` are (H, W, 3) uint8."""

    pixels: Tensor
    must_show: ClassVar[bool] = True

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def cut(self, crop: CropTransform | None) -> NDArray[np.uint8]:
        """What the model sees, before it is brought to the model's size: the whole photo, or a crop of it."""
        photo: NDArray[np.uint8] = self.pixels.numpy()
        return photo if crop is None else crop.crop(photo)

    def strip(self, rows: slice, columns: slice) -> Tensor:
        """A part of the photo as (1, 3, h, w) in [0, 1]."""
        return self.pixels[rows, columns].permute(2, 0, 1)[None].float() / 255

    def composite(self, steps: list[Step], compose: str) -> Tensor:
        """The edited photo, (H, W, 3) uint8."""
        return composite_photo(self.pixels, steps, compose)

    def resized(self, side: int) -> "PhotoCanvas":
        """The photo with its longer side reduced to ``side`` pixels."""
        height, width = (max(1, round(length * side / max(self.size))) for length in self.size)
        image = Image.fromarray(self.pixels.numpy())
        small = image.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3)
        return PhotoCanvas(torch.from_numpy(np.array(small)))


@dataclass(frozen=True, eq=False)
class ImagesCanvas:
    """A batch of images: ``pixels`` are (B, 3, H, W) float in [-1, 1]."""

    pixels: Tensor
    must_show: ClassVar[bool] = False

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[2], self.pixels.shape[3]

    def cut(self, crop: CropTransform | None) -> Tensor:
        """The images; they are face crops."""
        if crop is not None:
            raise EditError("a crop of a tensor, which holds face crops: leave the crop out")
        return self.pixels

    def strip(self, rows: slice, columns: slice) -> Tensor:
        """A part of the images as (B, 3, h, w) in [0, 1]."""
        return (self.pixels[:, :, rows, columns].float() + 1) / 2

    def composite(self, steps: list[Step], compose: str) -> Tensor:
        """The edited images, (B, 3, H, W) in [-1, 1]."""
        return composite_images(self.pixels, steps, compose)

    def resized(self, side: int) -> "ImagesCanvas":
        """Not for images, which no screen shows."""
        raise EditError("a batch of images has no smaller copy: give a uint8 photo")


Canvas = PhotoCanvas | ImagesCanvas


def as_canvas(photo: NDArray[np.uint8] | Tensor) -> Canvas:
    """A canvas of a photo (H, W, 3) uint8, or of images (B, 3, H, W) in [-1, 1]."""
    if isinstance(photo, np.ndarray):
        return PhotoCanvas(torch.from_numpy(np.require(photo, requirements=("C", "W"))))
    return ImagesCanvas(photo)
