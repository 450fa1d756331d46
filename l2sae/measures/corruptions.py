"""Pictures made worse in controlled steps: things in front of the face, blur, JPEG, noise, low resolution.

All functions take and return images (B, 3, S, S) in [-1, 1]; lengths are given for a picture of 128 pixels and grow
with it. What is random depends on the seed and a face's index alone, and is the same at every severity.
"""

from collections.abc import Sequence

import numpy as np
import torch
from kornia.filters import gaussian_blur2d
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from l2sae.measures.reconstruction import eight_bit
from l2sae.pictures.conversions import HALF, levels_to_values
from l2sae.pictures.display import as_pictures
from l2sae.pictures.writing import through_jpeg

REFERENCE_SIDE = 128
OCCLUDERS = ("object", "hand", "mask")
_SKIN = np.array([[0.93, 0.76, 0.65], [0.78, 0.57, 0.43], [0.55, 0.37, 0.27], [0.33, 0.21, 0.16]])
_HAND_AREA = 2.55  # of the hand below, in its own units
Field = NDArray[np.float64]


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with a standard deviation of ``sigma`` pixels of 128."""
    sigma = sigma * images.shape[-1] / REFERENCE_SIDE
    taps = min(2 * round(4 * sigma) + 1, 2 * images.shape[-1] - 1)
    return eight_bit(gaussian_blur2d(images, (taps, taps), (sigma, sigma), border_type="reflect"))


def jpeg(images: Tensor, quality: float) -> Tensor:
    """Saved as JPEG of this quality, 1 to 95, and read again."""
    result = np.stack([through_jpeg(picture, int(quality)) for picture in as_pictures(images)])
    return levels_to_values(torch.from_numpy(result).permute(0, 3, 1, 2)).to(images.device)


def noise(images: Tensor, levels: float, indices: Sequence[int], seed: int) -> Tensor:
    """Gaussian noise with a standard deviation of ``levels`` 8-bit levels, drawn anew for every pixel and channel."""
    drawn = np.stack([_generator(seed, i).standard_normal(images.shape[1:], np.float32) for i in indices])
    return eight_bit(images + torch.from_numpy(drawn).to(images.device) * (levels / HALF))


def reduce_resolution(images: Tensor, side: float) -> Tensor:
    """Reduced to ``side`` of 128 pixels, antialiased, and enlarged again, both bicubic."""
    small = max(1, round(side * images.shape[-1] / REFERENCE_SIDE))
    reduced = F.interpolate(images, size=(small, small), mode="bicubic", antialias=True)
    return eight_bit(F.interpolate(reduced, size=images.shape[-2:], mode="bicubic"))


def occlude(
    images: Tensor, labels: Tensor, face: Tensor, share: float, indices: Sequence[int], seed: int
) -> tuple[Tensor, Tensor]:
    """Paint an object, a hand or a face mask over each face; which one follows from the face's index.

    Args:
        images: (B, 3, S, S) in [-1, 1].
        labels: (B, S, S) ROI ids.
        face: (B, S, S) bool, the parts of the face that its place and size are taken from.
        share: area of the occluder over that of the face's bounding box.
        indices: index of each face.
        seed: of place, shape and colour.

    Returns:
        The pictures, and the labels with 0 where the occluder hides what was there.
    """
    images, labels = images.clone(), labels.clone()
    for row, index in enumerate(indices):
        x, y, size = _face_coordinates(face[row])
        rng = _generator(seed, int(index))
        distance, colour = _PAINTERS[OCCLUDERS[int(index) % len(OCCLUDERS)]](x, y, share, rng)
        alpha = torch.from_numpy(np.clip(0.5 - distance * size, 0, 1)).to(images)
        paint = torch.from_numpy(np.moveaxis(colour, -1, 0) * 2 - 1).to(images)
        images[row] = eight_bit(images[row].lerp(paint, alpha))
        labels[row][alpha > 0.5] = 0
    return images, labels


def _generator(seed: int, index: int) -> np.random.Generator:
    return np.random.default_rng([seed, index])


def _face_coordinates(face: Tensor) -> tuple[Field, Field, float]:
    """Coordinates of the pixels, in which the face's bounding box has area 1 and middle 0; and pixels a unit."""
    rows, columns = (np.flatnonzero(face.any(dim=axis).cpu().numpy()) for axis in (1, 0))
    side = face.shape[-1]
    if not len(rows):  # no face labelled: the middle of the picture
        rows = columns = np.arange(side // 4, 3 * side // 4)
    size = float(np.sqrt((np.ptp(rows) + 1) * (np.ptp(columns) + 1)))
    y, x = np.mgrid[:side, :side].astype(np.float64)
    return (x - (columns[0] + columns[-1]) / 2) / size, (y - (rows[0] + rows[-1]) / 2) / size, size


def _turned(x: Field, y: Field, angle: float) -> tuple[Field, Field]:
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _rounded_box(x: Field, y: Field, width: float, height: float, radius: float) -> Field:
    """Signed distance to a box of half ``width`` and half ``height`` with round corners."""
    dx, dy = np.abs(x) - width + radius, np.abs(y) - height + radius
    return np.hypot(np.maximum(dx, 0), np.maximum(dy, 0)) + np.minimum(np.maximum(dx, dy), 0) - radius


def _object(x: Field, y: Field, share: float, rng: np.random.Generator) -> tuple[Field, Field]:
    """A striped thing with round corners, anywhere near the middle of the face."""
    place, angle, aspect = rng.uniform(-0.25, 0.25, 2), rng.uniform(-1.5, 1.5), np.exp(rng.uniform(-0.4, 0.4))
    u, v = _turned(x - place[0], y - place[1], angle)
    half = np.sqrt(share) / 2 * 1.005  # the corners are missing
    colour = rng.uniform(0.05, 0.95, 3)
    stripes = 1 - 0.35 * (np.sin(u * 30) > 0)
    return _rounded_box(u, v, half * aspect, half / aspect, 0.2 * half), stripes[..., None] * colour


def _hand(x: Field, y: Field, share: float, rng: np.random.Generator) -> tuple[Field, Field]:
    """A hand that comes from one side: a palm and four fingers, a little apart."""
    side, level, angle = rng.choice([-1, 1]), rng.uniform(-0.2, 0.3), rng.uniform(-0.5, 0.5)
    scale = np.sqrt(share / _HAND_AREA)
    u, v = _turned(side * x + 0.15, y - level, angle)
    u, v = u / scale, v / scale
    shape = _rounded_box(u + 0.6, v, 0.62, 0.62, 0.3)
    for finger in range(4):
        shape = np.minimum(
            shape, _rounded_box(u - 0.45, v - 0.33 * (finger - 1.5), 0.7 - 0.12 * (finger % 3), 0.13, 0.13)
        )
    tone = _SKIN[rng.integers(len(_SKIN))]
    shading = np.clip(0.8 - 0.8 * shape, 0.75, 1.0)  # darker towards the edge
    return shape * scale, shading[..., None] * tone


def _mask(x: Field, y: Field, share: float, rng: np.random.Generator) -> tuple[Field, Field]:
    """A cloth over the lower part of the face, as wide as the face, with pleats."""
    colour = np.array([[0.55, 0.75, 0.85], [0.93, 0.93, 0.91], [0.12, 0.12, 0.14]])[rng.integers(3)]
    half = 0.48
    height = share / (2 * half)
    bottom = 0.56
    sag = 0.06 * np.square(x / half)  # the upper edge is higher over the nose
    middle = bottom - height / 2
    pleats = 1 - 0.12 * (np.sin(y * 45) > 0.6)
    return _rounded_box(x, y - sag - middle, half, height / 2, 0.4 * min(half, height / 2)), pleats[..., None] * colour


_PAINTERS = {"object": _object, "hand": _hand, "mask": _mask}
