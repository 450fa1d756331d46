"""Blend: a mean of the styles of several faces."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from l2sae.editing.recipe_fields import RecipeError, ReferenceRecord
from l2sae.editing.references import Reference, describe_reference, encode_reference, fit_batch
from l2sae.editing.styles.style import Style, StyleRecord
from l2sae.model import L2SAE
from l2sae.pictures.errors import EditError, in_range

MAX_WEIGHT = 1e6


class BlendRecord(StyleRecord):
    """`Blend` in a recipe."""

    kind: Literal["blend"] = "blend"
    references: tuple[ReferenceRecord, ...] = Field(min_length=1, max_length=100, strict=False)
    weights: tuple[Annotated[float, Field(ge=0, le=MAX_WEIGHT)], ...] = Field(max_length=100, strict=False)

    def with_references(self, change: Callable[[ReferenceRecord, str], ReferenceRecord], field: str) -> "BlendRecord":
        """A copy with other references."""
        changed = tuple(change(one, f"{field}.references.{i}") for i, one in enumerate(self.references))
        return self.model_copy(update={"references": changed})

    def style(self, field: str) -> "Blend":
        """The style again."""
        if len(self.weights) != len(self.references):
            raise RecipeError(f"{field}.weights: {len(self.weights)} for {len(self.references)} references")
        if sum(self.weights) <= 0:
            raise RecipeError(f"{field}.weights: all are 0")
        named = [one.resolve(f"{field}.references.{i}") for i, one in enumerate(self.references)]
        return Blend(list(zip(named, self.weights, strict=True)))


@dataclass(frozen=True, eq=False)
class Blend(Style):
    """Weighted mean of the styles of several references: weights are 0 or more and count relative to their sum."""

    references: tuple[tuple[Reference, float], ...]

    usage: ClassVar[str] = "Blend([(reference, weight), ...])"
    Record: ClassVar[type[StyleRecord]] = BlendRecord

    def __init__(self, references: Iterable[tuple[Reference, float]]) -> None:
        pairs = tuple((reference, float(weight)) for reference, weight in references)
        weights = [weight for _, weight in pairs]
        if not pairs or not all(in_range(w, 0, MAX_WEIGHT) for w in weights) or sum(weights) <= 0:
            raise EditError(
                f"Blend with weights {weights}: need at least one positive, none negative, none above {MAX_WEIGHT:g}"
            )
        object.__setattr__(self, "references", pairs)

    def vectors(self, model: L2SAE, own: Tensor, seed: int, rois: Sequence[str]) -> Tensor:
        """The mean of the references' style vectors, (B, D)."""
        total = sum(weight for _, weight in self.references)
        parts = [weight / total * encode_reference(model, one, rois) for one, weight in self.references]
        return fit_batch(torch.stack(torch.broadcast_tensors(*parts)).sum(dim=0), own)

    def with_references(self, change: Callable[[Reference], Reference]) -> "Blend":
        """The style with other references."""
        return Blend([(change(reference), weight) for reference, weight in self.references])

    def record(self, model: L2SAE) -> BlendRecord:
        """The style in a recipe."""
        references = tuple(describe_reference(model, reference) for reference, _ in self.references)
        return BlendRecord(references=references, weights=tuple(weight for _, weight in self.references))
