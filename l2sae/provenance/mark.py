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
from scipy import ndimage
from torch import Tensor

from l2sae.pictures.conversions import HALF, to_values
from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.pictures.writing import through_jpeg
from l2sae.provenance.export_errors import ProvenanceError
from l2sae.provenance.rivagan import BITS, load_networks

Picture = NDArray[np.uint8]

MARK = 0xFBE3B53F  # against the grain: unmarked photos decode to about 10 of its 32 bits, not to 16
FALSE_POSITIVE_RATE = 1e-6  # for one inspected picture, over all scales that are tried
SCALES = (1.0, 0.9, 0.8)  # share of each side that a crop may have left, as tried in turn
SIDE = 256  # of a square with as many pixels as the grid on which the mark is computed
HINT = 21  # bits at the first scale, from which others are tried: marks in crops of 40 % show at least 23 there
MIN_PSNR = 38.0
GENTLE_PSNR = 39.0  # of a mark that needs no refinement
QUALITY = 65  # of the JPEG that a mark has to survive: a little worse than 75
ENOUGH = 31  # bits that have to be left
REFINEMENTS = 3  # at most; each costs about as much as marking without
LARGE = 1024  # pixels; of larger pictures every other pixel, or fewer, tells the PSNR
WORKING_SIDE = 512  # pixels; what JPEG takes from a larger picture is averaged away on the grid
MARGIN = 1.0  # by which a refined bit should pass: of values that lie 1 to 5 from their threshold
_TRIES, _TOLERANCE = 6, 0.1  # for the strength, and in dB
_LARGEST_STEP = 0.3  # of the residual
_OVERSHOOT = 2.0  # JPEG takes part of a change away again
_SMOOTH, _SMOOTH_CHROMA = 0.8, 1.5  # pixels of the grid: what is finer JPEG takes away, of colours at half the size
_DITHER = np.random.default_rng(0).random((64, 64), np.float32) - 0.5  # levels: else many strengths round to the same
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as JPEG


@dataclass(frozen=True)
class Detection:
    """Whether a picture carries a mark, and on what evidence.

    Attributes:
        marked: whether ``score`` reaches ``threshold``.
        score: the back end's measure: the number of bits that match, or a correlation in standard deviations.
        threshold: the score from which the mark counts as found.
        scale: share of each side that a crop left, as far as detection tells.
        bits_matched: bits of the mark, or waves of the pattern, that the picture has.
        bits: how many the mark has.
        name: the back end's.
        evidence: score and threshold in words.
    """

    marked: bool
    score: float
    threshold: float
    scale: float
    bits_matched: int
    bits: int
    name: str
    evidence: str


def count_bits(name: str, matched: int, bits: int, threshold: int, scale: float = 1.0) -> Detection:
    """The detection of a mark that is read bit by bit: found where at least ``threshold`` of its ``bits`` match."""
    evidence = f"{matched} of {bits} bits, {threshold} needed"
    return Detection(matched >= threshold, matched, threshold, scale, matched, bits, name, evidence)


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

        A gentle mark is tried first. Where JPEG takes more than one of its bits, gradients of the decoder say how
        to change the residual, at 38 dB. A large picture is represented by a smaller copy while this goes on.
        """
        copy = _reduced(picture)
        residual = _smoothed(self._residual(copy), _SMOOTH, _SMOOTH)
        goal = GENTLE_PSNR
        marked, residual = at_psnr(copy, residual, goal)
        for _ in range(REFINEMENTS):
            matched, change = self._lacking(through_jpeg(marked, QUALITY))
            if matched >= ENOUGH:
                break
            goal = MIN_PSNR
            marked, residual = at_psnr(copy, _changed(residual, change), goal)
        return marked if copy is picture else at_psnr(picture, residual, goal)[0]

    def detect(self, picture: Picture) -> Detection:
        """Look for the mark at each scale; stops where it is found, or where nothing speaks for a crop."""
        threshold, best = detection_threshold(), (-1, 1.0)
        for scale in SCALES:
            best = max(best, (_matched(self._decode(picture, scale)), scale))
            if best[0] >= threshold or best[0] < HINT:
                break
        return count_bits(self.name, best[0], BITS, threshold, best[1])

    @torch.inference_mode()
    def _residual(self, picture: Picture) -> NDArray[np.float32]:
        """(h, w, 3) on the grid, in 8-bit levels."""
        encoder, _ = load_networks()
        residual = encoder(_on_grid(picture, 1.0), mark_bits()) * HALF
        return residual[0].permute(1, 2, 0).numpy()

    def _lacking(self, picture: Picture) -> tuple[int, NDArray[np.float32]]:
        """How many bits match, and the change (h, w, 3) of the picture on the grid, in 8-bit levels, for the rest.

        The step has Polyak's length times ``_OVERSHOOT``: to first order, each bit passes by ``MARGIN`` after a step of
        Polyak's length against the sum of what is lacking. The gradient is taken at the damaged picture, as if the
        damage did nothing. Where ``ENOUGH`` bits match, the change is 0.
        """
        _, decoder = load_networks()
        with torch.inference_mode(False), torch.enable_grad():
            pixels = _on_grid(picture, 1.0).requires_grad_()
            values = decoder(pixels)[0]
            matched = _matched(values)
            if matched >= ENOUGH:  # the gradient takes twice as long as the values
                return matched, np.zeros((*pixels.shape[2:], 3), np.float32)
            lacking = torch.relu(MARGIN - (2 * mark_bits() - 1) * (values - 0.5)).sum()
            (gradient,) = torch.autograd.grad(lacking, pixels)
        slope = gradient[0].permute(1, 2, 0).numpy() / np.float32(HALF)
        direction = _smoothed(slope, _SMOOTH, _SMOOTH_CHROMA)
        gain = float((slope * direction).sum())
        return matched, -direction * (_OVERSHOOT * float(lacking.detach()) / gain if gain > 0 else 0.0)

    @torch.inference_mode()
    def _decode(self, picture: Picture, scale: float) -> Tensor:
        _, decoder = load_networks()
        return decoder(_on_grid(picture, scale))[0]


def mark_bits() -> Tensor:
    """The fixed mark, (32,) float of 0 and 1."""
    return torch.tensor([float(digit) for digit in f"{MARK:0{BITS}b}"])


def _matched(values: Tensor) -> int:
    return int(((values > 0.5).float() == mark_bits()).sum())


def _on_grid(picture: Picture, scale: float) -> Tensor:
    """The picture (1, 3, h, w) in [-1, 1] with the aspect ratio kept and about (scale * SIDE)^2 pixels."""
    height, width = picture.shape[:2]
    zoom = scale * SIDE / math.sqrt(height * width)
    size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
    small = np.array(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    return to_values(small)


def _reduced(picture: Picture) -> Picture:
    """The picture itself, or a copy of ``WORKING_SIDE`` pixels on its longer side."""
    factor = WORKING_SIDE / max(picture.shape[:2])
    if factor >= 1:
        return picture
    size = (max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor)))
    return np.array(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def _smoothed(values: NDArray[np.floating], luma: float, chroma: float) -> NDArray[np.float32]:
    """Gaussian blur of (h, w, 3), with one sigma for brightness and one for colours."""
    grey = (values @ _LUMA)[..., None]
    blurred = ndimage.gaussian_filter(values - grey, (chroma, chroma, 0), mode="nearest")
    return blurred + ndimage.gaussian_filter(grey, (luma, luma, 0), mode="nearest")


def _changed(residual: NDArray[np.float32], change: NDArray[np.float32]) -> NDArray[np.float32]:
    """The residual with a change of at most ``_LARGEST_STEP`` of its own size; both are root mean squares."""
    size = _rms(change) / max(_rms(residual), 1e-6)
    return residual + change * min(1.0, _LARGEST_STEP / max(size, 1e-6))


def _rms(values: NDArray[np.float32]) -> float:
    return math.sqrt(float(np.square(values).mean()))


def at_psnr(picture: Picture, residual: NDArray[np.float32], goal: float) -> tuple[Picture, NDArray[np.float32]]:
    """The picture with the residual scaled so that PSNR is ``goal`` or little above it, and the scaled residual.

    The strength for a large picture is found on some of its pixels, and only checked on all of them.
    """
    step = max(picture.shape[:2]) // LARGE
    if step > 1:
        _, scaled = at_psnr(np.ascontiguousarray(picture[::step, ::step]), residual, goal + _TOLERANCE / 2)
        marked = _add(picture, scaled, 1.0)
        if psnr_of_levels(picture, marked) >= goal:
            return marked, scaled
    strength, kept = 255 / 10 ** (goal / 20) / max(_rms(residual), 1e-6), 0.0
    marked = picture
    for _ in range(_TRIES):
        tried = _add(picture, residual, strength)
        found = psnr_of_levels(picture, tried)
        if found >= goal:
            marked, kept = tried, strength
            if found <= goal + _TOLERANCE:
                break
        strength *= min(10 ** ((found - goal - _TOLERANCE / 2) / 20), 1.5)
    return marked, kept * residual


def _add(picture: Picture, residual: NDArray[np.float32], strength: float) -> Picture:
    size = (picture.shape[1], picture.shape[0])
    marked = np.empty_like(picture)
    dither = np.tile(_DITHER, (-(-size[1] // len(_DITHER)), -(-size[0] // len(_DITHER))))[: size[1], : size[0]]
    for channel in range(3):  # one at a time, for the memory of large pictures
        plane = Image.fromarray(np.ascontiguousarray(residual[..., channel]))
        full = np.array(plane.resize(size, Image.Resampling.BICUBIC))
        full *= strength
        full += dither
        full += picture[..., channel]
        marked[..., channel] = np.clip(np.rint(full, out=full), 0, 255, out=full)
    return marked
