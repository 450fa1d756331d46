"""Holds the metrics of one run against those of another: ``l2sae compare-metrics A B``."""

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from ruamel.yaml import YAML

from l2sae.measures.metric_files import flatten, read_metrics
from l2sae.measures.registry import fits_a_figure

TOLERANCES = Path("benchmarks/tolerances.yaml")


class TolerancesError(ValueError):
    """The tolerances or the metrics cannot be read; the message names the file."""


class Bound(BaseModel):
    """How far a figure may move: by ``absolute``, or by ``relative`` of the larger of the two."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    absolute: float = Field(default=0.0, ge=0)
    relative: float = Field(default=0.0, ge=0)

    def admits(self, first: float, second: float) -> bool:
        """Whether two figures are near enough."""
        return math.isclose(first, second, rel_tol=self.relative, abs_tol=self.absolute)


Tolerances = dict[str, dict[str, Bound | Literal["skip"]]]


@dataclass(frozen=True)
class Difference:
    """A figure that moved too far, or that only one run has (the other is None)."""

    key: str
    first: Any
    second: Any

    def __str__(self) -> str:
        return f"{self.key}: {self.first} against {self.second}"


def read_tolerances(path: str | Path = TOLERANCES) -> Tolerances:
    """Read a file of device class -> pattern -> bound.

    Raises:
        TolerancesError: there is none, it does not say that, or a pattern names no figure of the registry.
    """
    path = Path(path)
    if not path.is_file():
        raise TolerancesError(f"{path}: no such file; run from the project's folder or name one with --tolerances")
    try:
        found = TypeAdapter(Tolerances).validate_python(YAML(typ="safe", pure=True).load(path.read_text("utf-8")))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise TolerancesError(f"{path}: {where}: {error.errors()[0]['msg']}") from None
    for device, bounds in found.items():
        if unknown := [pattern for pattern in bounds if not fits_a_figure(pattern)]:
            raise TolerancesError(f"{path}: {device}: no figure fits {', '.join(unknown)}; see docs/metrics.md")
    return found


def read_run(path: str | Path) -> dict[str, Any]:
    """All figures of a metrics file, or of the folder that holds one a stage, as ``<stage>.<key>``.

    Raises:
        TolerancesError: there are none.
    """
    path = Path(path)
    files = [path] if path.is_file() else sorted(path.glob("*.json"))
    if not files:
        raise TolerancesError(f"{path}: no metrics; give a metrics file or a folder of them")
    nested = {file.stem: read_metrics(file) for file in files}
    return flatten({stem: _without_lists(figures) for stem, figures in nested.items()})


def differences(
    first: dict[str, Any], second: dict[str, Any], bounds: dict[str, Bound | Literal["skip"]]
) -> list[Difference]:
    """Figures of two runs that differ by more than ``bounds`` allow, in alphabetical order."""
    found = []
    for key in sorted(first.keys() | second.keys()):
        bound = next((value for pattern, value in bounds.items() if fnmatchcase(key, pattern)), Bound())
        one, other = first.get(key), second.get(key)
        if bound != "skip" and not _near(one, other, bound):
            found.append(Difference(key, one, other))
    return found


def _near(first: Any, second: Any, bound: Bound) -> bool:
    numbers = [value for value in (first, second) if isinstance(value, int | float) and not isinstance(value, bool)]
    return bound.admits(*numbers) if len(numbers) == 2 else bool(first == second)


def _without_lists(value: Any) -> Any:
    """Lists as mappings from the place to the value, all the way down."""
    if isinstance(value, list):
        value = {str(index): one for index, one in enumerate(value)}
    return {key: _without_lists(one) for key, one in value.items()} if isinstance(value, dict) else value
