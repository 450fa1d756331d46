"""How alike the texture of two regions is: the sliced Wasserstein distance of their small patches.

As in GPDM (Elnekave and Weiss 2022, arXiv 2203.11862): patches are projected on random directions, and the sorted
projections of the two sets are compared. Patches are 5 x 5 CIELAB without their mean, at three scales, so that colour
and slow shading do not count.
"""

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

SIDE = 5  # of a patch
SCALES = (1, 2, 4)  # by which the picture is reduced
_DIRECTIONS = 16
_PATCHES = 256  # of each picture and scale, evenly spaced over the region
_KEPT = 32  # of the sorted projections


@cache
def _directions() -> Tensor:
    """Unit vectors (3 * 25, 16), always the same."""
    drawn = torch.randn(3 * SIDE * SIDE, _DIRECTIONS, generator=torch.Generator().manual_seed(0))
    return drawn / drawn.norm(dim=0)


def patch_profile(lab: Tensor, region: Tensor) -> Tensor:
    """Sorted projections of the patches of one region of each picture.

    Pixels of a patch outside the region count as its mean inside, so that the border of a region is no texture of it.

    Args:
        lab: pictures (B, 3, H, W) in CIELAB.
        region: (B, 1, H, W) bool.

    Returns:
        (B, 3, 16, 32), one row a scale and direction; NaN where the region is absent.
    """
    profiles = [_profile(lab, region.to(lab.dtype), scale) for scale in SCALES]
    shown = region.flatten(1).any(dim=1)
    return torch.where(shown[:, None, None, None], torch.stack(profiles, dim=1), torch.nan)


def patch_distance(first: Tensor, second: Tensor) -> Tensor:
    """Sliced Wasserstein distance of profiles (..., 3, 16, 32) -> (...), in units of CIELAB."""
    return (first - second).abs().mean(dim=(-3, -2, -1))


def _profile(lab: Tensor, mask: Tensor, scale: int) -> Tensor:
    if scale > 1:
        lab, mask = (F.avg_pool2d(values, scale, ceil_mode=True) for values in (lab, mask))
    most = mask.amax(dim=(1, 2, 3), keepdim=True)
    inside = mask >= most.clamp(max=0.5).clamp(min=1e-6)
    patches, weights = _gather(lab, inside)
    mean = (patches * weights).sum(dim=-1, keepdim=True) / weights.sum(dim=-1, keepdim=True).clamp(min=1)
    centred = ((patches - mean) * weights).movedim(1, 2).flatten(2)  # (B, patches, 75)
    projected = (centred @ _directions().to(centred)).movedim(1, 2).sort(dim=-1).values
    step = _PATCHES // _KEPT
    return projected[..., step // 2 :: step]


def _gather(lab: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Patches (B, 3, 256, 25) around evenly spaced pixels of a region (B, 1, h, w), and which pixels lie in it."""
    batch, _, height, width = lab.shape
    reach = SIDE // 2
    seen = inside.flatten(1).cumsum(dim=1)  # how many of the region's pixels come up to here
    steps = torch.arange(_PATCHES, device=lab.device)
    wanted = 1 + steps * seen[:, -1:] // _PATCHES
    places = torch.searchsorted(seen, wanted).clamp(max=height * width - 1)
    padded_width = width + 2 * reach
    corner = places // width * padded_width + places % width
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    offsets = (rows * padded_width + columns).flatten().to(lab.device)
    index = (corner[:, :, None] + offsets).flatten(1)

    def take(values: Tensor) -> Tensor:
        padded = F.pad(values, (reach,) * 4).flatten(2)
        taken = padded.gather(2, index[:, None].expand(-1, values.shape[1], -1))
        return taken.view(batch, values.shape[1], _PATCHES, SIDE * SIDE)

    return take(lab), take(inside.to(lab.dtype))
