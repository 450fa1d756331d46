"""Bald heads: what a matte takes for hair there is the shine on the skin, or a shadow at the head's edge."""

import torch
from torch import Tensor

from l2sae.model.layers import layer_shares, opponent_colours, region_means

MIN_HAIR = 0.01  # of a face crop's pixels: in 1071 portraits, less was a bald head's edge, a collar, a shadow
LITTLE_HAIR = 0.045  # likewise, of 8 % of them: so little may be the shine on a bald head
NEAR_SKIN, NEAR_IN_HUE = 0.15, 0.45  # distance of such hair from the skin's colour, and as a fraction of that colour
PALER, LIGHTER = 0.5, 0.3  # fraction of the skin's colour that a highlight may lack, lighter than the skin by so much
DARKER = 0.3  # than the skin, on the scale of [-1, 1] times the square root of 3: hair that is this much darker is hair


def share(matte: Tensor) -> Tensor:
    """The share of pixels that mattes (B, 1, H, W) cover, (B,)."""
    return (matte >= 0.5).float().mean(dim=(1, 2, 3))


def shows_hair(images: Tensor, mattes: Tensor, hair: int, skin: int | None) -> Tensor:
    """Whether pictures show enough hair to take its style, (B,) bool.

    Args:
        images: face crops, (B, 3, S, S) in [-1, 1].
        mattes: of all ROIs, (B, R, S, S) in [0, 1].
        hair: number of the ROI of hair.
        skin: that of skin; None where no ROI is skin alone.
    """
    enough = share(mattes[:, [hair]]) >= MIN_HAIR
    return enough if skin is None else enough & ~shines(images, mattes, hair, skin)


def shines(images: Tensor, mattes: Tensor, hair: int, skin: int) -> Tensor:
    """Whether what is taken for hair is little and has the skin's colour, or its light, (B,) bool."""
    little = share(mattes[:, [hair]]) < LITTLE_HAIR
    if not bool(little.any()):  # as on most heads, whose colours need no look
        return little
    colours = region_means(opponent_colours(images), layer_shares(mattes))
    return little & _is_skin(colours[:, hair], colours[:, skin])


def without_shine(images: Tensor, mattes: Tensor, hair: int, skin: int) -> Tensor:
    """Mattes (B, R, S, S) whose hair belongs to the skin where it is the shine on a bald head."""
    bald = shines(images, mattes, hair, skin)
    if not bool(bald.any()):
        return mattes
    given = mattes.clone()
    given[bald, skin] = (mattes[bald, skin] + mattes[bald, hair]).clamp(max=1)
    given[bald, hair] = 0
    return given


def _is_skin(colour: Tensor, skin: Tensor) -> Tensor:
    """Whether opponent colours (B, 3) are those of the ``skin`` (B, 3) beside them; (B,) bool."""
    away = (colour - skin)[:, 1:].norm(dim=1)
    near = torch.where(colour[:, 0] > skin[:, 0] + LIGHTER, PALER, NEAR_IN_HUE) * skin[:, 1:].norm(dim=1)
    return (away < near.clamp(max=NEAR_SKIN)) & (colour[:, 0] > skin[:, 0] - DARKER)
