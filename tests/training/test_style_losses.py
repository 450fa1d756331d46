"""Style losses: zero for the truth and for the reference itself, right gradients, blind to what they must not see."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from l2sae.model.layers import opponent_colours
from l2sae.training.losses import roi_masks
from l2sae.training.style_losses import (
    FILTERS,
    PATCH,
    SAMPLES,
    patch_loss,
    region_statistics,
    statistics_loss,
    swap_loss,
)

SIZE = 16


def random_images(seed: int, count: int = 2, size: int = SIZE) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1


def halves(count: int = 2, size: int = SIZE) -> Tensor:
    """Masks (count, 3, size, size): the left half, the right half, and a region that is not there."""
    labels = torch.ones(count, size, size, dtype=torch.uint8)
    labels[..., size // 2 :] = 2
    return roi_masks(labels, 3).double()


def draws(count: int = 2, samples: int = SAMPLES) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(9)
    filters = torch.randn(count, FILTERS, 3, PATCH, PATCH, generator=generator, dtype=torch.float64)
    return filters, torch.rand(count, 2, samples, generator=generator, dtype=torch.float64)


def patches_of(swapped: Tensor, masks: Tensor, reference: Tensor, reference_masks: Tensor) -> Tensor:
    filters, places = draws(len(swapped))
    places = places[:, :1].expand(-1, 2, -1)  # the same patches of both, so that equal pictures are equally far apart
    return patch_loss(swapped, masks, reference, reference_masks, filters, places)


RegionLoss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
REGION_LOSSES = pytest.mark.parametrize("loss", [statistics_loss, patches_of])


@REGION_LOSSES
def test_a_swap_with_the_picture_itself_costs_nothing(loss: RegionLoss) -> None:
    images, masks = random_images(0), halves()
    assert loss(images, masks, images, masks).item() == pytest.approx(0, abs=1e-12)
    assert loss(images, masks, random_images(1) * 0.3, masks).item() > 0.01


@REGION_LOSSES
def test_region_losses_pass_gradcheck(loss: RegionLoss) -> None:
    swapped, reference, masks = random_images(0, 1, 8), random_images(1, 1, 8), halves(1, 8)
    assert torch.autograd.gradcheck(lambda x: loss(x, masks, reference, masks), swapped.requires_grad_())


@REGION_LOSSES
def test_where_no_region_is_shown_by_both_nothing_is_asked(loss: RegionLoss) -> None:
    images, masks = random_images(0), halves()
    left, right = masks.clone(), masks.clone()
    left[:, 1], right[:, 0] = 0, 0
    assert loss(images, left, random_images(1), right) == 0


@REGION_LOSSES
def test_outside_the_regions_anything_goes(loss: RegionLoss) -> None:
    images, reference, masks = random_images(0), random_images(1), halves()
    masks[:, 1] = 0
    changed = images.clone()
    changed[..., SIZE // 2 + 8 :] = 0  # beyond the patches' reach at the coarsest scale
    before, after = (loss(x, masks, reference, masks).item() for x in (images, changed))
    assert after == pytest.approx(before, abs=1e-9)


def test_statistics_are_those_of_the_region() -> None:
    images, masks = random_images(0), halves()
    mean, spread, energies = region_statistics(images, masks)
    inside = opponent_colours(images)[..., : SIZE // 2].flatten(2)
    torch.testing.assert_close(mean[:, 0], inside.mean(dim=2))
    torch.testing.assert_close(spread[:, 0].square(), inside.var(dim=2, correction=0) + 1e-4)
    flat, _, quiet = region_statistics(images * 0 + 0.3, masks)
    assert (energies[:, :2] > quiet[:, :2] + 1).all(), "noise has more texture than one colour"
    torch.testing.assert_close(flat[:, 0, 0], torch.full((2,), 0.3 * 3**0.5, dtype=torch.float64))


def test_patches_see_texture_and_not_the_order_of_pixels() -> None:
    """Noise equals other noise of its kind more than it equals a smooth picture, as no pixel-wise loss says."""
    masks, images = halves(), random_images(0)
    filters, places = draws()
    values = [
        patch_loss(other, masks, images, masks, filters, places).item()
        for other in (random_images(5), 0.5 * random_images(5), torch.zeros_like(images))
    ]
    assert values == sorted(values)
    assert values[0] < 0.5 * values[2]


def test_swap_loss_is_zero_for_the_truth_and_counts_the_region_alone() -> None:
    content, truth, matte = random_images(0), random_images(1), torch.zeros(2, 1, SIZE, SIZE, dtype=torch.float64)
    matte[:, :, 4:8, 4:8] = 1
    truth = torch.where(matte > 0, truth, content)
    assert swap_loss(truth, content, content, truth, matte) == 0
    wrong = torch.where(matte > 0, truth, -content)
    assert swap_loss(wrong, content, content, truth, matte) == 0
    shifted = swap_loss(truth + 0.1, content, content, truth, matte)  # both compositions are off by it
    assert shifted.item() == pytest.approx(0.1)
    drifted = swap_loss(truth + 0.1, content + 0.1, content, truth, matte)  # the difference is right
    assert drifted.item() == pytest.approx(0.05)


def test_swap_loss_passes_gradcheck() -> None:
    content, truth = random_images(0), random_images(1)
    matte = random_images(2)[:, :1].abs()
    new, old = random_images(3).requires_grad_(), random_images(4).requires_grad_()
    assert torch.autograd.gradcheck(lambda a, b: swap_loss(a, b, content, truth, matte), (new, old))
