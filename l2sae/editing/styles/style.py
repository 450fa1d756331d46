"""What every style operation offers to edits, recipes, bulk edits, editors and the command line."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from torch import Tensor

from l2sae.editing.recipe_fields import ExactStyle, Record, ReferenceRecord
from l2sae.editing.references import Reference
from l2sae.model import L2SAE


class StyleRecord(Record, ABC):
    """A style in a recipe; ``kind`` tells which."""

    kind: str

    def with_references(self, change: Callable[[ReferenceRecord, str], ReferenceRecord], field: str) -> Self:
        """A copy with ``change(reference, its field)`` in place of every reference; ``field`` is the record's own."""
        return self

    @abstractmethod
    def style(self, field: str) -> "Style":
        """The style again.

        Raises:
            RecipeError: a reference has changed, or values do not fit together; the message names the field.
        """


@dataclass(frozen=True)
class StyleOption:
    """The command-line option of a style: ``--<name> <METAVAR>``, whose text ``parse`` turns into the style."""

    name: str
    metavar: str
    help: str
    parse: Callable[[str], "Style"]


class Style(ABC):
    """A style operation.

    Attributes:
        usage: how a user writes it, for messages.
        Record: what it is in a recipe.
        option: its command-line option, if it has one.
        seeded: whether the seed of an edit has an effect on it.
        redraws: whether it changes what the decoder drew, so that it edits even with the photo's own style vectors.
    """

    usage: ClassVar[str]
    Record: ClassVar[type[StyleRecord]]
    option: ClassVar[StyleOption | None] = None
    seeded: ClassVar[bool] = False
    redraws: ClassVar[bool] = False

    @abstractmethod
    def vectors(self, model: L2SAE, own: Tensor, seed: int, rois: Sequence[str]) -> Tensor:
        """The style vectors (B, D) to decode with.

        Args:
            model: encodes the references.
            own: style vectors (B, D) of the photos.
            seed: of the edit.
            rois: ROIs that take this style on; a reference picture has to show them.

        Raises:
            FaceNotFoundError: a reference picture lacks one of ``rois``.
            EditError: a reference of another kind or size, or a number of references that fits no batch of photos.
        """

    def in_region(self, roi: str) -> "Style":
        """The style as it is in one region; a style that is the same everywhere returns itself."""
        return self

    def redraw(self, decoded: Tensor, matte: Tensor, show: Callable[[Tensor], Tensor]) -> Tensor:
        """What is drawn in the region in place of the face decoded with `vectors`.

        Args:
            decoded: (B, 3, S, S) in [-1, 1].
            matte: of the region, (B, 1, S, S) in [0, 1].
            show: gives the edited photo at model resolution, (B, 3, S, S) in [-1, 1], for a drawn face.
        """
        return decoded

    def with_references(self, change: Callable[[Reference], Reference]) -> "Style":
        """The style with ``change(reference)`` in place of every reference."""
        return self

    def _references(self) -> list[Reference]:
        found: list[Reference] = []

        def note(reference: Reference) -> Reference:
            found.append(reference)
            return reference

        self.with_references(note)
        return found

    @property
    def files(self) -> list[str | Path]:
        """The picture files among its references."""
        return [reference for reference in self._references() if isinstance(reference, (str, Path))]

    @property
    def follows_light(self) -> bool:
        """Whether it is put into the photo's light: what comes from other faces is."""
        references = self._references()
        return bool(references) and not any(isinstance(one, ExactStyle) for one in references)

    @property
    def evened(self) -> bool:
        """Whether its changes from place to place are evened in photos: those of references in their light are."""
        return self.follows_light or any(isinstance(one, ExactStyle) and one.evened for one in self._references())

    @abstractmethod
    def record(self, model: L2SAE) -> StyleRecord:
        """The style in a recipe; references that are no files are recorded as their style vectors."""

    def label(self, seed: int) -> dict[str, Any]:
        """What an editor shows of a style that it has no better name for: ``kind``, ``text``, and values to adjust."""
        return {"kind": "other", "text": "from a recipe"}
