"""Fidelity of reconstructions, and what a blur that keeps as many values would reach."""

import math

from kornia.metrics import ssim
from torch import Tensor
from torch.nn import functional as F

from l2sae.pictures.conversions import HALF
from l2sae.pictures.fidelity import psnr

SSIM_WINDOW = 11


def mean_ssim(output: Tensor, target: Tensor) -> Tensor:
    """Structural similarity of images (B, 3, H, W) in [-1, 1] -> (B,).

    Gaussian window of 11 x 11, sigma 1.5, wherever it fits into the picture (Wang et al. 2004, doi
    10.1109/TIP.2003.819861).
    """
    return ssim(output / 2 + 0.5, target / 2 + 0.5, SSIM_WINDOW, padding="valid").mean(dim=(1, 2, 3))


def mean_l1(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of images (B, 3, H, W) in [-1, 1], in units of [0, 1] -> (B,)."""
    return ((output - target) / 2).abs().mean(dim=(1, 2, 3))


PICTURE_FIGURES = {
    "reconstruction.psnr": psnr,
    "reconstruction.ssim": mean_ssim,
    "reconstruction.l1": mean_l1,
}
"""Key of the registry -> function of decoded and true pictures (B, 3, S, S) that gives (B,)."""


def blurred(images: Tensor, values: int) -> Tensor:
    """Images (B, 3, S, S) reduced to at most ``values`` numbers each, 3 at least, and back to their size."""
    side = min(images.shape[-1], max(1, math.isqrt(values // 3)))
    small = F.interpolate(images, size=(side, side), mode="bicubic", antialias=True)
    return F.interpolate(small, size=images.shape[-2:], mode="bicubic").clamp(-1, 1)


def resized(images: Tensor, size: int) -> Tensor:
    """Images or mattes (B, C, H, W) at ``size`` x ``size``; unchanged where they have it already."""
    if images.shape[-1] == size:
        return images
    return F.interpolate(images, size=(size, size), mode="bilinear", antialias=True).clamp(-1, 1)


def eight_bit(images: Tensor) -> Tensor:
    """Images in [-1, 1] rounded to the 8-bit levels that a file holds."""
    return images.clamp(-1, 1).add_(1).mul_(HALF).round_().div_(HALF).sub_(1)
