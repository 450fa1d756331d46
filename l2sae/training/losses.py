"""Training losses: plain functions that return scalars."""

import torch
from torch import Tensor
from torch.nn import functional as F

SSIM_WINDOW, SSIM_STRIDE = 8, 2
_C1, _C2 = 0.01**2, 0.03**2  # Wang et al. 2004, for a range of 1


def roi_masks(labels: Tensor, rois: int) -> Tensor:
    """Label maps (B, H, W) with ids 0..rois -> one-hot masks (B, rois, H, W) float, background left out."""
    ids = torch.arange(1, rois + 1, dtype=labels.dtype, device=labels.device)
    return (labels[:, None] == ids[:, None, None]).float()


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

    The windows are squares of 8 pixels, two pixels apart; the metric's Gaussian ones at every pixel take a fifth of a
    training step on a CPU, and the two figures rise together. One channel serves, since structure lies in lightness.
    """
    a, b = ((images.mean(dim=1) + 1) / 2 for images in (output, target))
    moments = F.avg_pool2d(torch.stack([a, b, a * a, b * b, a * b], dim=1), SSIM_WINDOW, SSIM_STRIDE)
    mean_a, mean_b, square_a, square_b, product = moments.unbind(dim=1)
    power, cross = mean_a.square() + mean_b.square(), mean_a * mean_b
    luminance = (2 * cross + _C1) / (power + _C1)
    contrast = (2 * (product - cross) + _C2) / (square_a + square_b - power + _C2)
    return (1 - (luminance * contrast).mean()) / 2


def matte_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """Cross-entropy plus soft Dice of mattes against masks, both (B, R, H, W), each averaged over ROIs.

    Dice (Milletari et al. 2016, arXiv 1606.04797) weighs a small ROI as much as a large one.
    """
    mattes = torch.sigmoid(logits)
    overlap = torch.einsum("brhw,brhw->r", mattes, masks)
    total = mattes.sum(dim=(0, 2, 3)) + masks.sum(dim=(0, 2, 3))
    dice = 1 - (2 * overlap + 1) / (total + 1)
    entropy = F.softplus(logits).mean() - torch.dot(logits.flatten(), masks.flatten()) / logits.numel()
    return entropy + dice.mean()


def generator_loss(logits: Tensor, weights: Tensor | None = None) -> Tensor:
    """The generator's non-saturating loss, mean of softplus(-D(fake)) (arXiv 1406.2661, section 3).

    Args:
        logits: of generated images or patches, (B, ...).
        weights: how much each image counts, (B,); None counts all alike.
    """
    return weighted_mean(F.softplus(-logits), weights)


def discriminator_loss(
    real: Tensor, fake: Tensor, real_weights: Tensor | None = None, fake_weights: Tensor | None = None
) -> Tensor:
    """The discriminator's logistic loss, softplus(-D(real)) + softplus(D(fake)) (arXiv 1406.2661, equation 1)."""
    return weighted_mean(F.softplus(-real), real_weights) + weighted_mean(F.softplus(fake), fake_weights)


def gradient_penalty(logits: Tensor, *inputs: Tensor) -> Tensor:
    """R1: half the squared norm of the gradient of D at real images, mean over images (arXiv 1801.04406, equation 9).

    Args:
        logits: of real images or patches, (B, ...).
        inputs: the images or patches behind the logits, each (B, ...) and requiring gradients; the penalties of
            several inputs add up.
    """
    gradients = torch.autograd.grad(logits.sum(), inputs, create_graph=True)
    return torch.stack([gradient.square().flatten(1).sum(dim=1).mean() for gradient in gradients]).sum() / 2


def weighted_mean(values: Tensor, weights: Tensor | None) -> Tensor:
    """Mean of ``values`` (B, ...) under the weights (B,) of the images; 0 where all weights are 0."""
    if weights is None:
        return values.mean()
    per_image = values.flatten(1).mean(dim=1) if values.dim() > 1 else values
    return (per_image * weights).sum() / weights.sum().clamp(min=1)
