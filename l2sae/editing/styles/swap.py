"""Swap: the style of another face."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from l2sae.editing.recipe_fields import ReferenceRecord
from l2sae.editing.references import Reference, describe_reference, encode_reference, fit_batch
from l2sae.editing.styles.style import Style, StyleOption, StyleRecord
from l2sae.model import L2SAE
from l2sae.pictures.errors import EditError
from l2sae.pictures.files import path_of


class SwapRecord(StyleRecord):
    """`Swap` in a recipe."""

    kind: Literal["swap"] = "swap"
    reference: ReferenceRecord
    keep_light: Annotated[bool, Field(exclude_if=lambda keeps: keeps)] = True

    def with_references(self, change: Callable[[ReferenceRecord, str], ReferenceRecord], field: str) -> "SwapRecord":
        """A copy with another reference."""
        return self.model_copy(update={"reference": change(self.reference, f"{field}.reference")})

    def style(self, field: str) -> "Swap":
        """The style again."""
        return Swap(self.reference.resolve(f"{field}.reference"), self.keep_light)


@dataclass(frozen=True, eq=False)
class Swap(Style):
    """The style of ``reference`` in place of the photo's own; only its style vector enters the edit.

    It is put into the photo's light, unless the photo is taken as a face crop (``align=None``), or ``keep_light`` is
    False: then the colours are those that the reference shows.
    """

    reference: Reference
    keep_light: bool = True

    usage: ClassVar[str] = "Swap(reference)"
    Record: ClassVar[type[StyleRecord]] = SwapRecord

    def vectors(self, model: L2SAE, own: Tensor, seed: int, rois: Sequence[str]) -> Tensor:
        """The reference's style vectors, (B, D)."""
        return fit_batch(encode_reference(model, self.reference, rois), own)

    def with_references(self, change: Callable[[Reference], Reference]) -> "Swap":
        """The style with another reference."""
        return replace(self, reference=change(self.reference))

    @property
    def follows_light(self) -> bool:
        """Whether it is put into the photo's light."""
        return self.keep_light and super().follows_light

    def record(self, model: L2SAE) -> SwapRecord:
        """The style in a recipe."""
        return SwapRecord(reference=describe_reference(model, self.reference), keep_light=bool(self.keep_light))


def in_reference_light(style: Style | None) -> Swap:
    """A `Swap` with the colours that its reference shows; raises an `EditError` for any other style."""
    if not isinstance(style, Swap):
        raise EditError("--reference-light needs --swap")
    return replace(style, keep_light=False)


Swap.option = StyleOption("swap", "REF", "Take the style of this picture.", lambda text: Swap(path_of(text)))
