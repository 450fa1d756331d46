"""Eyes take a style on where they have colour: in the irises. Whites stay white, and pupils dark.

A style knows the mean colour of the eyes it comes from, whites and all. Spread over a whole eye, the blue of another
face's irises leaves brown ones grey and tints the whites. Lightness tells irises from whites in every eye.
"""

import torch
from torch import Tensor

from l2sae.rois import Roi

EYES = {"l_eye", "r_eye"}
WHITE, IRIS = 0.9, 0.25  # quantiles of the lightness within eyes: from the one on all is white, to the other all iris
PUPIL, RIM = 0.03, 0.2  # likewise: to the one all is pupil or lashes, of which the share `SPARED` changes
SPARED = 0.5
LEAST_RANGE, LEAST_RISE = 0.05, 0.02  # of lightness, 0 to 1, from iris to white and from pupil to rim: less is noise
FEWEST = 6  # pixels of eyes at model resolution that tell anything
MOST = 2.0  # times that the irises' change of colour exceeds the mean change of the eyes


def are_eyes(roi: Roi) -> bool:
    """Whether a region is eyes alone; where brows belong to them, what is dark is no iris."""
    return set(roi.parts) <= EYES


def iris_matte(images: Tensor, matte: Tensor) -> Tensor:
    """The matte (B, 1, S, S) of eyes, in proportion to how far a pixel of ``images`` (B, 3, S, S) is iris."""
    lightness = images.clamp(-1, 1).mean(dim=1, keepdim=True) / 2 + 0.5
    return torch.stack([_iris_share(one, inside) for one, inside in zip(lightness, matte, strict=True)]) * matte


def strengthened(drawn: Tensor, decoded: Tensor, matte: Tensor, irises: Tensor) -> Tensor:
    """A decoded edit whose change of colour, but not of lightness, makes up for what the whites do not take on.

    Args:
        drawn: decoded edit, (B, 3, S, S).
        decoded: decoded original, likewise.
        matte: of the eyes, (B, 1, S, S).
        irises: what `iris_matte` makes of it, or a matte that is nowhere more.
    """
    whole, coloured = (one.sum(dim=(1, 2, 3), keepdim=True) for one in (matte, irises))
    change = drawn - decoded
    lightness = change.mean(dim=1, keepdim=True)
    return decoded + lightness + (whole / (coloured + 1e-6)).clamp(1, MOST) * (change - lightness)


def _iris_share(lightness: Tensor, matte: Tensor) -> Tensor:
    """How far pixels are iris, (1, S, S) in [0, 1], by their lightness (1, S, S) within the matte of eyes."""
    inside = lightness[matte > 0.5]
    if len(inside) < FEWEST:
        return torch.ones_like(matte)
    pupil, rim, iris, white = torch.quantile(inside, inside.new_tensor([PUPIL, RIM, IRIS, WHITE])).unbind()
    coloured = ((white - lightness) / (white - iris).clamp(min=LEAST_RANGE)).clamp(0, 1)
    above_pupil = ((lightness - pupil) / (rim - pupil).clamp(min=LEAST_RISE)).clamp(0, 1)
    return coloured * (SPARED + (1 - SPARED) * above_pupil)
