"""Named: a style that comes with the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from l2sae.editing.named_styles import named_style
from l2sae.editing.styles.style import Style, StyleOption, StyleRecord
from l2sae.model import L2SAE


class NamedRecord(StyleRecord):
    """`Named` in a recipe; the model's digest, which stands beside it, says which model's style it is."""

    kind: Literal["named"] = "named"
    name: Annotated[str, Field(min_length=1, max_length=60)]

    def style(self, field: str) -> "Named":
        """The style again."""
        return Named(self.name)


@dataclass(frozen=True)
class Named(Style):
    """The style called ``name`` that comes with the model, e.g. ``Named("copper")`` for hair; see ``l2sae styles``."""

    name: str
    roi: str | None = None

    usage: ClassVar[str] = "Named(name)"
    Record: ClassVar[type[StyleRecord]] = NamedRecord

    def in_region(self, roi: str) -> "Named":
        """The style of that name that belongs to a region."""
        return Named(self.name, roi)

    def vectors(self, model: L2SAE, own: Tensor, seed: int, rois: Sequence[str]) -> Tensor:
        """The named style's vector for each photo, (B, D).

        Raises:
            EditError: the model has no named styles, or none of that name for the region.
        """
        return named_style(model, self.roi or rois[0], self.name).to(own).expand_as(own)

    def record(self, model: L2SAE) -> NamedRecord:
        """The style in a recipe."""
        return NamedRecord(name=self.name)

    def label(self, seed: int) -> dict[str, Any]:
        """The name."""
        return {"kind": "named", "text": self.name}


Named.option = StyleOption("style", "NAME", "Take a style that comes with the model; see 'l2sae styles'.", Named)
