"""Losses of the discriminators and of the model against them, and the patches that are compared."""

import torch
from torch import Tensor
from torch.nn import functional as F

SMALLEST, LARGEST = 1 / 8, 1 / 4  # side of a patch as a share of the image's (arXiv 2007.00653, section 3.2)


def deceiving_loss(logits: Tensor, weights: Tensor | None = None) -> Tensor:
    """The model's non-saturating loss, mean of softplus(-D(fake)) (Goodfellow et al. 2014, arXiv 1406.2661, section 3).

    Args:
        logits: of generated images or patches, (B, ...).
        weights: how much each of the B images counts; None counts all alike.
    """
    return weighted_mean(F.softplus(-logits), weights)


def telling_loss(
    real: Tensor, fake: Tensor, real_weights: Tensor | None = None, fake_weights: Tensor | None = None
) -> Tensor:
    """The discriminator's logistic loss, softplus(-D(real)) + softplus(D(fake)) (arXiv 1406.2661, equation 1)."""
    return weighted_mean(F.softplus(-real), real_weights) + weighted_mean(F.softplus(fake), fake_weights)


def gradient_penalty(logits: Tensor, *inputs: Tensor) -> Tensor:
    """R1: half the squared norm of the gradient of D at real images, mean over images (arXiv 1801.04406, equation 9).

    Args:
        logits: of real images or patches, (B, ...).
        inputs: what they were computed from, each (B, ...) and requiring gradients; their penalties add up.
    """
    gradients = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return torch.stack([gradient.square().flatten(1).sum(dim=1).mean() for gradient in gradients]).sum() / 2


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of ``values`` (B, ...), where the weights (B,) say how much of each counts; 0 where they are all 0."""
    if weights is None:
        return values.mean()
    per_image = values.flatten(1).mean(dim=1) if values.dim() > 1 else values
    return (per_image * weights).sum() / weights.sum().clamp(min=1)


def partners(count: int, device: torch.device) -> Tensor:
    """Indices (count,) that swap neighbours, 1 0 3 2 ...: the same pairs whatever even shares a batch is cut into.

    The last of an odd number is its own partner.
    """
    return (torch.arange(count, device=device) ^ 1).clamp(max=count - 1)


def crop_patches(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut patches out of images and bring them to one size, bilinearly.

    Two matrix products a patch: unlike ``grid_sample`` their gradients are deterministic on a GPU.

    Args:
        images: (B, 3, H, W).
        boxes: (B, N, 3) in [0, 1): the side between an eighth and a quarter of the image, and the place.
        size: side of the patches in pixels.

    Returns:
        (B, N, 3, size, size).
    """
    side = SMALLEST + (LARGEST - SMALLEST) * boxes[..., 0]
    rows, columns = (
        _interpolation(place * (1 - side), side, length, size)
        for place, length in zip(boxes[..., 1:].unbind(-1), images.shape[-2:], strict=True)
    )
    return torch.einsum("bnph,bchw,bnqw->bncpq", rows, images, columns)


def _interpolation(start: Tensor, side: Tensor, length: int, size: int) -> Tensor:
    """Bilinear weights (B, N, size, length) of ``size`` samples of a stretch, given as shares of ``length``."""
    steps = (torch.arange(size, device=start.device, dtype=start.dtype) + 0.5) / size
    places = ((start[..., None] + side[..., None] * steps) * length - 0.5).clamp(0, length - 1)
    pixels = torch.arange(length, device=start.device, dtype=start.dtype)
    return (1 - (places[..., None] - pixels).abs()).clamp(min=0)
