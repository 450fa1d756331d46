"""Adversarial losses against their formulas, and patches against plain slices."""

import math

import pytest
import torch
from torch import Tensor

from l2sae.training.adversarial import (
    LARGEST,
    SMALLEST,
    crop_patches,
    deceiving_loss,
    gradient_penalty,
    partners,
    telling_loss,
    weighted_mean,
)


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_losses_follow_their_formulas() -> None:
    logits, real = torch.tensor([0.5, -2.0]), torch.tensor([3.0, 1.0])
    assert deceiving_loss(logits).item() == pytest.approx((softplus(-0.5) + softplus(2.0)) / 2)
    expected = (softplus(-3.0) + softplus(-1.0)) / 2 + (softplus(0.5) + softplus(-2.0)) / 2
    assert telling_loss(real, logits).item() == pytest.approx(expected)
    one = torch.tensor([0.0, 1.0])
    assert deceiving_loss(logits, one).item() == pytest.approx(softplus(2.0))
    assert telling_loss(real, logits, one, 1 - one).item() == pytest.approx(softplus(-1.0) + softplus(0.5))


def test_a_weighted_mean_without_weight_is_zero_and_averages_patches_first() -> None:
    values = torch.tensor([[1.0, 3.0], [10.0, 20.0]])
    assert weighted_mean(values, torch.zeros(2)) == 0
    assert weighted_mean(values, torch.tensor([1.0, 0.0])) == 2
    assert weighted_mean(values, None) == values.mean()


def test_losses_have_the_right_gradients() -> None:
    logits = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    weights = torch.tensor([1.0, 0.5, 0.0, 1.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: deceiving_loss(x[0], weights), logits)
    assert torch.autograd.gradcheck(lambda x: telling_loss(x[0], x[1], weights, weights), logits)


def test_the_penalty_is_half_the_squared_gradient_and_can_be_learned_from() -> None:
    weight = torch.tensor([1.0, 2.0, -2.0], requires_grad=True)
    images = torch.randn(5, 3, requires_grad=True)
    penalty = gradient_penalty(images @ weight, images)
    assert penalty.item() == pytest.approx(9 / 2)
    penalty.backward()
    torch.testing.assert_close(weight.grad, weight.detach())
    two = gradient_penalty((images @ weight) + 3 * images.new_ones(5, 2, requires_grad=True)[:, 0], images)
    assert two.item() == pytest.approx(9 / 2)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_partners_are_neighbours_whatever_even_share_is_looked_at(count: int) -> None:
    found = partners(count, torch.device("cpu"))
    assert found[found].tolist() == list(range(count))
    assert (found == torch.arange(count)).sum() == count % 2
    if count == 8:
        assert torch.equal(found[:4], partners(4, torch.device("cpu")))


def box(side: float, top: float, left: float) -> Tensor:
    """The draws that give a patch of this side and place, all as shares of the image."""
    size = (side - SMALLEST) / (LARGEST - SMALLEST)
    return torch.tensor([[[size, top / (1 - side), left / (1 - side)]]])


def test_a_patch_of_its_own_size_is_a_slice() -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    patch = crop_patches(image, box(8 / 32, 12 / 32, 5 / 32), 8)
    assert patch.shape == (1, 1, 3, 8, 8)
    torch.testing.assert_close(patch[0, 0], image[0, :, 12:20, 5:13], rtol=1e-4, atol=1e-5)


def test_a_small_patch_is_enlarged_as_interpolate_does() -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    patch = crop_patches(image, box(4 / 32, 10 / 32, 20 / 32), 8)[0, 0]
    near = image[:, :, 9:15, 19:25]  # a pixel more on each side, which the border samples reach into
    expected = torch.nn.functional.interpolate(near, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(patch, expected[0, :, 2:-2, 2:-2], rtol=1e-4, atol=1e-5)


def test_patches_stay_inside_and_pass_gradients_on() -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.full((2, 3, 32, 32), 0.25, requires_grad=True)
    patches = crop_patches(image, torch.rand(2, 50, 3, generator=generator), 8)
    assert patches.shape == (2, 50, 3, 8, 8)
    torch.testing.assert_close(patches, torch.full_like(patches, 0.25))
    patches.sum().backward()
    assert image.grad is not None
    assert image.grad.any()
