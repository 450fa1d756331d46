"""Invisible watermarks: one fixed mark that says "edited", and the threshold at which it counts as found.

Which edit it was is not in the mark: 32 bits are too few to number exports without false positives. Log and perceptual
hash answer that.
"""

import functools
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from l2sae.editing.pictures import through_jpeg
from l2sae.provenance.errors import ProvenanceError
from l2sae.provenance.rivagan import BITS, load_networks

Picture = NDArray[np.uint8]

MARK = 0xFBE3B53F  # against the grain: unmarked photos decode to about 10 of its 32 bits, not to 16
FALSE_POSITIVE_RATE = 1e-6  # for one inspected picture, over all scales that are tried
SCALES = (1.0, 0.9, 0.8)  # share of each side that a crop may have left, as tried in turn
SIDE = 256  # of a square with as many pixels as the grid on which the mark is computed
MIN_PSNR = 38.0
STRENGTHS = (1.5, 1.6, 1.7)  # times the network's own residual; PSNR about 39 dB at the first


@dataclass(frozen=True)
class Detection:
    """Whether a picture carries the mark. ``scale`` is the one at which most bits matched."""

    marked: bool
    bits_matched: int
    threshold: int
    scale: float


class Watermark(Protocol):
    """A way to mark pictures."""

    name: str

    def embed(self, picture: Picture) -> Picture:
        """A copy of the picture, (H, W, 3) uint8, that carries the mark."""

    def detect(self, picture: Picture) -> Detection:
        """Look for the mark in a picture (H, W, 3) uint8 of any size."""


@functools.cache
def detection_threshold(bits: int = BITS, trials: int = len(SCALES), rate: float = FALSE_POSITIVE_RATE) -> int:
    """The fewest matching bits that chance reaches with at most ``rate`` in ``trials`` tries.

    Chance is a fair coin for each bit, and the union bound over the tries: trials * P(X >= threshold), with X binomial.

    Raises:
        ProvenanceError: so many tries that not even all bits would do.
    """
    for threshold in range(bits + 1):
        tail = sum(math.comb(bits, matched) for matched in range(threshold, bits + 1)) / 2**bits
        if trials * tail <= rate:
            return threshold
    raise ProvenanceError(f"{bits} bits in {trials} tries cannot reach a false-positive rate of {rate:g}")


class RivaGan:
    """The mark as RivaGAN hides it, on a grid of about 256 x 256 pixels, whatever the picture's size.

    The residual is computed there and brought to the picture's size; detection brings the picture to the same grid. A
    crop changes the grid's scale: detection tries a few.
    """

    name = "rivagan"

    def embed(self, picture: Picture) -> Picture:
        """Mark a picture (H, W, 3) uint8; PSNR stays at 38 dB or above.

        The weakest strength that survives JPEG at quality 75 is taken, if one does; else the strongest.
        """
        marked = picture
        residual = self._residual(picture)
        for strength in STRENGTHS:
            stronger = _add(picture, residual, strength)
            if psnr(picture, stronger) < MIN_PSNR:
                break
            marked = stronger
            if _matched(self._decode(through_jpeg(marked, 75), 1.0)) >= detection_threshold():
                break
        return marked

    def detect(self, picture: Picture) -> Detection:
        """Look for the mark at each scale; stops where it is found."""
        threshold, best = detection_threshold(), (-1, 1.0)
        for scale in SCALES:
            best = max(best, (_matched(self._decode(picture, scale)), scale))
            if best[0] >= threshold:
                break
        return Detection(best[0] >= threshold, best[0], threshold, best[1])

    @torch.inference_mode()
    def _residual(self, picture: Picture) -> NDArray[np.float32]:
        """(h, w, 3) on the grid, in 8-bit levels."""
        encoder, _ = load_networks()
        residual = encoder(_on_grid(picture, 1.0), mark_bits()) * 127.5
        return residual[0].permute(1, 2, 0).numpy()

    @torch.inference_mode()
    def _decode(self, picture: Picture, scale: float) -> Tensor:
        _, decoder = load_networks()
        return decoder(_on_grid(picture, scale))[0]


def mark_bits() -> Tensor:
    """The fixed mark, (32,) float of 0 and 1."""
    return torch.tensor([float(digit) for digit in f"{MARK:0{BITS}b}"])


def psnr(first: Picture, second: Picture) -> float:
    """Peak signal-to-noise ratio of two uint8 pictures, in dB."""
    error = np.mean(np.square(first.astype(np.float32) - second))
    return math.inf if error == 0 else 10 * math.log10(255**2 / error)


def _matched(values: Tensor) -> int:
    return int(((values > 0.5).float() == mark_bits()).sum())


def _on_grid(picture: Picture, scale: float) -> Tensor:
    """The picture (1, 3, h, w) in [-1, 1] with the aspect ratio kept and about (scale * SIDE)^2 pixels."""
    height, width = picture.shape[:2]
    zoom = scale * SIDE / math.sqrt(height * width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    small = np.array(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))
    return torch.from_numpy(small).permute(2, 0, 1)[None].float() / 127.5 - 1


def _add(picture: Picture, residual: NDArray[np.float32], strength: float) -> Picture:
    size = (picture.shape[1], picture.shape[0])
    marked = np.empty_like(picture)
    for channel in range(3):  # one at a time, for the memory of large pictures
        plane = Image.fromarray(np.ascontiguousarray(residual[..., channel]))
        full = np.asarray(plane.resize(size, Image.Resampling.BICUBIC))
        marked[..., channel] = np.clip(np.rint(picture[..., channel] + strength * full), 0, 255)
    return marked
