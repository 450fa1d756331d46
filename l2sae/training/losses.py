"""Training losses: plain functions that return scalars."""

import torch
from kornia.losses import ssim_loss
from torch import Tensor
from torch.nn import functional as F

SSIM_WINDOW = 7  # smaller than the metric's 11: a third of its cost, and the two rise together


def roi_masks(labels: Tensor, rois: int) -> Tensor:
    """Label maps (B, H, W) with ids 0..rois -> one-hot masks (B, rois, H, W) float, background left out."""
    return F.one_hot(labels.long(), rois + 1)[..., 1:].permute(0, 3, 1, 2).float()


def reconstruction_loss(output: Tensor, target: Tensor) -> Tensor:
    """Mean absolute difference of two image batches (L2SAE's and the Swapping Autoencoder's reconstruction loss)."""
    return (output - target).abs().mean()


def roi_reconstruction_loss(output: Tensor, target: Tensor, masks: Tensor) -> Tensor:
    """Mean absolute difference within each ROI (masks (B, R, H, W)), averaged over ROIs.

    The plain L1 of a whole image hardly sees lips and eyes, one pixel in a hundred; their colour is then never learned.
    """
    difference = (output - target).abs().mean(dim=1)
    inside = torch.einsum("brhw,bhw->r", masks, difference)
    area = masks.sum(dim=(0, 2, 3))
    return (inside / area.clamp(min=1)).sum() / (area > 0).sum().clamp(min=1)


def structural_loss(output: Tensor, target: Tensor) -> Tensor:
    """(1 - SSIM) / 2 of the mean of the channels of two image batches in [-1, 1] (Wang et al. 2004).

    One channel costs a third of three, and structure lies in lightness.
    """
    grey = [images.mean(dim=1, keepdim=True) for images in (output, target)]
    return ssim_loss(grey[0], grey[1], SSIM_WINDOW, max_val=2.0)


def matte_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice of mattes against masks, both (B, R, H, W), each averaged over ROIs.

    Dice (Milletari et al. 2016, arXiv 1606.04797) weighs a small ROI as much as a large one.
    """
    mattes = torch.sigmoid(logits)
    overlap = (mattes * masks).sum(dim=(0, 2, 3))
    total = (mattes + masks).sum(dim=(0, 2, 3))
    dice = 1 - (2 * overlap + 1) / (total + 1)
    return F.binary_cross_entropy_with_logits(logits, masks) + dice.mean()
