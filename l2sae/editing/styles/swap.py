"""Swap: the style of another face."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from l2sae.editing.recipe_fields import ReferenceRecord
from l2sae.editing.references import Reference, describe_reference, encode_reference, fit_batch
from l2sae.editing.styles.style import Style, StyleOption, StyleRecord
from l2sae.model import L2SAE
from l2sae.pictures.files import path_of


class SwapRecord(StyleRecord):
    """`Swap` in a recipe."""

    kind: Literal["swap"] = "swap"
    reference: ReferenceRecord

    def with_references(self, change: Callable[[ReferenceRecord, str], ReferenceRecord], field: str) -> "SwapRecord":
        """A copy with another reference."""
        return self.model_copy(update={"reference": change(self.reference, f"{field}.reference")})

    def style(self, field: str) -> "Swap":
        """The style again."""
        return Swap(self.reference.resolve(f"{field}.reference"))


@dataclass(frozen=True, eq=False)
class Swap(Style):
    """The style of ``reference`` in place of the photo's own; only its style vector enters the edit."""

    reference: Reference

    usage: ClassVar[str] = "Swap(reference)"
    Record: ClassVar[type[StyleRecord]] = SwapRecord

    def vectors(self, model: L2SAE, own: Tensor, seed: int, rois: Sequence[str]) -> Tensor:
        """The reference's style vectors, (B, D)."""
        return fit_batch(encode_reference(model, self.reference, rois), own)

    def with_references(self, change: Callable[[Reference], Reference]) -> "Swap":
        """The style with another reference."""
        return Swap(change(self.reference))

    def record(self, model: L2SAE) -> SwapRecord:
        """The style in a recipe."""
        return SwapRecord(reference=describe_reference(model, self.reference))


Swap.option = StyleOption("swap", "REF", "Take the style of this picture.", lambda text: Swap(path_of(text)))
