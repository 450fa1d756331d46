"""A layer: edits that are made at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing.styles import Style, style_names
from l2sae.pictures.errors import EditError, in_range
from l2sae.rois import expand_rois

MattePicture = Tensor | NDArray[np.uint8] | NDArray[np.floating[Any]]
MAX_STRENGTH = 2.0
MAX_SEED = 2**63 - 1


@dataclass(frozen=True, eq=False)
class Layer:
    """Edits made at once: ``styles`` maps each ROI to its style, ``mattes`` replaces predicted mattes."""

    styles: Mapping[str, Style]
    strength: float = 1.0
    seed: int = 0
    mattes: Mapping[str, MattePicture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not in_range(self.strength, 0, MAX_STRENGTH):
            raise EditError(f"strength={self.strength}: need 0 (no change) to {MAX_STRENGTH:g}; 1 is the full edit")
        if not isinstance(self.seed, (int, np.integer)) or not 0 <= self.seed <= MAX_SEED:
            raise EditError(f"seed={self.seed}: need a whole number, 0 to {MAX_SEED}")
        object.__setattr__(self, "seed", int(self.seed))
        if not self.styles:
            raise EditError('rois is empty: name at least one region, e.g. rois=("hair",)')
        if unused := sorted(self.mattes.keys() - self.styles.keys()):
            raise EditError(f"mattes for {', '.join(unused)}, which rois does not name: add to rois or leave out")
        for roi, style in self.styles.items():
            if not isinstance(style, Style):
                raise EditError(f"style of {roi} is {type(style).__name__}: give {style_names()}")
        object.__setattr__(self, "styles", {roi: style.in_region(roi) for roi, style in self.styles.items()})

    def sharing(self, style: Style) -> tuple[str, ...]:
        """The ROIs that take this style on."""
        return tuple(roi for roi, other in self.styles.items() if other == style)


def expand_names(rois: str | Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The regions that names stand for, e.g. skin and nose for ``face``.

    Raises:
        EditError: an unknown region.
    """
    names = (rois,) if isinstance(rois, str) else _named(rois)
    try:
        return expand_rois(names, known)
    except ValueError as error:
        raise EditError(str(error)) from None


def _named(rois: Any) -> tuple[str, ...]:
    """Names of regions as a tuple.

    Raises:
        EditError: something else than names.
    """
    names = tuple(rois) if isinstance(rois, Iterable) else (rois,)
    if not all(isinstance(name, str) for name in names):
        raise EditError(f'rois={rois!r}: give names of regions, e.g. rois=("hair",)')
    return names


def expand_styles(styles: Mapping[str, Style], known: Sequence[str]) -> dict[str, Style]:
    """The styles with the regions that shorthands stand for in place of these; a region named itself comes first.

    Raises:
        EditError: an unknown region.
    """
    expanded = {roi: style for name, style in styles.items() for roi in expand_names(name, known)}
    return {roi: styles.get(roi, style) for roi, style in expanded.items()}


def assign_styles(rois: str | Sequence[str] | None, style: Style | Mapping[str, Style] | None) -> dict[str, Style]:
    """Give each ROI its style; one style serves all of ``rois``, a dict has to name each."""
    if rois is None and not isinstance(style, Mapping):
        raise EditError('name the regions to edit, e.g. rois=("hair",), or give style={"hair": ...}')
    if style is None:
        raise EditError(f"give a style: {style_names()}")
    if not isinstance(style, Mapping):
        names = (rois,) if isinstance(rois, str) else _named(() if rois is None else rois)
        return dict.fromkeys(names, style)
    names = tuple(style) if rois is None else (rois,) if isinstance(rois, str) else _named(rois)
    if set(names) != set(style):
        raise EditError(f"rois names {', '.join(names) or 'nothing'}, style has {', '.join(style)}: let them agree")
    return {roi: style[roi] for roi in names}
