"""Style noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from l2sae.editing.styles.style import Style, StyleOption, StyleRecord
from l2sae.model import L2SAE
from l2sae.model.threads import in_one_order
from l2sae.pictures.errors import EditError, in_range

MAX_SIGMA = 100.0  # standard deviations


class NoiseRecord(StyleRecord):
    """`Noise` in a recipe."""

    kind: Literal["noise"] = "noise"
    sigma: Annotated[float, Field(ge=0, le=MAX_SIGMA)]

    def style(self, field: str) -> "Noise":
        """The style again."""
        return Noise(self.sigma)


@dataclass(frozen=True)
class Noise(Style):
    """z + sigma * n, with n of the mean 0 and of the covariance that the styles of the model's training faces have.

    Red, green and blue of a region then vary together, and skin with nose, as they do in faces.
    Noise is drawn on the CPU, so that devices agree. A photo's noise does not depend on the batch size.
    """

    sigma: float = 1.0

    usage: ClassVar[str] = "Noise(sigma)"
    Record: ClassVar[type[StyleRecord]] = NoiseRecord
    seeded: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not in_range(self.sigma, 0, MAX_SIGMA):
            raise EditError(f"Noise(sigma={self.sigma}): need a finite number, 0 to {MAX_SIGMA:g}")

    def vectors(self, model: L2SAE, own: Tensor, seed: int, rois: Sequence[str]) -> Tensor:
        """The photos' own style vectors (B, D) with noise."""
        generator = torch.Generator().manual_seed(seed)
        noise = torch.stack([torch.randn(own.shape[1], generator=generator) for _ in range(len(own))])
        with in_one_order(own):
            mixed = noise.to(own) @ model.style_mixing.T
        return own + self.sigma * mixed * model.style_scale

    def record(self, model: L2SAE) -> NoiseRecord:
        """The style in a recipe."""
        return NoiseRecord(sigma=float(self.sigma))

    def label(self, seed: int) -> dict[str, Any]:
        """The noise's strength and seed."""
        return {"kind": "noise", "text": f"noise {self.sigma:.2g} σ, seed {seed}", "sigma": self.sigma}


def _parse(text: str) -> Noise:
    try:
        return Noise(float(text))
    except ValueError:
        message = f"--noise {text}: give a number of standard deviations, 0 to {MAX_SIGMA:g}, e.g. 1.5"
        raise EditError(message) from None


Noise.option = StyleOption("noise", "SIGMA", "Vary the style by this many standard deviations.", _parse)
