"""What the records of a recipe have in common: strict fields, digests, and references to pictures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from l2sae.model import L2SAE
from l2sae.pictures.conversions import on_white
from l2sae.pictures.errors import EditError
from l2sae.pictures.picture import PhotoFile, Picture
from l2sae.pictures.reading import as_picture

Vectors = NDArray[np.float32]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class RecipeError(EditError):
    """A recipe cannot be read or replayed; the message names the file and the field."""


class Record(BaseModel):
    """A part of a recipe: frozen; unknown keys, other types and values that are not finite are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


@dataclass(frozen=True, eq=False)
class ExactStyle:
    """Style ``vectors`` (1 or B, D) that are not put into a photo's light, since they have been, or are its own.

    ``evened`` says that they are a reference's, whose changes from place to place are evened; no recipe keeps that.
    """

    vectors: Vectors
    evened: bool = False


class ReferenceRecord(Record):
    """A reference: a picture file with the digest of its pixels, or the values of one style vector or several.

    ``exact`` says that the values are not put into the photo's light; see `ExactStyle`.
    """

    path: str | None = None
    sha256: Sha256 | None = None
    style: tuple[tuple[float, ...], ...] | None = Field(default=None, strict=False, max_length=64)
    exact: Annotated[bool, Field(exclude_if=lambda exact: not exact)] = False

    def resolve(self, field: str) -> NDArray[np.uint8] | Vectors | ExactStyle:
        """What `Swap` takes; refuses a picture that has changed."""
        if self.style is not None:
            vectors = _finite_vectors(self.style, f"{field}.style")
            return ExactStyle(vectors) if self.exact else vectors
        if self.path is None or self.sha256 is None:
            raise RecipeError(f"{field}: needs either style, or path and sha256")
        picture = read_named_picture(self.path, f"{field}.path")
        if (found := digest_reference(picture)) != self.sha256:
            raise RecipeError(f"{field}: {self.path} has changed since the edit (sha256 {found[:12]}...): restore it")
        return picture.shown


def digest_picture(picture: NDArray[np.uint8]) -> str:
    """sha256 of a picture's shape and pixels."""
    digest = hashlib.sha256(repr(picture.shape).encode())
    digest.update(np.ascontiguousarray(picture).data)  # without a copy: 12 megapixels are 36 MB
    return digest.hexdigest()


def digest_reference(picture: Picture) -> str:
    """`digest_picture` of a reference, in its own colours, on white where it is transparent."""
    return digest_picture(on_white(picture.pixels, picture.alpha))


def digest_model(model: L2SAE) -> str:
    """sha256 of all weights, with their names and shapes, and of the ROIs."""
    digest = hashlib.sha256(repr(model.rois).encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def read_named_picture(photo: PhotoFile, field: str) -> Picture:
    """The picture that a field of a recipe names.

    Raises:
        RecipeError: it cannot be read; the message names the field.
    """
    try:
        return as_picture(photo)
    except EditError as error:
        raise RecipeError(f"{field}: {error}") from None


def _finite_vectors(values: Sequence[Sequence[float]], field: str) -> Vectors:
    if len({len(row) for row in values}) != 1:
        raise RecipeError(f"{field}: need one or more vectors of equal length")
    with np.errstate(over="ignore"):
        vectors = np.array(values, dtype=np.float64).astype(np.float32)
    if not np.isfinite(vectors).all():
        raise RecipeError(f"{field}: a value is too large")
    return vectors
