"""A photo's light stays: references are seen in it.

A style holds colours as its reference shows them, in the light and by the camera of that photo. Taken as they are, the
lips of a studio photo look pale in a red evening, and studio skin looks like wax in a portrait whose camera draws skin
three times as colourful. The mean colours of two faces tell how far apart the two photos are. What of it is the
people's and what the light's and the camera's is learned by a small network, from rendered faces whose true pictures
are known and from photos: see `l2sae.bench.light_training`, which made the weights in the package.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from l2sae.editing.colour_cast import GREY_LEVELS, TINT_HUE
from l2sae.model import L2SAE
from l2sae.model.layers import OPPONENT
from l2sae.rois import Roi

PARTS = {
    "hair": {"hair"},
    "skin": {"skin"},
    "brows": {"l_brow", "r_brow"},
    "eyes": {"l_eye", "r_eye"},
    "nose": {"nose"},
    "lips": {"u_lip", "l_lip"},
}
"""The regions whose colours the network takes and gives, in its order, and the parts that tell them."""
SCALE = (50.0, 25.0, 25.0)
"""L*, a* and b* of a value of 1 in the network."""
COLOURLESS = 0.01
"""Distance in a* and b* of all regions from the line of `TINT_HUE`, on which what is grey lies as well, by lightness
plus 16. Of black-and-white photos none has a region more than 0.005 off, and of 921 in colour each has one that is 0.03
off or more."""
BARE = {"neck", "l_ear", "r_ear"}  # what changes as the skin does
REACHES = {"skin": (25.0, 0.6), "eyes": (8.0, 0.15), "nose": (25.0, 0.6), "lips": (16.0, 0.5)}
"""By how much each gets lighter or darker, and the part that counts of what is beyond. Beside skin of wholly other
lightness, eyes, brows and lips that were not edited would look like a mask's. Laughing eyes are dark, since less of
their whites shows, and would make open eyes black. Of a black-and-white reference, whose exposure is anybody's guess,
half of both counts, and no colour: what is not hair or brows keeps the photo's hue."""
MOST_BRIGHTER = 2.5  # times that chroma grows with lightness: in what is nearly black it is rounding
UNCHANGED = 1e-9  # in CIELAB: rounding
WEIGHTS = Path(__file__).parents[1] / "assets" / "light.safetensors"
Array = NDArray[np.float64]
_TO_OPPONENT = np.transpose(OPPONENT)


@dataclass(frozen=True, eq=False)
class LightNetwork:
    """Three linear layers with SiLU between them: ``layers`` are their weights (out, in) and biases (out)."""

    layers: tuple[tuple[Array, Array], ...]

    def __call__(self, own: Array, seen: Array) -> Array:
        """The colours of references as they would be in the light of photos; a photo's own stay as they are.

        Args:
            own: mean colours of the photos' regions, (B, 6, 3) in CIELAB, in the order of `PARTS`.
            seen: those of the references, likewise.

        Returns:
            Likewise.
        """
        near, far = own / SCALE, seen / SCALE
        change = self._forward(near, far - near) - self._forward(near, np.zeros_like(near))
        return np.asarray((far + change.reshape(far.shape)) * SCALE)

    def _forward(self, *inputs: Array) -> Array:
        x = np.concatenate([values.reshape(len(values), -1) for values in inputs], axis=1)
        for place, (weight, bias) in enumerate(self.layers):
            x = np.einsum("bi,oi->bo", x, weight) + bias  # no BLAS, whose last bits depend on its threads
            x = x / (1 + np.exp(-x)) if place < len(self.layers) - 1 else x
        return x


@cache
def light_network(path: Path = WEIGHTS) -> LightNetwork:
    """The network whose weights a file holds: that which ships with the package."""
    stored = load_file(path)
    pairs = [(stored[f"{n}.weight"], stored[f"{n}.bias"]) for n in range(len(stored) // 2)]
    return LightNetwork(tuple((weight.astype(np.float64), bias.astype(np.float64)) for weight, bias in pairs))


def in_light_of(model: L2SAE, styles: Tensor, own: Tensor) -> Tensor:
    """Style vectors (B, D) as if their faces had been seen in the light of the photos whose own are ``own`` (B, D).

    The mean colours of the regions change; what the model keeps of texture stays. Of a black-and-white reference's
    face only the lightness counts. Models without mean colours in their styles (``model.moments``), or without one of
    the regions of `PARTS`, get the styles as they are.
    """
    count, places = model.generator.colours, _places(model.rois)
    if not count or not places:
        return styles
    seen, photo = (_region_colours(vectors[:, -count:])[:, : len(model.rois)] for vectors in (styles, own))
    lab, own_lab = rgb2lab(seen.clip(0, 1)), rgb2lab(photo.clip(0, 1))
    change = dict(
        zip(PARTS, (light_network()(own_lab[:, places], lab[:, places]) - lab[:, places]).swapaxes(0, 1), strict=True)
    )
    lit, colourless = lab.copy(), _colourless(seen)
    for number, roi in enumerate(model.rois):
        parts = set(roi.parts) | (PARTS["skin"] if BARE & set(roi.parts) else set())
        regions = [region for region, of_region in PARTS.items() if of_region & parts]
        if not regions:
            continue
        lit[:, number] += np.mean([change[region] for region in regions], axis=0)
        if limits := [REACHES[region] for region in regions if region in REACHES]:
            reach, beyond = min(limits)
            part = np.where(colourless, 0.5, 1.0)
            near = _nearer(lit[:, number], own_lab[:, number], part * reach, part * beyond)
            lit[:, number] = np.where(colourless, _of_hue(near, own_lab[:, number]), near)
    moved = (np.abs(lit - lab) > UNCHANGED) & (seen != photo).any(axis=(1, 2), keepdims=True)
    values = torch.from_numpy((np.where(moved.any(axis=2, keepdims=True), _to_rgb(lit), seen) * 2 - 1) @ _TO_OPPONENT)
    start = styles.shape[1] - count
    result = styles.clone()
    result[:, start : start + values[0].numel()] = values.flatten(1).to(styles)
    return torch.where(torch.from_numpy(moved.any(axis=(1, 2)))[:, None].to(styles.device), result, styles)


def without_colours(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) with the mean of the channels in each of them."""
    return images.mean(dim=1, keepdim=True).expand_as(images)


def have_no_colours(images: Tensor) -> bool:
    """Whether all images (B, 3, H, W) in [-1, 1] are black and white, but for the noise of their compression."""
    apart = images.amax(dim=1) - images.amin(dim=1)
    return bool((apart.mean(dim=(1, 2)) * 127.5 < GREY_LEVELS).all())


def face_colours(model: L2SAE, styles: Tensor) -> Array:
    """The mean colours (B, 6, 3) of a face's regions in style vectors (B, D), CIELAB, in the order of `PARTS`.

    The model's styles hold such colours, and its ROIs have all the regions.
    """
    colours = _region_colours(styles[:, -model.generator.colours :])
    return np.asarray(rgb2lab(colours[:, _places(model.rois)].clip(0, 1)))


def skin_lightness(model: L2SAE, styles: Tensor) -> float | None:
    """The mean lightness (CIELAB) of skin in style vectors (B, D); None where the model's styles do not tell."""
    if not model.generator.colours or not _places(model.rois):
        return None
    return float(face_colours(model, styles)[:, list(PARTS).index("skin"), 0].mean())


def _places(rois: Sequence[Roi]) -> list[int]:
    """The ROI of each region of `PARTS`, for brows that of the hair where none has them; empty where one is missing."""
    found: dict[str, int] = {}
    for number, roi in enumerate(rois):
        for region, parts in PARTS.items():
            if parts & set(roi.parts):
                found.setdefault(region, number)
    if "hair" in found:
        found.setdefault("brows", found["hair"])
    return [found[region] for region in PARTS] if len(found) == len(PARTS) else []


def _region_colours(moments: Tensor) -> Array:
    """The mean colours (B, R + 1, 3) in [0, 1], sRGB, that the ends of style vectors (B, 3 (R + 1)) hold."""
    opponent = moments.detach().cpu().double().numpy().reshape(len(moments), -1, 3)
    return np.asarray((opponent @ np.array(OPPONENT) + 1) / 2)


def _colourless(colours: Array) -> NDArray[np.bool_]:
    """Whether all regions (B, R, 3), sRGB in [0, 1], are grey, or have the tint of black-and-white pictures: (B, 1)."""
    lightness, a, b = np.moveaxis(rgb2lab(colours.clip(0, 1)), -1, 0)
    turn = math.radians(TINT_HUE)
    apart = np.abs(b * math.cos(turn) - a * math.sin(turn)) / (lightness + 16)
    return np.asarray((apart < COLOURLESS).all(axis=1, keepdims=True))


def _nearer(colours: Array, own: Array, reach: Array, beyond: Array) -> Array:
    """Colours (B, 3), CIELAB, whose lightness is brought near to that of ``own`` (B, 3), and their chroma alike.

    Of what lies farther off than ``reach`` (B, 1) the part ``beyond`` (B, 1) is kept.
    """
    lightness = colours[:, :1]
    near = lightness.clip(own[:, :1] - reach, own[:, :1] + reach)
    near = near + beyond * (lightness - near)
    ratio = (near / lightness.clip(1)).clip(0, MOST_BRIGHTER)
    return np.where(near == lightness, colours, np.concatenate([near, colours[:, 1:] * ratio], axis=1))


def _of_hue(colours: Array, own: Array) -> Array:
    """Colours (B, 3) in the hue of ``own`` (B, 3) and with no more chroma by lightness, all in CIELAB: (B, 3)."""
    ratio = np.minimum(1, colours[:, :1] / own[:, :1].clip(1))
    return np.concatenate([colours[:, :1], own[:, 1:] * ratio], axis=1)


def _to_rgb(lab: Array) -> Array:
    """Colours (..., 3) from CIELAB to sRGB in [0, 1]; those that no screen shows come to its edge."""
    lightness = lab[..., 0].clip(0, 100)
    blue = lab[..., 2].clip(None, 190 * (lightness + 16) / 116)  # more has less than no blue light
    return np.asarray(lab2rgb(np.stack([lightness, lab[..., 1], blue], axis=-1)).clip(0, 1))
