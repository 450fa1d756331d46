"""Colour: a region's mean becomes a given colour, as the model draws it."""

import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from PIL.ImageColor import getrgb
from pydantic import Field
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from l2sae.editing.named_styles import nearest_style
from l2sae.editing.styles.style import Style, StyleOption, StyleRecord
from l2sae.model import L2SAE
from l2sae.pictures.errors import EditError

CODE = r"^#[0-9a-f]{6}$"


class ColourRecord(StyleRecord):
    """`Colour` in a recipe."""

    kind: Literal["colour"] = "colour"
    code: Annotated[str, Field(pattern=CODE)]

    def style(self, field: str) -> "Colour":
        """The style again."""
        return Colour(self.code)


@dataclass(frozen=True)
class Colour(Style):
    """The region's mean becomes the colour ``code``, ``#rrggbb`` in sRGB; in the eyes of a photo, that of the irises.

    The model draws the region with the named style of that region whose colour is nearest, where the model has named
    styles, else with the photo's own style. What it draws is then shifted in CIELAB to the asked mean, so contrast and
    texture are the model's. Light and shadow stay the photo's.
    """

    code: str
    roi: str | None = None

    usage: ClassVar[str] = 'Colour("#rrggbb")'
    Record: ClassVar[type[StyleRecord]] = ColourRecord
    redraws: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not re.match(CODE, self.code.lower()):
            raise EditError(f"Colour({self.code!r}): give six hexadecimal digits, e.g. Colour('#7a1f2b')")
        object.__setattr__(self, "code", self.code.lower())

    def in_region(self, roi: str) -> "Colour":
        """The same colour; which named style is nearest depends on the region."""
        return Colour(self.code, roi)

    def vectors(self, model: L2SAE, own: Tensor, seed: int, rois: Sequence[str]) -> Tensor:
        """The vectors (B, D) of the nearest named style, or the photos' own."""
        nearest = nearest_style(model, self.roi or rois[0], self._lab())
        return own if nearest is None else nearest.to(own).expand_as(own)

    def redraw(self, decoded: Tensor, matte: Tensor, show: Callable[[Tensor], Tensor]) -> Tensor:
        """``decoded``, shifted in CIELAB so that the mean of the edited photo within the matte is the colour.

        The photo's highlights and shadows hold some of a shift back, so what is missing is added once more.
        """
        drawn = _shift(decoded, self._missing(decoded, matte))
        return _shift(drawn, self._missing(show(drawn), matte))

    def _missing(self, images: Tensor, matte: Tensor) -> Tensor:
        """From the mean within the matte to the colour, (B, 3, 1, 1) in CIELAB."""
        lab = _to_lab(images)
        mean = (lab * matte).sum(dim=(2, 3), keepdim=True) / (matte.sum(dim=(2, 3), keepdim=True) + 1e-6)
        return self._lab().to(lab).reshape(1, 3, 1, 1) - mean

    def record(self, model: L2SAE) -> ColourRecord:
        """The style in a recipe."""
        return ColourRecord(code=self.code)

    def label(self, seed: int) -> dict[str, Any]:
        """The colour."""
        return {"kind": "colour", "text": self.code}

    def _lab(self) -> Tensor:
        return torch.from_numpy(rgb2lab(np.array(getrgb(self.code)) / 255)).float()


def _to_lab(images: Tensor) -> Tensor:
    """Images (B, 3, H, W) in [-1, 1] in CIELAB."""
    values = ((images.clamp(-1, 1) + 1) / 2).movedim(1, -1).cpu().numpy()
    return torch.from_numpy(rgb2lab(values)).movedim(-1, 1).to(images)


def _shift(images: Tensor, difference: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image says how many pixels lie outside sRGB: they are clipped
        values = lab2rgb((_to_lab(images) + difference).movedim(1, -1).cpu().numpy())
    return torch.from_numpy(values).movedim(-1, 1).to(images) * 2 - 1


Colour.option = StyleOption(
    "colour", "#RRGGBB", "Give the region (of eyes, the irises) this mean colour, e.g. '#7a1f2b'.", Colour
)
