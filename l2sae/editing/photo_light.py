"""A photo's light stays: references are seen in it.

A style holds colours as its reference shows them, in the light and by the camera of that photo. Taken as they are, the
lips of a studio photo look pale in a red evening, and studio skin looks like wax in a portrait whose camera draws skin
three times as colourful. The skins of two people tell how far apart the two photos are: what they differ by more than
people do in one light is the light's, or the camera's, and is taken off the whole reference.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from l2sae.model import L2SAE
from l2sae.model.layers import OPPONENT
from l2sae.rois import hair_and_skin

HUE = math.radians(10)
"""By which skins may differ in hue, CIELAB: two in three pairs of 76 studio photos in one white light differ less."""
COLOURFULNESS = 1.4
"""Ratio, or its inverse, by which they may differ in chroma relative to lightness: two in three pairs differ less."""
LIGHTNESS, BEYOND = 15.0, 0.35
"""By which they may differ in lightness, as three in four pairs do, and what is kept of a difference beyond. A skin
farther off is in part another exposure, and lips and eyes that are not edited would no longer belong to it."""
GREY = 4.0  # chroma of skin, and mean difference between a picture's channels in levels, below which it has no colours
Array = NDArray[np.float64]


def in_light_of(model: L2SAE, styles: Tensor, own: Tensor) -> Tensor:
    """Style vectors (B, D) as if their faces had been seen in the light of the photos whose own are ``own`` (B, D).

    Gains of red, green and blue bring the skin of each within what skins of one light differ by; they count for the
    mean colours of all regions. What the model keeps of texture stays. Models without mean colours in their styles
    (``model.moments``), or without a region of skin, get the styles as they are.
    """
    count, (_, skin) = model.generator.colours, hair_and_skin(model.rois)
    if not count or skin is None:
        return styles
    seen, photo = (_region_colours(vectors[:, -count:]) for vectors in (styles, own))
    skins = [colours[:, skin].clip(0.02, 0.98) for colours in (seen, photo)]
    gains = _within_reach(*skins) / skins[0]
    lit = (seen * gains[:, None]).clip(0, 1) * 2 - 1
    changed = torch.from_numpy((lit @ np.transpose(OPPONENT)).reshape(len(styles), -1)).to(styles)
    same = torch.from_numpy((gains == 1).all(axis=1)).to(styles.device)
    return torch.cat([styles[:, :-count], torch.where(same[:, None], styles[:, -count:], changed)], dim=1)


def without_colours(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) with the mean of the channels in each of them."""
    return images.mean(dim=1, keepdim=True).expand_as(images)


def have_no_colours(images: Tensor) -> bool:
    """Whether all images (B, 3, H, W) in [-1, 1] are black and white, but for the noise of their compression."""
    apart = images.amax(dim=1) - images.amin(dim=1)
    return bool((apart.mean(dim=(1, 2)) * 127.5 < GREY).all())


def _region_colours(moments: Tensor) -> Array:
    """The mean colours (B, R + 1, 3) in [0, 1], sRGB, that the ends of style vectors (B, 3 (R + 1)) hold."""
    opponent = moments.detach().cpu().double().numpy().reshape(len(moments), -1, 3)
    return np.asarray((opponent @ np.array(OPPONENT) + 1) / 2)


def _within_reach(skins: Array, photos: Array) -> Array:
    """Skin colours (B, 3) in [0, 1], sRGB, brought within what skins differ by from those of the photos, (B, 3)."""
    found, own = rgb2lab(skins), rgb2lab(photos)
    apart = found[:, 0] - own[:, 0]
    lightness = own[:, 0] + np.sign(apart) * np.minimum(np.abs(apart), LIGHTNESS + BEYOND * (np.abs(apart) - LIGHTNESS))
    chroma, own_chroma = (np.hypot(lab[:, 1], lab[:, 2]).clip(1e-3) for lab in (found, own))
    hue, own_hue = (np.arctan2(lab[:, 2], lab[:, 1]) for lab in (found, own))
    turned = own_hue + np.clip(np.remainder(hue - own_hue + np.pi, 2 * np.pi) - np.pi, -HUE, HUE)
    ratio = (chroma / found[:, 0]) / (own_chroma / own[:, 0])
    kept = own_chroma / own[:, 0] * np.clip(ratio, 1 / COLOURFULNESS, COLOURFULNESS) * lightness
    grey = own_chroma < GREY  # nothing to go by
    turned, kept = np.where(grey, hue, turned), np.where(grey, chroma, kept)
    lit = lab2rgb(np.stack([lightness, kept * np.cos(turned), kept * np.sin(turned)], axis=1))
    same = np.abs(np.stack([lightness, turned, kept]) - np.stack([found[:, 0], hue, chroma])).max(axis=0) < 1e-9
    return np.where(same[:, None], skins, lit)
