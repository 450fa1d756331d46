"""The default watermark: a faint pattern that repeats over the picture, too weak to be seen, found by correlation.

It is spread-spectrum marking (Cox et al., doi 10.1109/83.650120) that says "edited" and nothing else. One tile of
random phases in a band of frequencies is repeated over the brightness of the picture, weaker in flat areas than in
texture. Nothing of it lies below the band, so that no area changes its colour. A crop shifts the tiles, resizing alters
their period: detection samples the picture's spectrum at the pattern's frequencies, for many periods and angles, and
correlates over all shifts at once.

The threshold needs no sample of unmarked pictures. The tile's phases were drawn at random; for any picture that does
not depend on them, the score is a weighted sum of cosines of independent, uniform angles over its standard deviation,
and exceeds t with a probability of at most exp(-t^2 / 2), by Chernoff's bound. The union bound over every period, angle
and shift that is tried gives the threshold.
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from l2sae.provenance.mark import FALSE_POSITIVE_RATE, Detection, RivaGan, Watermark

PERIOD = 64  # pixels of the grid
SIDE = 512  # of a square with as many pixels as the grid; a smaller picture is its own grid
SMALL = 256  # likewise: in smaller pictures the pattern is up to twice as strong
BAND = (5, 16)  # cycles in a period: wavelengths of 4 to 13 pixels
FLAT, GAIN, MOST = 0.5, 0.15, 2.5  # levels: root mean square in flat areas, growth with local activity, and bound
MIN_PSNR = 42.0
ROBUST = 3.0  # times the invisible strength
KEY = 20_261  # of the tile's phases
_FINE, _LOCAL, _REACH = 2.0, 3.0, 9  # pixels: blur below the details, of their size, and what flat areas keep off
_CLIP, _FLOOR = 2.5, 1.0  # of details in units of their local size, and levels added to that size
_LONGEST, _SHORTEST = 300.0, 61.0  # periods in pixels of a grid of ``SIDE``: of tiny pictures, and of whole ones
_STEP = 0.003  # between periods that are tried: over half a picture a wave moves by a quarter of its length at most
_TURN, _TURN_STEP = 10.2, 0.3  # degrees
_NEAR = 3  # steps around the period of an uncropped picture, in which turned and mirrored ones are looked for
_TOGETHER = 64  # candidates in one transform

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Pattern:
    """Frequencies (K, 2), down and across in cycles a period, their phases (K,) and the tile, of unit variance."""

    waves: NDArray[np.int64]
    phases: NDArray[np.float64]
    tile: Floats


@dataclass(frozen=True)
class _Spectrum:
    """Spectrum of a picture's normalised details: half a plane of frequencies, padded sizes, and the grid's side."""

    values: NDArray[np.complexfloating]
    rows: int
    columns: int
    side: float


class PatternMark:
    """A faint repeated pattern; see `l2sae.provenance.Watermark` for the interface.

    Args:
        strength: times the amplitude that cannot be seen; ``ROBUST`` can be, in flat areas. Detection is the same.
    """

    name = "pattern"

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def embed(self, picture: Picture) -> Picture:
        """A copy of the picture, (H, W, 3) uint8, that carries the mark; PSNR stays at 42 dB or above."""
        small = _on_grid(picture)
        rows, columns = small.shape
        tile = pattern().tile
        tiles = np.tile(tile, (-(-rows // PERIOD), -(-columns // PERIOD)))[:rows, :columns]
        stronger = min(2.0, max(1.0, SMALL / math.sqrt(small.size)))  # few pixels have to carry as much
        residual = tiles * (self.strength * stronger * _amplitude(small))
        most = 0.99 * math.sqrt(255**2 / 10 ** (MIN_PSNR / 10) - 1 / 12)  # rounding adds to it
        residual *= min(1.0, most / max(math.sqrt(float(np.square(residual).mean())), 1e-6))
        size = (picture.shape[1], picture.shape[0])
        full = np.asarray(Image.fromarray(residual).resize(size, Image.Resampling.BICUBIC))
        marked = np.empty_like(picture)
        for channel in range(3):  # one at a time, for the memory of large pictures
            marked[..., channel] = np.clip(np.rint(full + picture[..., channel]), 0, 255)
        return marked

    def detect(self, picture: Picture) -> Detection:
        """Look for the pattern as it is, then at other periods, angles and mirrored; stops where it is found."""
        spectrum = _spectrum(picture)
        whole = {PERIOD, PERIOD * max(1.0, SIDE / spectrum.side)}  # periods of an uncropped picture
        needed, best = threshold(), _Score(0.0, 0, PERIOD)
        for part in candidates(tuple(sorted(whole))):
            for start in range(0, len(part), _TOGETHER):
                best = max(best, _best_score(spectrum, part[start : start + _TOGETHER]), key=lambda one: one.value)
                if best.value >= needed:
                    break
            if best.value >= needed:
                break
        evidence = f"correlation {best.value:.1f}, {needed:.1f} needed"
        scale = min(whole, key=lambda one: abs(math.log(one / best.period))) / best.period
        return Detection(
            best.value >= needed, best.value, needed, scale, best.matched, len(pattern().waves), self.name, evidence
        )


@dataclass(frozen=True)
class _Score:
    value: float  # in standard deviations of pictures without the mark
    matched: int  # waves whose phase is within a quarter turn of the pattern's
    period: float


@functools.cache
def pattern() -> _Pattern:
    """The fixed pattern: all frequencies of the band with equal amplitudes and random phases."""
    low, high = BAND
    steps = np.arange(-high, high + 1)
    down, across = (axis.ravel() for axis in np.meshgrid(steps, steps, indexing="ij"))
    length = np.hypot(down, across)
    kept = (length >= low) & (length <= high) & ((across > 0) | ((across == 0) & (down > 0)))
    waves = np.stack([down[kept], across[kept]], axis=1)
    phases = np.random.default_rng(KEY).uniform(0, 2 * math.pi, len(waves))
    spectrum = np.zeros((PERIOD, PERIOD), complex)
    spectrum[waves[:, 0], waves[:, 1]] = np.exp(1j * phases)
    tile = np.fft.ifft2(spectrum).real
    return _Pattern(waves, phases, (tile / tile.std()).astype(np.float32))


@functools.cache
def threshold(rate: float = FALSE_POSITIVE_RATE) -> float:
    """The score that a picture without the mark exceeds with a probability of at most ``rate`` over all tries."""
    tries = sum(len(part) for part in candidates((PERIOD, 2.0 * PERIOD))) * PERIOD**2
    return math.sqrt(2 * math.log(tries / rate))


@functools.cache
def candidates(whole: tuple[float, ...]) -> tuple[NDArray[np.float64], ...]:
    """Matrices (C, 2, 2) from cycles a period to cycles over a grid of ``SIDE``, in the order in which they are tried.

    Args:
        whole: periods of an uncropped picture, in pixels of such a grid.

    Returns:
        The picture as it is; other periods; mirrored and turned by quarters; turned by a few degrees.
    """
    near = np.concatenate([period * (1 + _STEP * np.arange(-_NEAR, _NEAR + 1)) for period in whole])
    count = math.ceil(math.log(_LONGEST / _SHORTEST) / _STEP)
    plain = np.eye(2)[None]
    quarters = np.stack([_turn(90.0 * number) @ np.diag([1.0, side]) for number in range(4) for side in (1.0, -1.0)])
    angles = np.arange(-_TURN, _TURN + _TURN_STEP / 2, _TURN_STEP)
    turned = np.stack([_turn(float(angle)) for angle in angles])
    return (
        _matrices(plain, near),
        _matrices(plain, np.geomspace(_SHORTEST, _LONGEST, count)),
        _matrices(quarters[1:], near),
        _matrices(turned, near[1::2]),
    )


def _matrices(turns: NDArray[np.float64], periods: NDArray[np.float64]) -> NDArray[np.float64]:
    return (turns[:, None] * (SIDE / periods)[None, :, None, None]).reshape(-1, 2, 2)


def _turn(degrees: float) -> NDArray[np.float64]:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def _on_grid(picture: Picture) -> Floats:
    """Brightness (h, w) in levels, of about ``SIDE`` x ``SIDE`` pixels at most."""
    height, width = picture.shape[:2]
    zoom = SIDE / math.sqrt(height * width)
    grey = Image.fromarray(picture)
    if zoom < 1:
        size = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        grey = grey.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(grey.convert("L"), np.float32)


def _details(brightness: Floats) -> Floats:
    return brightness - ndimage.gaussian_filter(brightness, _FINE)


def _amplitude(brightness: Floats) -> Floats:
    """How strong the pattern may be, (h, w) in levels; the flattest place nearby decides, so that edges do not ring."""
    activity = ndimage.gaussian_filter(np.abs(_details(brightness)), _FINE)
    calm = ndimage.gaussian_filter(ndimage.minimum_filter(activity, _REACH), _LOCAL)
    return np.clip(FLAT + GAIN * calm, FLAT, MOST)


def _spectrum(picture: Picture) -> _Spectrum:
    """Fourier transform of details in units of their local size, about the middle, padded to twice its size."""
    brightness = _on_grid(picture)
    details = _details(brightness)
    size = np.sqrt(ndimage.gaussian_filter(np.square(details), _LOCAL + 1))
    equal = np.clip(details / (size + _FLOOR), -_CLIP, _CLIP)
    rows, columns = (2 * scipy.fft.next_fast_len(length, real=True) for length in equal.shape)
    padded = np.zeros((rows, columns), np.float32)
    padded[: equal.shape[0], : equal.shape[1]] = equal
    centred = np.roll(padded, (-(equal.shape[0] // 2), -(equal.shape[1] // 2)), (0, 1))
    return _Spectrum(scipy.fft.rfft2(centred), rows, columns, math.sqrt(brightness.size))


def _sampled(spectrum: _Spectrum, matrices: NDArray[np.float64]) -> NDArray[np.complexfloating]:
    """The spectrum at the pattern's waves, (C, K); 0 beyond what the grid can hold."""
    cycles = (matrices / spectrum.side) @ pattern().waves.T.astype(np.float64)  # (C, 2, K), a pixel
    inside = np.abs(cycles).max(axis=1) < 0.5
    down = np.rint(cycles[:, 0] * spectrum.rows).astype(np.int64)
    across = np.rint(cycles[:, 1] * spectrum.columns).astype(np.int64)
    mirrored = across < 0
    down, across = np.where(mirrored, -down, down) % spectrum.rows, np.abs(across)
    values = spectrum.values[down, np.minimum(across, spectrum.columns // 2)]
    return np.where(inside, np.where(mirrored, values.conj(), values), 0)


def _best_score(spectrum: _Spectrum, matrices: NDArray[np.float64]) -> _Score:
    """The highest score of some candidates over all shifts."""
    known, values = pattern(), _sampled(spectrum, matrices)
    size = np.abs(values)
    typical = np.median(size, axis=1, keepdims=True)
    values = values / (size + typical + 1e-9)  # equal weights, but for the faintest
    agreement = values * np.exp(-1j * known.phases).astype(np.complex64)
    plane = np.zeros((len(matrices), PERIOD, PERIOD // 2 + 1), np.complex64)
    doubled = np.where(known.waves[:, 1] == 0, 2.0, 1.0)  # their mirror image stands in the same column
    plane[:, known.waves[:, 0], known.waves[:, 1]] = agreement * doubled
    sums = scipy.fft.irfft2(plane, (PERIOD, PERIOD)) * (PERIOD**2 / 2)
    deviation = np.sqrt(np.square(np.abs(values)).sum(axis=1) / 2) + 1e-9
    scores = sums.max(axis=(1, 2)) / deviation
    best = int(scores.argmax())
    shift = np.unravel_index(int(sums[best].argmax()), sums.shape[1:])
    phases = np.exp(2j * math.pi / PERIOD * (known.waves @ np.array(shift)))
    matched = int(((agreement[best] * phases).real > 0).sum())
    return _Score(float(scores[best]), matched, SIDE / math.sqrt(abs(np.linalg.det(matrices[best]))))


MARKS: dict[str, Callable[[], Watermark]] = {
    "invisible": PatternMark,
    "robust": lambda: PatternMark(ROBUST),
}


def make_mark(kind: str) -> Watermark | None:
    """The watermark of ``policy.mark``: ``invisible``, ``robust``, or None for ``off``.

    Raises:
        KeyError: there is no such kind.
    """
    return None if kind == "off" else MARKS[kind]()


def known_marks() -> tuple[Watermark, ...]:
    """One detector for every mark that exports carry or have carried: the pattern of any strength, and RivaGAN."""
    return PatternMark(), RivaGan()
