"""Reference photos under coloured light, and without colours: what is no colour of skin is not the person's.

A style holds colours as the reference shows them. Where its light is coloured, by a red evening or by a lamp that the
camera did not correct, the light is no style: skin would turn red in a photo of even light. Skin tells: people's skins
differ in lightness and in chroma, but their hue stays in a narrow range, and dark skin has little chroma.

A black-and-white picture has no colours to take. Grey skin would be none that people have, so each lightness gets the
hue that skin and most hair share: dark hair becomes brown and not grey, lips are as pale as the skin around them.
"""

import math

import numpy as np
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab, rgb2xyz

from l2sae.faces import landmarks as lm

SKIN_HUES = (35.0, 72.0)
"""Degrees of CIELAB hue of a face's mean colour in neutral light.

Of official portraits, and of 152 studio photos in white light, nine in ten lie between. Of 40 studio photos in reddish
light none does: their hues are 22 to 34.
"""
INWARD = 0.6
"""How far inside the range a hue comes to lie, as part of how far outside it was: skin rarely lies at the edge."""
MOST_CHROMA = 0.62
"""Of a face's mean skin colour, as part of its lightness: all of the studio photos in white light and four in five
portraits have less; more is the light's, or the camera's."""
GREY = 5.0  # chroma below which a picture is taken as black and white
GREY_LEVELS = 4.0  # mean difference between channels, likewise
TINT_HUE, TINT_CHROMA = 62.0, 0.38
"""Of what a black-and-white picture shows: degrees, and part of the lightness up to 75, beyond which it fades to white.
Skin has 0.32 of its lightness in the median of the studio photos, and 0.52 in that of the portraits."""
SEEN = 512  # pixels along a picture's longer side that are enough to see it
BARE = sorted(
    set(range(lm.MESH_POINTS)) - {*lm.RIGHT_EYE, *lm.LEFT_EYE, *lm.RIGHT_BROW, *lm.LEFT_BROW, *lm.LIPS, *lm.MOUTH}
)  # points of the mesh that lie on skin, unless a beard, glasses or a hand cover it
TYPICAL = (0.25, 0.75)  # ranks of those that count, by lightness
Array = NDArray[np.float64]
_LEVELS = np.arange(256.0)


def without_cast(picture: NDArray[np.uint8], points: Array) -> NDArray[np.uint8]:
    """A picture as if its light gave its face's skin a hue of skin; the picture itself where the skin has one.

    Gains of red, green and blue light do it (von Kries), on the whole picture: hair and lips lose the same cast.

    Args:
        picture: (H, W, 3) uint8.
        points: the mesh's points of its face, (468, 2) in pixels.
    """
    colour = _skin_colour(picture, points)
    target = _natural(colour)
    if target is None:
        return picture
    light = rgb2xyz(np.repeat(_LEVELS[:, None] / 255, 3, axis=1))[:, 1]  # of grey pixels: the luminance is linear
    gains = np.interp(target * 255, _LEVELS, light) / np.interp(colour * 255, _LEVELS, light).clip(1e-4)
    table = np.stack([np.interp(light * gain, light, _LEVELS) for gain in gains]).round().astype(np.uint8)
    return np.stack([table[channel][picture[..., channel]] for channel in range(3)], axis=-1)


def is_grey(picture: NDArray[np.uint8]) -> bool:
    """Whether a picture (H, W, 3) is black and white, but for the noise of its compression."""
    step = max(1, max(picture.shape[:2]) // SEEN)
    return float(np.ptp(picture[::step, ::step].astype(np.int16), axis=-1).mean()) < GREY_LEVELS


def tinted(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A black-and-white picture (H, W, 3) uint8 in hues of skin and hair, of the same lightness."""
    lightness = rgb2lab(np.repeat(_LEVELS[:, None] / 255, 3, axis=1))[:, 0]
    turn, chroma = math.radians(TINT_HUE), TINT_CHROMA * np.minimum(lightness, 3 * (100 - lightness))
    colours = lab2rgb(np.stack([lightness, chroma * math.cos(turn), chroma * math.sin(turn)], axis=1))
    levels = picture.mean(axis=2).round().astype(np.uint8)
    return np.asarray((colours * 255).round().astype(np.uint8)[levels])


def _skin_colour(picture: NDArray[np.uint8], points: Array) -> Array:
    """The mean colour (3,) in [0, 1] of a face's skin, whose lightest and darkest quarters do not count."""
    limits = np.array([picture.shape[1], picture.shape[0]]) - 1
    x, y = np.floor(points[BARE]).astype(int).clip(0, limits).T
    colours = picture[y, x] / 255
    order = colours.sum(axis=1).argsort(kind="stable")
    low, high = (round(rank * len(order)) for rank in TYPICAL)
    return np.asarray(colours[order[low:high]].mean(axis=0))


def _natural(colour: Array) -> Array | None:
    """A colour (3,) near ``colour``, both in [0, 1], that skin may have in white light; None for one that is such."""
    lightness, a, b = rgb2lab(colour[None])[0]
    chroma, hue = math.hypot(a, b), math.degrees(math.atan2(b, a))
    low, high = SKIN_HUES
    nearest, most = min(max(hue, low), high), MOST_CHROMA * lightness
    if chroma < GREY or (nearest == hue and chroma <= most):
        return None
    turn = math.radians(min(max(nearest + INWARD * (nearest - hue), low), high))
    kept = min(most, chroma * max(0.0, math.cos(math.radians(hue - nearest))))  # as near as the range's edge comes
    return np.asarray(lab2rgb([[lightness, kept * math.cos(turn), kept * math.sin(turn)]])[0])
