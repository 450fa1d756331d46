"""What happens to pictures on their way: named attacks that marks and detectors have to survive.

Each takes a picture (H, W, 3) uint8 and gives one back, the same one for the same input. Attacks that move pixels
(resizing, cropping, turning) say so, and move a map of the picture along, so that the truth stays true.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from l2sae.pictures.writing import through_jpeg

Picture = NDArray[np.uint8]
Map = NDArray[np.bool_]
SECOND_EDIT = "second_edit"
SCREENSHOT_SCALE, SCREENSHOT_MARGIN, SCREENSHOT_QUALITY = 0.8, 0.04, 85
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_MIDDLE = 127.5
_NOISE_SEED = 20_260


class AttackError(ValueError):
    """There is no such attack, or it lacks what it needs; the message says which there are."""


@dataclass(frozen=True)
class Attack:
    """One attack by name.

    Attributes:
        name: without dots, as it stands in the keys of metrics.
        change: picture (H, W, 3) uint8 -> picture, possibly of another size.
        move: what ``change`` does to places, for a map (H, W) bool of the picture; None where pixels stay in place.
    """

    name: str
    change: Callable[[Picture], Picture]
    move: Callable[[Map], Map] | None = None

    def __call__(self, picture: Picture) -> Picture:
        """The attacked picture, contiguous in memory."""
        return np.ascontiguousarray(self.change(picture))

    def moved(self, truth: Map) -> Map:
        """A map (H, W) of the picture as it lies on the attacked picture."""
        return truth if self.move is None else np.ascontiguousarray(self.move(truth))


def resize(picture: Picture, factor: float) -> Picture:
    """Resize both sides by ``factor``, antialiased bicubic."""
    return np.asarray(Image.fromarray(picture).resize(_scaled(picture, factor), Image.Resampling.BICUBIC))


def crop(picture: NDArray[Any], share: float) -> NDArray[Any]:
    """Cut ``share`` of each side away, a third of it on the top and left: off the centre and off the JPEG grid."""
    height, width = picture.shape[:2]
    rows, columns = round(height * share), round(width * share)
    top, left = rows // 3, columns // 3
    return picture[top : top + height - rows, left : left + width - columns]


def rotate(picture: Picture, degrees: float) -> Picture:
    """Turn about the centre in the same frame, bicubic; what comes in from outside repeats the border."""
    turned = ndimage.rotate(picture.astype(np.float32), degrees, reshape=False, order=3, mode="nearest")
    return _as_bytes(turned)


def brighten(picture: Picture, share: float) -> Picture:
    """Multiply all levels by 1 + ``share``; highlights clip."""
    return _as_bytes(picture * (1 + share))


def contrast(picture: Picture, factor: float) -> Picture:
    """Stretch levels about mid-grey by ``factor``."""
    return _as_bytes((picture - _MIDDLE) * factor + _MIDDLE)


def saturate(picture: Picture, factor: float) -> Picture:
    """Stretch colours about their own grey (BT.601 luma) by ``factor``; 0 leaves a grey picture."""
    grey = (picture @ _LUMA)[..., None]
    return _as_bytes(grey + factor * (picture - grey))


def tint(picture: Picture, share: float) -> Picture:
    """Warmer white: red times 1 + ``share``, blue times 1 - ``share``."""
    return _as_bytes(picture * np.array([1 + share, 1.0, 1 - share]))


def blur(picture: Picture, sigma: float) -> Picture:
    """Gaussian blur with ``sigma`` pixels."""
    return _as_bytes(ndimage.gaussian_filter(picture.astype(np.float32), (sigma, sigma, 0), mode="nearest"))


def add_noise(picture: Picture, sigma: float) -> Picture:
    """Add Gaussian noise of ``sigma`` levels to every channel; the same noise for pictures of the same size."""
    noise = np.random.default_rng(_NOISE_SEED).normal(scale=sigma, size=picture.shape)
    return _as_bytes(picture + noise)


def screenshot(picture: Picture) -> Picture:
    """A picture shown smaller, cut out loosely and saved again as JPEG."""
    return through_jpeg(crop(resize(picture, SCREENSHOT_SCALE), SCREENSHOT_MARGIN), SCREENSHOT_QUALITY)


def attack_names() -> tuple[str, ...]:
    """The names of all attacks, ``second_edit`` last."""
    return (*_ATTACKS, SECOND_EDIT)


def get_attack(name: str, second_edit: Callable[[Picture], Picture] | None = None) -> Attack:
    """The attack called ``name``.

    Args:
        name: one of :func:`attack_names`.
        second_edit: another local edit of a picture; only ``second_edit`` needs it, since it takes a model.

    Raises:
        AttackError: unknown name, or ``second_edit`` without the function that makes it.
    """
    if name == SECOND_EDIT:
        if second_edit is None:
            raise AttackError("attack second_edit edits the picture again: give second_edit, a function that does")
        return Attack(name, second_edit)
    if name not in _ATTACKS:
        raise AttackError(f"unknown attack {name!r}: there are {', '.join(attack_names())}")
    return _ATTACKS[name]


def _as_bytes(values: NDArray[np.floating]) -> Picture:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def _scaled(picture: NDArray[Any], factor: float) -> tuple[int, int]:
    """Width and height after resizing."""
    height, width = picture.shape[:2]
    return max(1, round(width * factor)), max(1, round(height * factor))


def _resize_map(truth: Map, factor: float) -> Map:
    areas = Image.fromarray(truth.astype(np.uint8) * 255).resize(_scaled(truth, factor), Image.Resampling.BILINEAR)
    return np.asarray(areas) >= 128


def _screenshot_map(truth: Map) -> Map:
    return crop(_resize_map(truth, SCREENSHOT_SCALE), SCREENSHOT_MARGIN)


def _rotate_map(truth: Map, degrees: float) -> Map:
    return np.asarray(ndimage.rotate(truth.astype(np.uint8), degrees, reshape=False, order=0, mode="nearest") > 0)


def _photometric() -> Iterator[Attack]:
    """Attacks that leave every pixel in its place."""
    yield Attack("none", np.copy)
    for quality in (95, 90, 75, 60, 50, 40, 30):
        yield Attack(f"jpeg_{quality}", partial(through_jpeg, quality=quality))
    for percent in (10, 30):
        yield Attack(f"bright_{percent}", partial(brighten, share=percent / 100))
        yield Attack(f"dark_{percent}", partial(brighten, share=-percent / 100))
    for percent in (80, 120):
        yield Attack(f"contrast_{percent}", partial(contrast, factor=percent / 100))
    for percent in (50, 150):
        yield Attack(f"colour_{percent}", partial(saturate, factor=percent / 100))
    yield Attack("colour_grey", partial(saturate, factor=0.0))
    yield Attack("colour_warm", partial(tint, share=0.1))
    for sigma in (1, 2):
        yield Attack(f"blur_{sigma}", partial(blur, sigma=sigma))
    for sigma in (5, 10):
        yield Attack(f"noise_{sigma}", partial(add_noise, sigma=sigma))


def _geometric() -> Iterator[Attack]:
    """Attacks that move pixels."""
    for name, factor in (("double", 2.0), ("half", 0.5), ("quarter", 0.25)):
        yield Attack(f"resize_{name}", partial(resize, factor=factor), partial(_resize_map, factor=factor))
    for percent in (5, 10, 20, 40):
        cut = partial(crop, share=percent / 100)
        yield Attack(f"crop_{percent}", cut, cut)
    for degrees in (2, 5, 10):
        yield Attack(f"rotate_{degrees}", partial(rotate, degrees=degrees), partial(_rotate_map, degrees=degrees))
    yield Attack("rotate_90", np.rot90, np.rot90)
    yield Attack("flip", np.fliplr, np.fliplr)
    yield Attack("screenshot", screenshot, _screenshot_map)


_ATTACKS = {attack.name: attack for attack in (*_photometric(), *_geometric())}
