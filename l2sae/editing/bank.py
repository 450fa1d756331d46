"""A bank of styles by name, and operations on style vectors: blend, arithmetic, interpolation, a map."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing.recipe_fields import ExactStyle
from l2sae.editing.references import encode_reference, given_rois
from l2sae.editing.styles import Swap
from l2sae.model import L2SAE
from l2sae.pictures.conversions import as_rgb, to_model
from l2sae.pictures.errors import EditError

Vector = NDArray[np.float32]
MAX_REACH = 3.0  # standard deviations beyond which the map is not walked


@dataclass(frozen=True, eq=False)
class NamedStyle:
    """A style in the bank: its vector (D,), its picture (H, W, 3) uint8, and the ROIs that it gives a style for."""

    name: str
    vector: Vector
    picture: NDArray[np.uint8] | None
    rois: tuple[str, ...]

    @cached_property
    def _swap(self) -> Swap:
        style = ExactStyle(self.vector) if self.picture is None else self.vector
        return Swap(style)  # one object for all uses: an editor's cache of decoded styles goes by identity

    def swap(self, rois: Sequence[str]) -> Swap:
        """The style as an edit of ``rois``.

        Raises:
            EditError: the picture shows none of an ROI, so that its style says nothing about it.
        """
        if missing := [roi for roi in rois if roi not in self.rois]:
            raise EditError(f"{self.name} shows no {', '.join(missing)}: choose a style from a face that does")
        return self._swap


class StyleBank:
    """Styles by name, in the order in which they were added."""

    def __init__(self, model: L2SAE) -> None:
        self.model = model
        self._styles: dict[str, NamedStyle] = {}

    def __iter__(self) -> Iterator[NamedStyle]:
        return iter(self._styles.values())

    def __len__(self) -> int:
        return len(self._styles)

    def __contains__(self, name: object) -> bool:
        return name in self._styles

    def __getitem__(self, name: str) -> NamedStyle:
        """The style called ``name``.

        Raises:
            EditError: there is none.
        """
        if name not in self._styles:
            raise EditError(f"no style named {name!r}: there are {', '.join(self._styles) or 'none yet'}")
        return self._styles[name]

    @torch.inference_mode()
    def add_picture(self, name: str, picture: NDArray[np.uint8]) -> NamedStyle:
        """Add the style of a picture (H, W[, 3]) uint8, or replace the one of that name."""
        pixels = as_rgb(np.asarray(picture))[0]
        images = to_model(pixels, self.model.image_size).to(self.model.device)
        latents = self.model.encode(images)
        rois = given_rois(self.model, images, latents)
        return self._add(NamedStyle(name, _vector(latents.style[0]), pixels, rois))

    def add_vector(self, name: str, vector: NDArray[np.floating] | Tensor) -> NamedStyle:
        """Add a style vector (D,), for example one that arithmetic made."""
        checked = encode_reference(self.model, torch.as_tensor(vector).reshape(-1))[0]
        return self._add(NamedStyle(name, _vector(checked), None, self.model.roi_names))

    def remove(self, name: str) -> None:
        """Take a style out."""
        del self._styles[self[name].name]

    def blend(self, weights: Mapping[str, float]) -> Vector:
        """Weighted mean of named styles; weights are 0 or more and count relative to their sum."""
        values = list(weights.values())
        if not values or not np.isfinite(values).all() or min(values) < 0 or sum(values) <= 0:
            raise EditError(f"blend with weights {values}: need at least one positive, none negative")
        return np.asarray(sum(w / sum(values) * self[name].vector for name, w in weights.items()), np.float32)

    def arithmetic(self, base: str, minus: str | None = None, plus: str | None = None, amount: float = 1.0) -> Vector:
        """``base + amount * (plus - minus)``; a term left out is 0, or the mean style where the other is given."""
        mean = _vector(self.model.style_mean)
        if minus is None and plus is None:
            return self[base].vector
        taken = mean if minus is None else self[minus].vector
        given = mean if plus is None else self[plus].vector
        if not np.isfinite(amount) or abs(amount) > 4:
            raise EditError(f"amount={amount}: need -4 to 4")
        return np.asarray(self[base].vector + amount * (given - taken), np.float32)

    def map(self) -> "StyleMap":
        """A plane through the styles of the bank."""
        return StyleMap.fit([style.vector for style in self], _vector(self.model.style_scale))

    def _add(self, style: NamedStyle) -> NamedStyle:
        if not style.name.strip() or len(style.name) > 60:
            raise EditError("the name of a style has 1 to 60 characters")
        self._styles[style.name] = style
        return style


def interpolate(start: Vector, stop: Vector, count: int) -> list[Vector]:
    """``count`` style vectors in equal steps from ``start`` to ``stop``, both included.

    Raises:
        EditError: fewer than 2 or more than 64 frames, or vectors of different lengths.
    """
    if not 2 <= count <= 64:
        raise EditError(f"{count} frames: need 2 to 64")
    if start.shape != stop.shape:
        raise EditError(f"style vectors of shapes {start.shape} and {stop.shape}: they have to agree")
    return [np.asarray(start + t * (stop - start), np.float32) for t in np.linspace(0, 1, count, dtype=np.float32)]


@dataclass(frozen=True, eq=False)
class StyleMap:
    """The plane of the two main directions of a set of styles (principal components of standardised vectors).

    Attributes:
        mean: (D,), the middle of the map.
        axes: (2, D), one standard deviation along each direction, in style units.
        inverse: (D, 2), from differences to coordinates.
        explained: share of the variance that each direction explains.
    """

    mean: Vector
    axes: NDArray[np.float32]
    inverse: NDArray[np.float32]
    explained: tuple[float, float]

    @classmethod
    def fit(cls, vectors: Sequence[Vector], scale: Vector) -> "StyleMap":
        """Fit to at least three vectors (D,); ``scale`` (D,) is the standard deviation of each dimension."""
        if len(vectors) < 3:
            raise EditError(f"a map of {len(vectors)} styles: add at least 3 to the bank")
        data = np.stack(vectors).astype(np.float64)
        mean = data.mean(axis=0)
        unit = np.maximum(scale.astype(np.float64), 1e-6)
        _, values, directions = np.linalg.svd((data - mean) / unit, full_matrices=False)
        spread = np.maximum(values[:2, None] / np.sqrt(len(data) - 1), 1e-9)
        total = max(float((values**2).sum()), 1e-12)
        explained = tuple(float(value**2 / total) for value in values[:2])
        axes, inverse = directions[:2] * spread * unit, (directions[:2] / spread / unit).T
        return cls(mean.astype(np.float32), axes.astype(np.float32), inverse.astype(np.float32), (*explained,))  # type: ignore[arg-type]

    def locate(self, vector: Vector) -> tuple[float, float]:
        """Coordinates of a style on the map, in standard deviations."""
        x, y = (vector - self.mean) @ self.inverse
        return float(x), float(y)

    def style(self, x: float, y: float) -> Vector:
        """The style at a place of the map; the inverse of `locate` for styles on the plane."""
        if not (abs(x) <= MAX_REACH and abs(y) <= MAX_REACH):
            raise EditError(f"({x:.3g}, {y:.3g}) lies off the map: stay within {MAX_REACH:g} on both axes")
        return np.asarray(self.mean + np.array([x, y], np.float32) @ self.axes, np.float32)


def _vector(values: Tensor) -> Vector:
    return np.asarray(values.detach().cpu().numpy(), np.float32).copy()
