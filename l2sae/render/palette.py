"""Colours of the renderer: skin, hair, eyes, lips, clothes. All are sRGB in [0, 1] unless a name says linear.

The ten skin tones are the Monk Skin Tone Scale (Ellis Monk, 2019; skintone.google). Its swatches are flat and matte,
so :func:`skin_albedo` warms them to what a camera sees on lit skin.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def _rgb(*codes: str) -> Array:
    return np.array([[int(code[i : i + 2], 16) / 255 for i in (0, 2, 4)] for code in codes])


MONK = _rgb("f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420")
HAIR_COLOURS = {
    "black": (0.26, _rgb("1d1917")[0]),
    "dark_brown": (0.22, _rgb("3a281e")[0]),
    "brown": (0.14, _rgb("5f412c")[0]),
    "chestnut": (0.06, _rgb("7a4a2c")[0]),
    "auburn": (0.05, _rgb("83351f")[0]),
    "red": (0.05, _rgb("b8622e")[0]),
    "dark_blond": (0.07, _rgb("98754a")[0]),
    "blond": (0.08, _rgb("c7a468")[0]),
    "platinum": (0.03, _rgb("e0cfa8")[0]),
    "grey": (0.09, _rgb("8d8b88")[0]),
    "white": (0.05, _rgb("d6d3ce")[0]),
    "dyed": (0.05, _rgb("b0407a")[0]),
}
DYES = _rgb("c23a6e", "7d3cae", "2f66c0", "2b9a8a", "3f9a3a", "d4342c", "e79ab8")
IRISES = _rgb("3a2416", "4e3019", "5f4526", "6f6238", "5d7a86", "6f8fae", "7a8a8c", "4f7352")
LIPSTICKS = _rgb("b01f35", "8c1c33", "c8415f", "d9706f", "a0463f", "5a1a2a", "c9577f", "b5562f")
CLOTHES = _rgb(
    "1c1e24", "22283a", "2c2c2e", "3b3f46", "6d7076", "e6e4df", "c9ccd2", "7d2026", "b3322f", "2d4d7a", "5c86b5",
    "2f5a43", "7a6a4f", "c2a878", "5a3a5e", "d3a6a0", "d8c24a",
)  # fmt: skip
SHIRTS = _rgb("eceae6", "dfe4ec", "b8cbe3", "f0e9d8", "d6d6d6", "2a2a30")
TIES = _rgb("8c1f2a", "22325c", "c2a24a", "4a6a4a", "6a3a6a", "9a9aa0")
FACE_MASKS = _rgb("a9cfe0", "8fbfd6", "e8ecee", "f2f2f0", "1f2023", "b9d8cf")
BACKGROUNDS = _rgb(
    "c9ccce", "e4e4e1", "8d97a3", "5f7f98", "3f5570", "2b2d33", "6b5a4a", "a58f78", "7d8a6a", "4a5a44", "b7a08a",
    "5a3d30", "d9c6b4", "1e1b1a", "9aa7b8",
)  # fmt: skip


def linear(colour: Array) -> Array:
    """Display colour to light, with the gamma of 2 that the renderer uses throughout."""
    return np.square(colour)


def skin_albedo(tone: Array) -> Array:
    """Linear albedo (N, 3) of skin at ``tone`` (N,), a position on the Monk scale in [1, 10] with fractions."""
    place = np.clip(tone, 1, 10) - 1
    below = np.minimum(place.astype(int), 8)
    swatch = linear(MONK[below] + (MONK[below + 1] - MONK[below]) * (place - below)[:, None])
    light = np.array([0.92, 0.645, 0.50])
    dark = np.array([1.9, 1.25, 1.0])
    return swatch * (light + (dark - light) * np.square(place / 9)[:, None])
