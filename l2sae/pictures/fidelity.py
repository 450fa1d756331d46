"""Peak signal-to-noise ratio of two pictures: of the model's values, and of 8-bit levels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def psnr(output: Tensor, target: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB of images (B, 3, H, W) in [-1, 1], peak 1.0 in [0, 1] -> (B,).

    Equal images give the ratio at the smallest error of an 8-bit picture: one level in one channel of one pixel.
    """
    return decibels(((output - target) / 2).square().mean(dim=(1, 2, 3)), target[0].numel())


def psnr_of_levels(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """The same of two uint8 pictures (H, W, 3), computed in parts that fit the processor's cache."""
    rows = max(1, 2**20 // max(1, first[0].size))
    parts = (slice(start, start + rows) for start in range(0, len(first), rows))
    errors = [float(np.square(first[part].astype(np.float32) - second[part]).sum()) for part in parts]
    return float(decibels(torch.tensor(sum(errors) / first.size / 255**2, dtype=torch.float64), first.size))


def decibels(error: Tensor, count: Tensor | int) -> Tensor:
    """PSNR in dB of mean squared errors (B,) of values in [0, 1], each of ``count`` values; see :func:`psnr`."""
    smallest = torch.as_tensor((1 / 255) ** 2 / count).to(error)
    return -10 * torch.maximum(error, smallest).log10()
