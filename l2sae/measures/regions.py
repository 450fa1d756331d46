"""What happens inside regions: colour, texture and edges in CIELAB, overlap and boundaries of masks."""

import math

import torch
from kornia.color import rgb_to_lab
from kornia.filters import sobel
from torch import Tensor
from torch.nn import functional as F

from l2sae.data import FaceBatch, FaceDataset

BOUNDARY_TOLERANCE = 2.0  # pixels
_SMALLEST = 9  # pixels; a correlation over fewer means nothing


def to_lab(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) in [-1, 1], sRGB -> CIELAB under D65, L* in [0, 100]."""
    return rgb_to_lab((images / 2 + 0.5).clamp(0, 1))


def edge_strength(lab: Tensor) -> Tensor:
    """Sobel gradient magnitude of L* in units a pixel, (B, 3, H, W) -> (B, 1, H, W)."""
    return sobel(lab[:, :1])


def resized_labels(labels: Tensor, size: int) -> Tensor:
    """Label maps (B, H, W) at ``size`` x ``size``, by the nearest pixel."""
    return F.interpolate(labels[:, None], size=(size, size), mode="nearest-exact")[:, 0]


def one_hot(labels: Tensor, rois: int) -> Tensor:
    """Label maps (B, H, W) with ids 0..rois -> (B, rois, H, W) bool, one channel an ROI."""
    return labels[:, None] == torch.arange(1, rois + 1, device=labels.device)[:, None, None]


def region_means(values: Tensor, weights: Tensor) -> Tensor:
    """Weighted means within regions: values (B, C, H, W), weights (B, R, H, W) -> (B, R, C); NaN where empty."""
    weights = weights.to(values.dtype)
    sums = torch.einsum("brhw,bchw->brc", weights, values)
    return sums / weights.sum(dim=(2, 3))[..., None]


class RegionPixels:
    """The pixels of one region in a batch, picked out: what is computed for them costs nothing elsewhere.

    Args:
        region: (B, 1, H, W) bool.
    """

    def __init__(self, region: Tensor):
        self.shape = region.shape
        self.image, _, row, column = region.nonzero(as_tuple=True)
        self.count = torch.bincount(self.image, minlength=len(region))
        self._place = row * region.shape[3] + column

    def take(self, values: Tensor) -> Tensor:
        """Values (B, C, H, W) at the region's pixels, (P, C, 1, 1), image after image."""
        area = self.shape[2] * self.shape[3]
        channel = torch.arange(values.shape[1], device=values.device)
        index = ((self.image[:, None] * values.shape[1] + channel) * area + self._place[:, None]).flatten()
        return values.reshape(-1)[index].view(-1, values.shape[1], 1, 1)

    def means(self, values: Tensor) -> Tensor:
        """Mean in each image of values (P, C, 1, 1) -> (B, C); NaN where the region is empty."""
        flat = values.flatten(1).double()  # single precision would lose digits in long sums
        sums = flat.new_zeros(self.shape[0], flat.shape[1]).index_add_(0, self.image, flat)
        return (sums / self.count[:, None]).to(values.dtype)


def texture(lab: Tensor, edges: Tensor, regions: Tensor) -> Tensor:
    """Standard deviation of L* and its mean gradient magnitude within regions.

    Args:
        lab: (B, 3, H, W).
        edges: (B, 1, H, W), from :func:`edge_strength`.
        regions: (B, R, H, W) bool.

    Returns:
        (B, R, 2), NaN for an empty region.
    """
    lightness = lab[:, :1]
    mean, mean_edge = region_means(torch.cat([lightness, edges], dim=1), regions).unbind(-1)
    spread = region_means_of_squares(lightness, mean, regions)
    return torch.stack([spread.sqrt(), mean_edge], dim=-1)


def region_means_of_squares(values: Tensor, means: Tensor, weights: Tensor) -> Tensor:
    """Weighted variance within regions of values (B, 1, H, W) about means (B, R) -> (B, R)."""
    weights = weights.to(values.dtype)
    squares = (values - means.nan_to_num()[:, :, None, None]).square() * weights
    return squares.sum(dim=(2, 3)) / weights.sum(dim=(2, 3))


def region_correlation(a: Tensor, b: Tensor, region: Tensor) -> Tensor:
    """Pearson correlation of two maps (B, 1, H, W) within one region (B, 1, H, W) -> (B,).

    NaN where the region has fewer than 9 pixels or a map is constant in it: a correlation is then undefined.
    """
    weights = region.to(a.dtype)
    count = weights.sum(dim=(1, 2, 3))

    def centred(x: Tensor) -> Tensor:
        mean = (x * weights).sum(dim=(1, 2, 3)) / count
        return (x - mean[:, None, None, None]) * weights

    a, b = centred(a), centred(b)
    power = (a.square().sum(dim=(1, 2, 3)) * b.square().sum(dim=(1, 2, 3))).sqrt()
    correlation = (a * b).sum(dim=(1, 2, 3)) / power
    return torch.where((count >= _SMALLEST) & (power > 1e-6), correlation, torch.nan)


def overlap_counts(predicted: Tensor, truth: Tensor) -> Tensor:
    """Pixels of the intersection, the prediction and the truth: two (B, R, H, W) bool -> (B, R, 3) float."""
    counts = [(predicted & truth), predicted, truth]
    return torch.stack([c.sum(dim=(2, 3)) for c in counts], dim=-1).float()


def overlap_iou(predicted: Tensor, truth: Tensor) -> Tensor:
    """IoU (R,) of masks (B, R, H, W) bool, pixels of all images together; NaN where neither has any."""
    both, found, real = overlap_counts(predicted, truth).sum(dim=0).unbind(-1)
    return both / (found + real - both)


def dilate(masks: Tensor, radius: float) -> Tensor:
    """All pixels within Euclidean distance ``radius`` of a mask, (B, R, H, W) bool -> bool.

    The disk is a stack of rows: the mask widened to each row's half width, moved up and down to its height.
    """
    reach = int(radius)
    half_widths = [int(math.sqrt(radius**2 - height**2)) for height in range(reach + 1)]
    widened = [masks]
    for shift in range(1, reach + 1):
        widened.append(_spread(widened[-1], masks, shift, axis=3))
    result = widened[half_widths[0]]
    for height in range(1, reach + 1):
        result = _spread(result, widened[half_widths[height]], height, axis=2)
    return result


def _spread(base: Tensor, masks: Tensor, shift: int, axis: int) -> Tensor:
    """``base`` and ``masks`` moved by ``shift`` pixels both ways along an axis, united."""
    result, length = base.clone(), masks.shape[axis] - shift
    if length > 0:
        for there, here in ((shift, 0), (0, shift)):
            result.narrow(axis, there, length).logical_or_(masks.narrow(axis, here, length))
    return result


def boundaries(masks: Tensor) -> Tensor:
    """Pixels of a mask with a 4-neighbour outside it; the picture's own border is no boundary. (B, R, H, W) bool."""
    padded = F.pad(masks.float(), (1, 1, 1, 1), mode="replicate") > 0.5
    inner = padded[..., :-2, 1:-1] & padded[..., 2:, 1:-1] & padded[..., 1:-1, :-2] & padded[..., 1:-1, 2:]
    return masks & ~inner


def boundary_f1(predicted: Tensor, truth: Tensor) -> Tensor:
    """Boundary F measure of each mask (Martin et al. 2004, doi 10.1109/TPAMI.2004.1273918).

    Precision is the share of predicted boundary pixels within 2 pixels of a true one, recall the reverse.

    Args:
        predicted: masks, (B, R, H, W) bool.
        truth: likewise.

    Returns:
        (B, R), 0 where nothing is found of a true region, NaN where the truth is empty.
    """
    found, real = boundaries(predicted), boundaries(truth)
    precise = (found & dilate(real, BOUNDARY_TOLERANCE)).sum(dim=(2, 3)) / found.sum(dim=(2, 3)).clamp(min=1)
    recalled = (real & dilate(found, BOUNDARY_TOLERANCE)).sum(dim=(2, 3)) / real.sum(dim=(2, 3)).clamp(min=1)
    score = 2 * precise * recalled / (precise + recalled).clamp(min=1e-12)
    return torch.where(truth.any(dim=3).any(dim=2), score, torch.nan)


def choose_faces(dataset: FaceDataset, count: int) -> FaceBatch:
    """The first ``count`` faces whose labels show every ROI; where they are too few, the first others as well.

    Raises:
        ValueError: fewer than 2 faces in all, so that no style can be swapped.
    """
    if len(dataset) < 2:
        raise ValueError(f"the test split has {len(dataset)} face, a swap needs two: change data.split or data.count")
    complete: list[int] = []
    others: list[int] = []
    for index in range(len(dataset)):
        shown = one_hot(dataset.batch([index]).labels, len(dataset.rois)).any(dim=3).any(dim=2).all()
        (complete if bool(shown) else others).append(index)
        if len(complete) == count:
            break
    return dataset.batch((complete + others)[:count])
