"""Losses of a style swap: against the true result where it is known, and against the reference's regions elsewhere.

The statistics and patch losses compare a region of the swapped picture with the same region of its reference. They
need no truth, and so they work on photos. The swap loss needs rendered triples.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.model.layers import opponent_colours

MEAN, SPREAD, BANDS = 1.0, 2.0, 0.05  # weights within the statistics loss
LEVELS = 3  # octaves of texture: of 1, 2 and 4 pixels
PATCH, FILTERS, SAMPLES = 5, 16, 96  # side of the patches, projections, and patches of each region
_SMALLEST = 8  # pixels: a smaller region has no statistics to speak of
_NOISE = 1e-4  # variance, in units of [-1, 1], below which contrast and texture are the camera's noise


def swap_loss(new: Tensor, old: Tensor, content: Tensor, truth: Tensor, matte: Tensor) -> Tensor:
    """Error of a swap inside its region against the rendered truth, averaged over triples.

    It is the mean of two L1 errors: of the decoded swap, which the composition ``replace`` shows, and of its difference
    to the decoded content, which the composition ``detail`` adds to the photo.

    Args:
        new: the content's structure decoded with the reference's style, (T, 3, H, W) in [-1, 1].
        old: the content's structure decoded with its own style, likewise.
        content: the rendered content, likewise.
        truth: the content rendered with the reference's style of one region, likewise.
        matte: that region, (T, 1, H, W) in [0, 1].
    """
    error = (new - truth).abs() + ((new - old) - (truth - content)).abs()
    area = matte.sum(dim=(1, 2, 3))
    inside = (error.mean(dim=1, keepdim=True) * matte).sum(dim=(1, 2, 3)) / area.clamp(min=1)
    return inside.mean() / 2


def statistics_loss(swapped: Tensor, masks: Tensor, reference: Tensor, reference_masks: Tensor) -> Tensor:
    """Difference of regions in mean colour, in spread of colour, and in the energy of texture at three scales.

    Colours are opponent ones. The energies are compared by their logarithms. Regions that either picture lacks count
    for nothing.

    Args:
        swapped: decoded pictures whose styles come from the references, (B, 3, H, W) in [-1, 1].
        masks: one-hot regions of these pictures, (B, R, H, W).
        reference: the references, shaped as ``swapped``.
        reference_masks: their regions, shaped as ``masks``.
    """
    ours, theirs = region_statistics(swapped, masks), region_statistics(reference, reference_masks)
    parts = [(a - b).abs().mean(dim=2) for a, b in zip(ours, theirs, strict=True)]
    return _mean_where(_both_shown(masks, reference_masks), MEAN * parts[0] + SPREAD * parts[1] + BANDS * parts[2])


def region_statistics(images: Tensor, masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and standard deviation of opponent colours (B, R, 3), and log energies of lightness in octaves (B, R, 3).

    Outside its region each picture is filled with the region's mean, so that the region's outline is no texture.
    """
    colours, area = opponent_colours(images), masks.sum(dim=(2, 3)).clamp(min=1)
    mean = torch.einsum("brhw,bchw->brc", masks, colours) / area[..., None]
    square = torch.einsum("brhw,bchw->brc", masks, colours.square()) / area[..., None]
    spread = ((square - mean.square()).clamp(min=0) + _NOISE).sqrt()
    rest, energies = masks * (colours[:, :1] - mean[:, :, :1, None]), []
    for level in range(LEVELS):
        band = rest - F.avg_pool2d(rest, 3, stride=1, padding=1)
        energies.append((band.square().sum(dim=(2, 3)) * 4**level / area + _NOISE).log())
        rest = F.avg_pool2d(rest, 2)
    return mean, spread, torch.stack(energies, dim=2)


def patch_loss(
    swapped: Tensor, masks: Tensor, reference: Tensor, reference_masks: Tensor, filters: Tensor, places: Tensor
) -> Tensor:
    """Sliced Wasserstein distance of a region's patches to those of its reference, as GPDM (arXiv 2203.11862).

    Patches of 5 x 5 pixels without their means, at three scales, are projected on random directions. The sorted
    projections of equally many patches of both regions are then compared.

    Args:
        swapped: decoded pictures whose styles come from the references, (B, 3, H, W) in [-1, 1].
        masks: one-hot regions of these pictures, (B, R, H, W).
        reference: the references, shaped as ``swapped``.
        reference_masks: their regions, shaped as ``masks``.
        filters: standard normal draws (B, K, 3, 5, 5), the directions.
        places: uniform draws in [0, 1) (B, 2, N), which patches to take of each region of picture and reference.
    """
    filters = filters - filters.mean(dim=(3, 4), keepdim=True)
    filters = filters / filters.flatten(2).norm(dim=2)[..., None, None, None]
    shown, distances = _both_shown(masks, reference_masks), []
    indices = [_places_inside(m, places[:, i]) for i, m in enumerate((masks, reference_masks))]
    pictures = [opponent_colours(swapped), opponent_colours(reference)]
    width = swapped.shape[-1]
    for level in range(LEVELS):
        ours, theirs = (
            _projections(picture, filters, index, width, level).sort(dim=-1).values
            for picture, index in zip(pictures, indices, strict=True)
        )
        distances.append((ours - theirs).abs().mean(dim=(2, 3)))
        pictures = [F.avg_pool2d(picture, 2) for picture in pictures]
    return _mean_where(shown, torch.stack(distances).mean(dim=0))


def _projections(colours: Tensor, filters: Tensor, index: Tensor, width: int, level: int) -> Tensor:
    """Responses (B, R, K, N) of a picture, halved ``level`` times, to its filters at full-size pixels (B, R, N)."""
    batch, directions = filters.shape[:2]
    found = F.conv2d(colours.flatten(0, 1)[None], filters.flatten(0, 1), padding=PATCH // 2, groups=batch)
    found = found.unflatten(1, (batch, directions))[0].flatten(2)
    row, column = (index // width) >> level, (index % width) >> level
    place = (row * (width >> level) + column).flatten(1)[:, None].expand(-1, directions, -1)
    return found.gather(2, place).unflatten(2, index.shape[1:]).transpose(1, 2)


def _places_inside(masks: Tensor, uniform: Tensor) -> Tensor:
    """Flat indices (B, R, N) of pixels inside each mask (B, R, H, W), where the draws (B, N) fall in reading order."""
    count = masks.flatten(2).cumsum(dim=2)
    wanted = (uniform[:, None] * count[..., -1:]).floor() + 0.5
    return torch.searchsorted(count, wanted.contiguous()).clamp(max=count.shape[2] - 1)


def _both_shown(masks: Tensor, reference_masks: Tensor) -> Tensor:
    """(B, R), 1 where picture and reference both show a region, else 0."""
    shown = [part.sum(dim=(2, 3)) >= _SMALLEST for part in (masks, reference_masks)]
    return (shown[0] & shown[1]).to(masks.dtype)


def _mean_where(shown: Tensor, values: Tensor) -> Tensor:
    return (values * shown).sum() / shown.sum().clamp(min=1)
