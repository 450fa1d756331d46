"""A photo's light stays: references are seen in it.

A style holds colours as its reference shows them, in the light and by the camera of that photo. Taken as they are, the
lips of a studio photo look pale in a red evening, and studio skin looks like wax in a portrait whose camera draws skin
three times as colourful. The skins of two people tell how far apart the two photos are: what they differ by more than
people do in one light is the light's, or the camera's, and is taken off the reference.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from l2sae.editing.colour_cast import GREY_LEVELS
from l2sae.model import L2SAE
from l2sae.model.layers import OPPONENT
from l2sae.rois import hair_and_skin

HUE = math.radians(10)
"""By which skins may differ in hue, CIELAB: two in three pairs of 76 studio photos in one white light differ less."""
COLOURFULNESS = (1 / 1.15, 1.4)
"""Ratios by which they may differ in chroma relative to lightness. Two in three pairs differ by less than 1.4, but skin
that loses as much looks dead, since the photo was lit and coloured for its own."""
LIGHTNESS, BEYOND = 15.0, 0.15
"""By which they may differ in lightness, as three in four pairs do, and what is kept of a difference beyond. A skin
farther off is in part another exposure, and lips and eyes that are not edited would no longer belong to it."""
EYES, LIPS, HAIR = {"l_eye", "r_eye"}, {"u_lip", "l_lip"}, {"hair", "l_brow", "r_brow"}
MOVING = 8.0
"""By which eyes and lips may differ in lightness: two in three pairs of open eyes, and of closed mouths, differ less.
Laughing eyes are darker, since less of their whites shows, and would make open eyes black."""
BLUER = 5.0
"""By which lips may lie below the skin around them in b* of CIELAB, and by as much more as they lie above it in a*. In
each of the 76 photos lips lie above it in a*, and have the b* that this asks."""
GREY = 4.0  # chroma of skin below which there is nothing to go by
Array = NDArray[np.float64]


def in_light_of(model: L2SAE, styles: Tensor, own: Tensor) -> Tensor:
    """Style vectors (B, D) as if their faces had been seen in the light of the photos whose own are ``own`` (B, D).

    Gains of red, green and blue bring the skin of each within what skins of one light differ by; they count for the
    mean colours of the face. Eyes and lips then come near to the photo's in lightness. Hair and brows follow in hue,
    and in chroma where the photo has more: dark skin has more by itself, and hair would turn green or blue with less.
    What the model keeps of texture stays. Models without mean colours in their styles (``model.moments``), or without
    a region of skin, get the styles as they are.
    """
    count, (_, skin) = model.generator.colours, hair_and_skin(model.rois)
    if not count or skin is None:
        return styles
    seen, photo = (_region_colours(vectors[:, -count:]) for vectors in (styles, own))
    skins = [colours[:, skin].clip(0.02, 0.98) for colours in (seen, photo)]
    of_face, of_hair = (_gains(skins[0], skins[1], of_hair) for of_hair in (False, True))
    lit = seen.copy()
    for number, roi in enumerate(model.rois):
        gains = of_face if HAIR.isdisjoint(roi.parts) else of_hair
        lit[:, number] = np.where(gains == 1, seen[:, number], (seen[:, number] * gains).clip(0, 1))
        if not (EYES | LIPS).isdisjoint(roi.parts):
            around = None if LIPS.isdisjoint(roi.parts) else skins[1]
            lit[:, number] = _part_of_face(lit[:, number], photo[:, number], around)
    changed = torch.from_numpy(((lit * 2 - 1) @ np.transpose(OPPONENT)).reshape(len(styles), -1)).to(styles)
    same = torch.from_numpy((lit == seen).all(axis=(1, 2))).to(styles.device)
    return torch.cat([styles[:, :-count], torch.where(same[:, None], styles[:, -count:], changed)], dim=1)


def without_colours(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) with the mean of the channels in each of them."""
    return images.mean(dim=1, keepdim=True).expand_as(images)


def have_no_colours(images: Tensor) -> bool:
    """Whether all images (B, 3, H, W) in [-1, 1] are black and white, but for the noise of their compression."""
    apart = images.amax(dim=1) - images.amin(dim=1)
    return bool((apart.mean(dim=(1, 2)) * 127.5 < GREY_LEVELS).all())


def _region_colours(moments: Tensor) -> Array:
    """The mean colours (B, R + 1, 3) in [0, 1], sRGB, that the ends of style vectors (B, 3 (R + 1)) hold."""
    opponent = moments.detach().cpu().double().numpy().reshape(len(moments), -1, 3)
    return np.asarray((opponent @ np.array(OPPONENT) + 1) / 2)


def _gains(skins: Array, photos: Array, of_hair: bool) -> Array:
    """What brings skin colours (B, 3) in [0, 1], sRGB, within what skins differ by from those of the photos: (B, 3).

    For hair, skins keep their lightness, and their chroma where they have more.
    """
    found, own = rgb2lab(skins), rgb2lab(photos)
    lightness = found[:, 0] if of_hair else _nearer(found[:, 0], own[:, 0], LIGHTNESS)
    chroma, own_chroma = (np.hypot(lab[:, 1], lab[:, 2]).clip(1e-3) for lab in (found, own))
    hue, own_hue = (np.arctan2(lab[:, 2], lab[:, 1]) for lab in (found, own))
    turned = own_hue + np.clip(np.remainder(hue - own_hue + np.pi, 2 * np.pi) - np.pi, -HUE, HUE)
    ratio = (chroma / found[:, 0]) / (own_chroma / own[:, 0])
    kept = own_chroma / own[:, 0] * np.clip(ratio, *COLOURFULNESS) * lightness
    kept = np.maximum(kept, chroma) if of_hair else kept
    grey = own_chroma < GREY
    turned, kept = np.where(grey, hue, turned), np.where(grey, chroma, kept)
    lit = lab2rgb(np.stack([lightness, kept * np.cos(turned), kept * np.sin(turned)], axis=1))
    same = np.abs(np.stack([lightness, turned, kept]) - np.stack([found[:, 0], hue, chroma])).max(axis=0) < 1e-9
    return np.where(same[:, None], 1.0, lit / skins)


def _nearer(values: Array, centres: Array, reach: float) -> Array:
    """Values (B,) that lie within ``reach`` of the centres; farther ones keep `BEYOND` of what is beyond."""
    apart = np.abs(values - centres)
    return np.where(apart <= reach, values, centres + np.sign(values - centres) * (reach + BEYOND * (apart - reach)))


def _part_of_face(colours: Array, own: Array, skins: Array | None) -> Array:
    """Colours (B, 3) of eyes or lips in [0, 1], sRGB, near to the photos' ``own`` in lightness, (B, 3).

    Where colours of the photos' ``skins`` (B, 3) are given, they are lips, and get as red as lips are beside those, or
    as the photos' are.
    """
    found, near = (rgb2lab(one.clip(0.02, 0.98)) for one in (colours, own))
    lab = found.copy()
    lab[:, 0] = _nearer(found[:, 0], near[:, 0], MOVING)
    if skins is not None:
        around = rgb2lab(skins)
        lab[:, 1] = np.maximum(found[:, 1], np.minimum(around[:, 1], near[:, 1]))
        least = around[:, 2] - BLUER - (lab[:, 1] - around[:, 1])
        lab[:, 2] = np.maximum(found[:, 2], np.minimum(least, near[:, 2]))
    return np.where((lab == found).all(axis=1)[:, None], colours, lab2rgb(lab))
