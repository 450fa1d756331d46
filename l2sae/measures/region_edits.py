"""What an edit of one region did: its colour, texture, edges, and what changed inside and outside.

Swaps of the evaluation, the comparison of methods, and robustness all measure their edits here, so that a figure means
the same in each of them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from l2sae.measures.patch_distance import patch_profile
from l2sae.measures.regions import (
    RegionPixels,
    dilate,
    edge_strength,
    region_correlation,
    region_means,
    texture,
    to_lab,
)
from l2sae.pictures.conversions import HALF

VISIBLE = 10.0  # Delta E from which two colours count as visibly different
REACH = 0.04  # of the image width, by which a true ROI is dilated before what lies outside is looked at
CHANGED = 2.0  # 8-bit levels from which an outside pixel counts as changed
CHROMATIC = 10.0  # chroma from which a hue can be told
_MARGIN = 2  # pixels around a ROI's box, for the gradients at its border


def levels_changed(edited: Tensor, photos: Tensor) -> Tensor:
    """Absolute difference of images (B, 3, H, W) in [-1, 1], in 8-bit levels."""
    return (edited - photos).abs() * HALF


def where_visible(values: Tensor, distance_before: Tensor) -> Tensor:
    """Values of the pairs whose colours differ visibly, NaN elsewhere; a NaN, of an absent ROI, is not visible."""
    return torch.where(distance_before >= VISIBLE, values, torch.nan)


@dataclass(frozen=True)
class RegionDetail:
    """What lies in one region of pictures cropped around it: CIELAB (B, 3, h, w), edges and region (B, 1, h, w)."""

    lab: Tensor
    edges: Tensor
    region: Tensor

    @property
    def colour(self) -> Tensor:
        """Mean CIELAB colour, (B, 3)."""
        return region_means(self.lab, self.region)[:, 0]

    @property
    def texture(self) -> Tensor:
        """Spread of L* and its mean gradient, (B, 2)."""
        return texture(self.lab, self.edges, self.region)[:, 0]

    @property
    def patches(self) -> Tensor:
        """Profile of the patches, see :func:`l2sae.measures.patch_distance.patch_profile`."""
        return patch_profile(self.lab, self.region)

    def edge_correlation(self, photos: "RegionDetail") -> Tensor:
        """Pearson correlation (B,) of the edges with those of the photos."""
        return region_correlation(self.edges, photos.edges, self.region)


def hue_error(first: Tensor, second: Tensor) -> Tensor:
    """Angle in degrees (B,) between the hues of CIELAB colours (B, 3); NaN where either has a chroma below 10."""
    a, b = (torch.complex(colour[..., 1], colour[..., 2]) for colour in (first, second))
    coloured = (a.abs() >= CHROMATIC) & (b.abs() >= CHROMATIC)
    return torch.where(coloured, torch.rad2deg((a * b.conj()).angle().abs()), torch.nan)


class RegionEdits:
    """Photos with true regions; measures pictures in which one region was edited.

    CIELAB is computed only inside the region, or in a box around it where gradients are needed.

    Args:
        photos: (B, 3, S, S) in [-1, 1], at 8-bit levels.
        regions: true ROIs, (B, R, S, S) bool.
    """

    def __init__(self, photos: Tensor, regions: Tensor) -> None:
        self.photos, self.regions = photos, regions
        self.outside = ~dilate(regions, REACH * photos.shape[-1])
        self.inside = [RegionPixels(regions[:, [r]]) for r in range(regions.shape[1])]
        self._boxes = [region_box(regions[:, [r]]) for r in range(regions.shape[1])]

    def colour(self, images: Tensor, r: int) -> Tensor:
        """Mean CIELAB colour (B, 3) of images in the true ROI ``r``; NaN where it is absent."""
        return self.inside[r].means(to_lab(self.inside[r].take(images)))

    def distance(self, images: Tensor, r: int, target: Tensor) -> Tensor:
        """Distance (B,) of the ROI's mean colour to ``target`` (B, 3)."""
        return (self.colour(images, r) - target).norm(dim=-1)

    def changes(self, edited: Tensor, r: int) -> dict[str, Tensor]:
        """``outside_mean``, ``outside_share`` and ``inside_mean`` of an edit of ROI ``r``, (B,) each."""
        levels = levels_changed(edited, self.photos)
        mean, most = levels.mean(dim=1, keepdim=True), levels.amax(dim=1, keepdim=True)
        changed = torch.cat([mean, (most > CHANGED).to(mean.dtype)], dim=1)
        outside, share = region_means(changed, self.outside[:, [r]])[:, 0].unbind(-1)
        inside = region_means(mean, self.regions[:, [r]])[:, 0, 0]
        return {"outside_mean": outside, "outside_share": share, "inside_mean": inside}

    def detail(self, crop: Tensor, r: int) -> "RegionDetail":
        """Texture and patches of ROI ``r`` in pictures cropped by :meth:`crop`."""
        lab = to_lab(crop)
        return RegionDetail(lab, edge_strength(lab), self.crop(self.regions[:, [r]], r))

    def crop(self, values: Tensor, r: int) -> Tensor:
        """Values (B, C, S, S) in the box around ROI ``r``."""
        return values[..., self._boxes[r][0], self._boxes[r][1]]

    def largest_outside(self, edited: Tensor, r: int) -> float:
        """Largest change outside ROI ``r``, in 8-bit levels."""
        return float((levels_changed(edited, self.photos) * self.outside[:, [r]]).max())


def region_box(region: Tensor) -> tuple[slice, slice]:
    """Rows and columns that hold a region (B, 1, H, W) in any image, with a margin; all of them if none shows it."""
    spans = []
    for axis in (2, 3):
        shown = region.any(dim=5 - axis).flatten(0, 1).any(dim=0).nonzero()
        size = region.shape[axis]
        first, last = (int(shown[0]), int(shown[-1])) if len(shown) else (0, size - 1)
        spans.append(slice(max(0, first - _MARGIN), min(size, last + 1 + _MARGIN)))
    return spans[0], spans[1]
