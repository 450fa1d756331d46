"""Fringes: hair drawn down over the forehead of labelled faces, for models to learn where a fringe ends.

Weak labels know the forehead by the face's mesh, which fringes hide, so few photos teach what hair over a forehead
looks like. Here the label is exact: each column of hair above a forehead is stretched down, picture and label alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.rois import Roi, hair_and_skin

LEAST_HAIR = 0.04  # thickness above the hairline, of the picture's side: less would become a smear
LEAST_WIDTH = 0.1  # of the columns with hair over a forehead, of the picture's side,
LEAST_COVERED = 0.7  # and of all columns with a forehead: on bald heads a fringe would be a block
SHORTEST, LONGEST = 0.3, 1.15  # of the way from the hairline to the brows
SWEPT = 0.5  # by how much more one side may hang than the other
UNEVEN, STRANDS = 0.15, 0.012  # size of wide and of narrow waves of the fringe's lower end: of the way, of the side
INNER = 0.016  # of the side: how far above the hairline the hair that is stretched ends, lest skin comes along
DARKEST, DARKEST_SHADOW, SHADOW = 0.5, 0.45, 0.05  # of the fringe, of the skin below it, and how far its shadow reaches
SOFT = 0.006  # of the side: width of the fringe's edge


@dataclass(frozen=True)
class _Columns:
    """Of each column, (B, 1, S): rows of the hair's ``top`` and of the ``line`` between it and the forehead.

    ``usable`` columns have both; ``enough`` (B,) tells whether a face has enough of them.
    """

    top: Tensor
    line: Tensor
    usable: Tensor
    enough: Tensor


def draw_fringes(
    images: Tensor, labels: Tensor, generator: torch.Generator, share: float, rois: Sequence[Roi]
) -> tuple[Tensor, Tensor]:
    """Draw a fringe on some of the faces that show hair above a forehead.

    Length, sweep, waves, the shade of the fringe and the shadow below it are random.

    Args:
        images: (B, 3, S, S) in [-1, 1], upright faces.
        labels: (B, S, S) uint8 ROI ids.
        generator: source of all draws.
        share: probability of a fringe; 0 returns the inputs.
        rois: what the ids from 1 on mean. Without ROIs of hair alone and of skin the inputs return.

    Returns:
        Images and labels of the same shapes and types.
    """
    numbers = hair_and_skin(rois)
    if share == 0 or numbers[0] is None or numbers[1] is None or "l_brow" in rois[numbers[0]].parts:
        return images, labels
    hair, skin = numbers[0] + 1, numbers[1] + 1
    size = labels.shape[-1]
    draws = torch.rand(len(images), 6, generator=generator, device=generator.device).to(images.device)
    noise = torch.randn(len(images), 2, size, generator=generator, device=generator.device).to(images.device)
    rows = torch.arange(size, device=images.device)[:, None]
    features = (labels > 0) & (labels != hair) & (labels != skin)
    brow = torch.where(features.any(dim=2), rows[:, 0], size).amin(dim=1)[:, None, None]  # row of the first feature
    columns = _columns(labels == hair, labels == skin, brow, rows)
    where = columns.usable & ((draws[:, 0] < share) & columns.enough)[:, None, None]
    end = _lower_end(columns, brow, draws, noise)
    drawn = (rows < end + 2) & (rows >= columns.top) & where
    moved = _stretched(images, columns, end, rows)
    moved = (moved + 1) * _shade(rows, columns.line, end, DARKEST * draws[:, 4].square()) - 1
    below = torch.exp(-(rows - end).clamp(min=0) / (SHADOW * size)) * DARKEST_SHADOW * draws[:, 5].view(-1, 1, 1)
    under = (labels != hair) & (labels > 0) & where
    shadowed = torch.where(under[:, None], (images + 1) * (1 - below)[:, None] - 1, images)
    edge = ((end - rows) / (2 * SOFT * size) + 0.5).clamp(0, 1)
    return (
        shadowed.lerp(moved, (edge * drawn)[:, None]),
        torch.where(drawn & (rows + 0.5 < end), torch.tensor(hair, dtype=labels.dtype, device=labels.device), labels),
    )


def _columns(hair: Tensor, skin: Tensor, brow: Tensor, rows: Tensor) -> _Columns:
    """Where masks (B, S, S) of hair and skin meet above the row of the brows (B, 1, 1)."""
    size = hair.shape[-1]
    line = torch.where(skin & (rows < brow), rows, size).amin(dim=1, keepdim=True)
    above = hair & (rows < line)
    top = torch.where(above, rows, size).amin(dim=1, keepdim=True)
    thick = above.sum(dim=1, keepdim=True)
    forehead = line < size
    both = forehead & (thick >= LEAST_HAIR * size) & (thick >= 0.9 * (line - top))
    usable = F.max_pool1d(both.float(), 5, 1, 2)
    usable = -F.max_pool1d(-usable, 5, 1, 2) > 0  # columns between usable ones are usable
    width = both.float().mean(dim=(1, 2))
    enough = (width > LEAST_WIDTH) & (width > LEAST_COVERED * forehead.float().mean(dim=(1, 2)))
    return _Columns(_smooth(top.float(), both), _smooth(line.float(), both), usable, enough)


def _smooth(values: Tensor, usable: Tensor) -> Tensor:
    """The running mean over 5 columns of (B, 1, S), of those that are usable."""
    weight = usable.float()
    summed, counted = (F.avg_pool1d(one, 5, 1, 2) for one in (values * weight, weight))
    return summed / counted.clamp(min=1e-6)


def _lower_end(columns: _Columns, brow: Tensor, draws: Tensor, noise: Tensor) -> Tensor:
    """The row at which the fringe ends, (B, 1, S); never above the hairline."""
    size = noise.shape[-1]
    length, sweep = (draws[:, k].view(-1, 1, 1) for k in (1, 2))
    across = torch.linspace(-1, 1, size, device=noise.device)
    wide = F.avg_pool1d(F.pad(noise[:, :1], (12, 12), mode="reflect"), 25, 1) * 5 * UNEVEN
    way = SHORTEST + (LONGEST - SHORTEST) * length + SWEPT * (2 * sweep - 1) * across + wide
    narrow = F.avg_pool1d(F.pad(noise[:, 1:], (1, 1), mode="reflect"), 3, 1) * 2**0.5 * STRANDS * size
    taper = F.avg_pool1d(columns.usable.float(), 9, 1, 4)  # towards columns without
    end = columns.line + taper * (way.clamp(0, LONGEST) * (brow - columns.line).clamp(min=0) + narrow)
    return torch.maximum(end, columns.line)


def _stretched(images: Tensor, columns: _Columns, end: Tensor, rows: Tensor) -> Tensor:
    """The images with the hair of each column stretched from its top to the fringe's ``end``."""
    size = images.shape[-1]
    hair = (columns.line - INNER * size - columns.top).clamp(min=1)
    source = columns.top + (rows - columns.top) * hair / (end - columns.top).clamp(min=1)
    down = (source + 0.5) / size * 2 - 1
    across = ((torch.arange(size, device=images.device) + 0.5) / size * 2 - 1).expand_as(down)
    grid = torch.stack([across, down], dim=3).to(images.dtype)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _shade(rows: Tensor, line: Tensor, end: Tensor, darkest: Tensor) -> Tensor:
    """Factor (B, 1, S, S) of a fringe that grows darker from the hairline down."""
    depth = ((rows - line) / (end - line).clamp(min=1)).clamp(0, 1)
    return (1 - darkest.view(-1, 1, 1) * depth)[:, None]
