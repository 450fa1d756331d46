"""Losses: gradients, identity cases, and values worked out by hand."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity
from torch import Tensor

from l2sae.training.losses import (
    SSIM_STRIDE,
    SSIM_WINDOW,
    discriminator_loss,
    generator_loss,
    gradient_penalty,
    matte_loss,
    reconstruction_loss,
    roi_masks,
    roi_reconstruction_loss,
    structural_loss,
    weighted_mean,
)

Loss = Callable[[Tensor, Tensor], Tensor]


def random_images(seed: int, size: int = 10, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 2 - 1


def halves(size: int = 10) -> Tensor:
    """Masks (2, 2, size, size) of two ROIs: the left half and the right half."""
    labels = torch.ones(2, size, size, dtype=torch.uint8)
    labels[..., size // 2 :] = 2
    return roi_masks(labels, 2).double()


def roi_loss(output: Tensor, target: Tensor) -> Tensor:
    return roi_reconstruction_loss(output, target, halves(output.shape[-1]))


IMAGE_LOSSES = pytest.mark.parametrize("loss", [reconstruction_loss, roi_loss, structural_loss])


@IMAGE_LOSSES
def test_image_losses_pass_gradcheck(loss: Loss) -> None:
    output, target = random_images(0).requires_grad_(), random_images(1)
    assert torch.autograd.gradcheck(loss, (output, target))


def test_matte_loss_passes_gradcheck() -> None:
    logits = torch.randn(2, 2, 6, 6, generator=torch.Generator().manual_seed(2), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(matte_loss, (logits, halves(6)))


@IMAGE_LOSSES
def test_image_losses_are_zero_for_equal_images_and_grow_with_the_difference(loss: Loss) -> None:
    target, other = random_images(0), random_images(1)
    values = [loss(torch.lerp(target, other, share), target).item() for share in (0.0, 0.1, 0.5, 1.0)]
    assert values[0] == pytest.approx(0, abs=1e-7)
    assert values == sorted(values)
    assert values[1] > 1e-3


@IMAGE_LOSSES
def test_image_losses_are_scalars(loss: Loss) -> None:
    assert loss(random_images(0), random_images(1)).shape == ()


def test_reconstruction_loss_is_the_mean_absolute_difference() -> None:
    output, target = torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2)
    output[0, :, 0, 0] = 1.0
    output[0, 0, 1, 1] = -0.5
    assert reconstruction_loss(output, target).item() == pytest.approx(3.5 / 12)


def test_roi_masks_are_one_hot_without_the_background() -> None:
    labels = torch.tensor([[[0, 1], [2, 2]]], dtype=torch.uint8)
    masks = roi_masks(labels, 3)
    assert masks.dtype == torch.float32
    assert masks.tolist() == [[[[0, 1], [0, 0]], [[0, 0], [1, 1]], [[0, 0], [0, 0]]]]


def test_roi_loss_weighs_a_small_roi_as_much_as_a_large_one() -> None:
    labels = torch.zeros(1, 4, 4, dtype=torch.uint8)
    labels[0, :3] = 1  # twelve pixels, wrong by 0.2
    labels[0, 3, 0] = 2  # one pixel, wrong by 0.8; the other three belong to no ROI and are wrong by 5
    output = torch.full((1, 3, 4, 4), 5.0)
    output[:, :, :3] = 0.2
    output[:, :, 3, 0] = -0.8
    loss = roi_reconstruction_loss(output, torch.zeros_like(output), roi_masks(labels, 2))
    assert loss.item() == pytest.approx((0.2 + 0.8) / 2)


def test_roi_loss_ignores_absent_rois() -> None:
    labels = torch.ones(2, 4, 4, dtype=torch.uint8)
    output, target = torch.full((2, 3, 4, 4), 0.3), torch.zeros(2, 3, 4, 4)
    alone = roi_reconstruction_loss(output, target, roi_masks(labels, 1))
    with_absent = roi_reconstruction_loss(output, target, roi_masks(labels, 5))
    assert with_absent.item() == pytest.approx(alone.item()) == pytest.approx(0.3)


def test_roi_loss_of_a_picture_without_rois_is_zero_with_a_finite_gradient() -> None:
    output = random_images(0, size=4).float().requires_grad_()
    masks = roi_masks(torch.zeros(2, 4, 4, dtype=torch.uint8), 3)
    loss = roi_reconstruction_loss(output, torch.zeros_like(output), masks)
    loss.backward()
    assert loss.item() == 0
    assert output.grad is not None
    assert not output.grad.any()


def ssim_by_definition(first: np.ndarray, second: np.ndarray) -> float:
    """Mean SSIM (Wang et al. 2004, equation 13) of grey images (B, H, W) in [0, 1] over the loss's square windows."""
    values = []
    for top, left in np.ndindex(*(np.array(first.shape[1:]) - SSIM_WINDOW) // SSIM_STRIDE + 1):
        rows, columns = (slice(SSIM_STRIDE * at, SSIM_STRIDE * at + SSIM_WINDOW) for at in (top, left))
        for x, y in zip(first[:, rows, columns], second[:, rows, columns], strict=True):
            (variance_x, covariance), (_, variance_y) = np.cov(x.ravel(), y.ravel(), bias=True)
            luminance = (2 * x.mean() * y.mean() + 0.01**2) / (x.mean() ** 2 + y.mean() ** 2 + 0.01**2)
            values.append(luminance * (2 * covariance + 0.03**2) / (variance_x + variance_y + 0.03**2))
    return float(np.mean(values))


def test_structural_loss_follows_the_definition_of_ssim() -> None:
    target = random_images(0, size=24)
    output = torch.lerp(target, random_images(1, size=24), 0.3)
    grey = [(images.mean(dim=1).numpy() + 1) / 2 for images in (output, target)]
    assert structural_loss(output, target).item() == pytest.approx((1 - ssim_by_definition(*grey)) / 2, abs=1e-6)


@pytest.mark.parametrize("amount", [0.05, 0.2, 0.6])
def test_structural_loss_agrees_with_scikit_image(amount: float) -> None:
    ramp = torch.linspace(-0.8, 0.8, 48, dtype=torch.float64)
    target = (ramp[:, None] * ramp[None, :]).expand(2, 3, 48, 48)
    output = target + amount * random_images(1, size=48)
    similarity = [
        structural_similarity(x, y, data_range=1.0, win_size=7, use_sample_covariance=False)
        for x, y in zip(*(((images.mean(dim=1) + 1) / 2).numpy() for images in (output, target)), strict=True)
    ]
    assert structural_loss(output, target).item() == pytest.approx((1 - np.mean(similarity)) / 2, abs=0.02)


def test_matte_loss_is_small_for_right_logits_and_large_for_inverted_ones() -> None:
    masks = halves().float()
    right = 40 * masks - 20
    assert matte_loss(right, masks).item() == pytest.approx(0, abs=1e-4)
    assert matte_loss(torch.zeros_like(right), masks).item() == pytest.approx(np.log(2) + 0.5, abs=0.02)
    assert matte_loss(-right, masks).item() > 10


def test_matte_loss_weighs_a_small_roi_as_much_as_a_large_one() -> None:
    labels = torch.ones(1, 32, 32, dtype=torch.uint8)
    labels[0, :4, :4] = 2
    masks = roi_masks(labels, 2)
    right = 40 * masks - 20
    missing = []
    for roi in (0, 1):
        logits = right.clone()
        logits[:, roi] = -20
        missing.append(matte_loss(logits, masks) - 20 * masks[:, roi].mean() / 2)  # less its cross-entropy
    assert missing[0].item() == pytest.approx(0.5, abs=0.05)
    assert missing[1].item() == pytest.approx(0.5, abs=0.05)


def test_matte_loss_accepts_an_absent_roi() -> None:
    masks = torch.zeros(1, 2, 8, 8)
    assert matte_loss(torch.full_like(masks, -20.0), masks).item() == pytest.approx(0, abs=1e-4)
    assert matte_loss(torch.full_like(masks, 20.0), masks).item() > 10


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_adversarial_losses_follow_their_formulas() -> None:
    logits, real = torch.tensor([0.5, -2.0]), torch.tensor([3.0, 1.0])
    assert generator_loss(logits).item() == pytest.approx((softplus(-0.5) + softplus(2.0)) / 2)
    expected = (softplus(-3.0) + softplus(-1.0)) / 2 + (softplus(0.5) + softplus(-2.0)) / 2
    assert discriminator_loss(real, logits).item() == pytest.approx(expected)
    one = torch.tensor([0.0, 1.0])
    assert generator_loss(logits, one).item() == pytest.approx(softplus(2.0))
    assert discriminator_loss(real, logits, one, 1 - one).item() == pytest.approx(softplus(-1.0) + softplus(0.5))


def test_a_weighted_mean_without_weight_is_zero_and_averages_patches_first() -> None:
    values = torch.tensor([[1.0, 3.0], [10.0, 20.0]])
    assert weighted_mean(values, torch.zeros(2)) == 0
    assert weighted_mean(values, torch.tensor([1.0, 0.0])) == 2
    assert weighted_mean(values, None) == values.mean()


def test_adversarial_losses_have_the_right_gradients() -> None:
    logits = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, 0.5, 0.0, 1.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: generator_loss(x[0], weights), logits)
    assert torch.autograd.gradcheck(lambda x: discriminator_loss(x[0], x[1], weights, weights), logits)


def test_the_penalty_is_half_the_squared_gradient_and_can_be_learned_from() -> None:
    weight = torch.tensor([1.0, 2.0, -2.0], requires_grad=True)
    images = torch.randn(5, 3, requires_grad=True)
    penalty = gradient_penalty(images @ weight, images)
    assert penalty.item() == pytest.approx(9 / 2)
    penalty.backward()
    torch.testing.assert_close(weight.grad, weight.detach())
    two = gradient_penalty((images @ weight) + 3 * images.new_ones(5, 2, requires_grad=True)[:, 0], images)
    assert two.item() == pytest.approx(9 / 2)
