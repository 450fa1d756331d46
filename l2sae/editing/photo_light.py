"""A photo's light stays: references are seen in it.

A style holds colours as its reference shows them, in the light and by the camera of that photo. Taken as they are, the
lips of a studio photo look pale in a red evening, and studio skin looks like wax in a portrait whose camera draws skin
three times as colourful. The skins of two people tell how far apart the two photos are: what they differ by more than
people do in one light is the light's, or the camera's, and is taken off the reference.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from l2sae.editing.colour_cast import GREY_LEVELS, TINT_HUE
from l2sae.model import L2SAE
from l2sae.model.layers import OPPONENT
from l2sae.rois import Roi, hair_and_skin


@dataclass(frozen=True)
class Bounds:
    """By how much a reference's skin may differ from the photo's before the rest is the light's; in CIELAB.

    Attributes:
        hue: in radians.
        chroma: least and most of the ratio of what they have of it, relative to lightness.
        pales: whether skin that gets lighter may keep the photo's chroma as it is, or it would turn orange.
        lightness: how much darker and lighter it may be.
        beyond: what is kept of a difference in lightness beyond that.
    """

    hue: float
    chroma: tuple[float, float]
    pales: bool
    lightness: tuple[float, float]
    beyond: float


SKIN = Bounds(math.radians(13), (1 / 1.2, 1.5), True, (15, 20), 0.25)
"""For skin and nose. Of pairs of 76 studio photos in one white light, two in three differ by less than 10 degrees in
hue and less than 1.4 times in chroma, and three in four by less than 15 in lightness. Skin that loses as much chroma
looks dead, since the photo was lit and coloured for its own."""
BESIDE = Bounds(math.radians(10), (1 / 1.15, 1.4), False, (15, 15), 0.15)
"""For what is seen beside the photo's own skin: eyes, lips, hair and brows."""
EYES, LIPS, HAIR = {"l_eye", "r_eye"}, {"u_lip", "l_lip"}, {"hair", "l_brow", "r_brow"}
MOVING = 8.0
"""By which eyes and lips may differ in lightness: two in three pairs of open eyes, and of closed mouths, differ less.
Laughing eyes are darker, since less of their whites shows, and would make open eyes black."""
BLUER = 5.0
"""By which lips may lie below the skin around them in b* of CIELAB, and by as much more as they lie above it in a*. In
each of the 76 photos lips lie above it in a*, and have the b* that this asks."""
GREENEST, DYED = 0.1, 20.0
"""Least part of b* that a* of yellowish hair is: three in four of 354 photos have more than 0.35, and the twelve below
have mixed light or a wrong white balance. Hair of more chroma than `DYED` was dyed green."""
NOSE = np.array([5.0, 3.0, 3.0])
"""By which the nose may stand out from the skin around it more or less than the photo's does, in L*, a* and b*: two in
three pairs of the 76 photos and of the portraits do. The rest is a highlight, or the gains of dark skin."""
GREY = 4.0  # chroma of skin below which there is nothing to go by
COLOURLESS = 1.0
"""Distance in a* and b* of all regions from the line of `TINT_HUE`, on which what is grey lies as well. Of 921 photos
with colours the nearest has a region 2.3 off."""
Array = NDArray[np.float64]


def in_light_of(model: L2SAE, styles: Tensor, own: Tensor) -> Tensor:
    """Style vectors (B, D) as if their faces had been seen in the light of the photos whose own are ``own`` (B, D).

    Gains of red, green and blue bring the skin of each within what skins of one light differ by; they count for the
    mean colours of the face. Eyes and lips then come near to the photo's in lightness. Hair and brows follow in hue,
    and in chroma where the photo has more: dark skin has more by itself, and hair would turn green or blue with less.
    Of a black-and-white reference's face only the lightness counts. What the model keeps of texture stays. Models
    without mean colours in their styles (``model.moments``), or without a region of skin, get the styles as they are.
    """
    count, (_, skin) = model.generator.colours, hair_and_skin(model.rois)
    if not count or skin is None:
        return styles
    seen, photo = (_region_colours(vectors[:, -count:]) for vectors in (styles, own))
    skins = [colours[:, skin].clip(0.02, 0.98) for colours in (seen, photo)]
    gains = {
        "skin": _gains(skins[0], skins[1], SKIN),
        "face": _gains(skins[0], skins[1], BESIDE),
        "hair": _gains(skins[0], skins[1], BESIDE, of_hair=True),
    }
    colourless = _colourless(seen[:, : len(model.rois)])
    lit = seen.copy()
    for number, roi in sorted(enumerate(model.rois), key=lambda one: one[0] != skin):  # the skin comes first
        kind, own_colour = _kind(roi), photo[:, number]
        change = gains["face" if kind in ("eyes", "lips") else kind]
        colour = np.where(change == 1, seen[:, number], (seen[:, number] * change).clip(0, 1))
        if kind == "hair":
            colour = _no_green(colour, own_colour.clip(0, 1))
        else:
            colour = np.where(colourless[:, None], _of_own_hue(colour, own_colour), colour)
        if kind in ("eyes", "lips"):
            colour = _part_of_face(colour, own_colour, skins[1] if kind == "lips" else None)
        elif kind == "skin" and number != skin:
            colour = _beside_skin(colour, lit[:, skin], own_colour, photo[:, skin])
        lit[:, number] = colour
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


def _kind(roi: Roi) -> str:
    """Which of ``hair``, ``eyes``, ``lips`` and ``skin`` a region is treated as."""
    kinds = {"hair": HAIR, "eyes": EYES, "lips": LIPS}
    return next((kind for kind, parts in kinds.items() if not parts.isdisjoint(roi.parts)), "skin")


def _colourless(colours: Array) -> NDArray[np.bool_]:
    """Whether all regions (B, R, 3), sRGB in [0, 1], are grey, or have the tint of black-and-white pictures: (B,)."""
    a, b = np.moveaxis(rgb2lab(colours.clip(0, 1))[..., 1:], -1, 0)
    turn = math.radians(TINT_HUE)
    return np.asarray((np.abs(b * math.cos(turn) - a * math.sin(turn)) < COLOURLESS).all(axis=1))


def _gains(skins: Array, photos: Array, bounds: Bounds, of_hair: bool = False) -> Array:
    """What brings skin colours (B, 3) in [0, 1], sRGB, within what skins differ by from those of the photos: (B, 3).

    For hair, skins keep their lightness, and their chroma where they have more.
    """
    found, own = rgb2lab(skins), rgb2lab(photos)
    lightness = found[:, 0] if of_hair else _nearer(found[:, 0], own[:, 0], bounds.lightness, bounds.beyond)
    chroma, own_chroma = (np.hypot(lab[:, 1], lab[:, 2]).clip(1e-3) for lab in (found, own))
    hue, own_hue = (np.arctan2(lab[:, 2], lab[:, 1]) for lab in (found, own))
    apart = np.remainder(hue - own_hue + np.pi, 2 * np.pi) - np.pi
    turned = own_hue + np.clip(apart, -bounds.hue, bounds.hue)
    kept, of_photo = (c / lab[:, 0] * lightness for c, lab in ((chroma, found), (own_chroma, own)))
    least = np.minimum(own_chroma, of_photo) if bounds.pales else of_photo
    within = kept.clip(bounds.chroma[0] * least, bounds.chroma[1] * of_photo)
    kept = np.maximum(chroma, within) if of_hair else within
    grey = own_chroma < GREY
    turned, kept = np.where(grey, hue, turned), np.where(grey, chroma, kept)
    lit = lab2rgb(np.stack([lightness, kept * np.cos(turned), kept * np.sin(turned)], axis=1))
    same = np.abs(np.stack([lightness, turned, kept]) - np.stack([found[:, 0], hue, chroma])).max(axis=0) < 1e-9
    return np.where(same[:, None], 1.0, lit / skins)


def _nearer(values: Array, centres: Array, reach: tuple[float, float], beyond: float) -> Array:
    """Values (B,) within ``reach`` below and above the centres; farther ones keep ``beyond`` of what is beyond."""
    near = values.clip(centres - reach[0], centres + reach[1])
    return np.where(near == values, values, near + beyond * (values - near))


def _of_own_hue(colours: Array, own: Array) -> Array:
    """Colours (B, 3), sRGB in [0, 1], in the hue of ``own`` and with no more chroma by lightness: (B, 3)."""
    lab, photo = rgb2lab(colours), rgb2lab(own)
    lab[:, 1:] = photo[:, 1:] * np.minimum(1, lab[:, :1] / photo[:, :1].clip(1))
    return np.asarray(lab2rgb(lab))


def _no_green(colours: Array, own: Array) -> Array:
    """Colours (B, 3) of hair in [0, 1], sRGB, no greener than hair, or the photos' own, is: (B, 3)."""
    lab = rgb2lab(colours)
    least = np.minimum(GREENEST * lab[:, 2], rgb2lab(own)[:, 1])
    green = (lab[:, 2] > 1) & (lab[:, 1] < least) & (np.hypot(lab[:, 1], lab[:, 2]) < DYED)
    lab[:, 1] = np.where(green, least, lab[:, 1])
    return np.where(green[:, None], lab2rgb(lab), colours)


def _beside_skin(colours: Array, skins: Array, own: Array, own_skins: Array) -> Array:
    """Colours (B, 3) of the nose in [0, 1], sRGB, that stand out from the skin by what is `NOSE` of the photo's own."""
    found, around, *photo = (rgb2lab(one.clip(0.02, 0.98)) for one in (colours, skins, own, own_skins))
    wanted = photo[0] - photo[1] + around
    lab = found.clip(wanted - NOSE, wanted + NOSE)
    return np.where((lab == found).all(axis=1)[:, None], colours, lab2rgb(lab))


def _part_of_face(colours: Array, own: Array, skins: Array | None) -> Array:
    """Colours (B, 3) of eyes or lips in [0, 1], sRGB, near to the photos' ``own`` in lightness, (B, 3).

    Where colours of the photos' ``skins`` (B, 3) are given, they are lips, and get as red as lips are beside those, or
    as the photos' are.
    """
    found, near = (rgb2lab(one.clip(0.02, 0.98)) for one in (colours, own))
    lab = found.copy()
    lab[:, 0] = _nearer(found[:, 0], near[:, 0], (MOVING, MOVING), BESIDE.beyond)
    if skins is not None:
        around = rgb2lab(skins)
        lab[:, 1] = np.maximum(found[:, 1], np.minimum(around[:, 1], near[:, 1]))
        least = around[:, 2] - BLUER - (lab[:, 1] - around[:, 1])
        lab[:, 2] = np.maximum(found[:, 2], np.minimum(least, near[:, 2]))
    return np.where((lab == found).all(axis=1)[:, None], colours, lab2rgb(lab))
