"""Tensors as pictures of 8 bits, and the colours of the ROIs: what screens and print share, without matplotlib."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL.ImageColor import getrgb
from torch import Tensor

from l2sae.pictures.conversions import values_to_levels

Picture = NDArray[np.uint8]

PALETTE = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#D55E00", "#CC79A7", "#0072B2")
"""Colours of Okabe and Ito (2008), https://jfly.uni-koeln.de/color, ordered so that neighbours in a face contrast."""


def as_pictures(images: Tensor) -> list[Picture]:
    """Images (B, 3, H, W) in [-1, 1] as a list of (H, W, 3) uint8."""
    return list(values_to_levels(images.cpu()).permute(0, 2, 3, 1).numpy())


def as_maps(mattes: Tensor) -> list[NDArray[np.float32]]:
    """Mattes (B, 1, H, W) as a list of (H, W) arrays."""
    return list(mattes.detach().cpu().float()[:, 0].numpy())


def label_mattes(labels: Tensor, rois: int) -> list[list[NDArray[np.float32]]]:
    """Label maps (B, H, W) with ids 0..rois as one list a face of masks (H, W), one an ROI, for :func:`tinted`."""
    ids = labels.cpu().numpy()
    return [[(face == roi).astype(np.float32) for roi in range(1, rois + 1)] for face in ids]


def roi_colour(index: int) -> str:
    """The colour of the ROI at ``index``."""
    return PALETTE[index % len(PALETTE)]


def tinted(picture: Picture, mattes: Sequence[NDArray[np.floating]], opacity: float = 0.65) -> Picture:
    """A grey copy of a picture with each matte (H, W) laid over it in its colour of the palette."""
    grey = picture.astype(np.float64).mean(axis=2, keepdims=True) * 0.6 + 100.0
    result = np.repeat(grey, 3, axis=2)
    for index, matte in enumerate(mattes):
        alpha = opacity * matte[..., None]
        result = (1 - alpha) * result + alpha * np.array(getrgb(roi_colour(index)))
    return np.clip(result.round(), 0, 255).astype(np.uint8)
