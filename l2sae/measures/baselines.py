"""What trivial methods score on the same images: a constant mask, and colour statistics matched inside the matte."""

from collections.abc import Sequence

import numpy as np
import torch
from kornia.color import lab_to_rgb
from torch import Tensor

from l2sae.data import FaceDataset
from l2sae.measures.reconstruction import eight_bit, resized
from l2sae.measures.regions import region_means, region_means_of_squares

_MOST_FACES = 4096  # evenly spaced over the training split; more change the mean by nothing
_BATCH = 256


def mean_masks(dataset: FaceDataset, rois: Sequence[str], size: int) -> Tensor:
    """Share of the training faces that show each ROI at each pixel, (R, size, size) in [0, 1].

    Thresholded at 0.5 it is the constant mask: what one predicts without looking at the photo.
    """
    step = max(1, len(dataset) // _MOST_FACES)
    indices = range(0, len(dataset), step)
    total = np.zeros((len(rois), dataset.image_size, dataset.image_size), np.int64)
    for start in range(0, len(indices), _BATCH):
        labels = dataset.labels(indices[start : start + _BATCH]).numpy()
        for roi in range(len(rois)):  # NumPy sums bytes forty times as fast as torch sums booleans
            total[roi] += (labels == roi + 1).view(np.uint8).sum(axis=0, dtype=np.uint16)
    return resized(torch.from_numpy(total).float()[None] / len(indices), size)[0]


def lab_statistics(lab: Tensor, mattes: Tensor) -> Tensor:
    """Mean and standard deviation of CIELAB under mattes: (B, 3, H, W), (B, R, H, W) -> (B, R, 2, 3).

    NaN for an empty matte.
    """
    means = region_means(lab, mattes)
    spreads = [region_means_of_squares(lab[:, c : c + 1], means[..., c], mattes).sqrt() for c in range(3)]
    return torch.stack([means, torch.stack(spreads, dim=-1)], dim=2)


def reinhard_edit(photos: Tensor, lab: Tensor, matte: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Photos recoloured inside one ROI's matte as :func:`reinhard` says, at 8-bit levels.

    Args:
        photos: (B, 3, H, W) in [-1, 1], or pixels picked from them.
        lab: the same in CIELAB.
        matte: (B, 1, H, W) in [0, 1].
        own: statistics (B, 2, 3) of the photos' ROI; where it is empty, nothing changes.
        other: those of the references.
    """
    target = reinhard(lab, own, other)
    target = torch.where(target.isnan(), photos, target)
    return eight_bit(matte * target + (1 - matte) * photos)


def reinhard(lab: Tensor, own: Tensor, other: Tensor) -> Tensor:
    """Colour transfer by mean and standard deviation in CIELAB (Reinhard et al. 2001, doi 10.1109/38.946629).

    Args:
        lab: photos (B, 3, H, W) in CIELAB.
        own: mean and standard deviation (B, 2, 3) of one ROI of the photos.
        other: the same of their references.

    Returns:
        Images (B, 3, H, W) in [-1, 1], recoloured everywhere; composite them inside the matte.
    """
    own, other = own[..., None, None], other[..., None, None]
    scaled = (lab - own[:, 0]) * (other[:, 1] / own[:, 1].clamp(min=1e-3)) + other[:, 0]
    return lab_to_rgb(scaled).clamp(0, 1) * 2 - 1
