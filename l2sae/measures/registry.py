"""Every figure of the metric files, once: what it is called, its unit, whether more is better, and what it means.

Tables, the model card, README, ``docs/metrics.md``, the ablation and the comparison of runs read the entries of
:mod:`l2sae.measures.figure_list`. A new figure is one function that measures it and one entry there.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from l2sae.measures.figure_entry import Entry, Table
from l2sae.measures.figure_list import STAGES
from l2sae.measures.metric_files import get, read_metrics, write_metrics

HEADLINE = "headline"


def entries(stage: str | None = None) -> Iterator[Entry]:
    """All entries in their order, or those of one stage's metric file."""
    for name, found in STAGES.items():
        if stage in (None, name):
            yield from found


def entry(key: str, stage: str | None = None) -> Entry:
    """The entry of a figure, by its key in the metric file or by the entry's own.

    Raises:
        KeyError: no figure is registered under the key; the message says where to add it.
    """
    for one in entries(stage):
        if one.key == key or one.pattern.fullmatch(key):
            return one
    raise KeyError(f"{key}: no such figure; add an entry to l2sae/measures/figure_list.py")


def shown_in(table: Table) -> list[Entry]:
    """Entries of a table, in their order."""
    return [one for one in entries() if table in one.tables]


def headline(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The few figures that DVC tracks: short name -> value, at 4 significant digits; absent ones are left out.

    Args:
        metrics: stage -> content of its metric file.
    """
    found: dict[str, float] = {}
    for stage, figures in metrics.items():
        for one in entries(stage):
            value = get(figures, one.key) if one.headline else None
            if value is not None:
                found[one.headline] = float(f"{value:.4g}")
    return found


def write_headline(folder: str | Path = "metrics") -> dict[str, float]:
    """Write ``folder/headline.json`` from the metric files beside it, and return its figures."""
    files = sorted(Path(folder).glob("*.json"))
    found = headline({file.stem: read_metrics(file) for file in files if file.stem != HEADLINE})
    write_metrics(found, Path(folder) / f"{HEADLINE}.json")
    return found


def fits_a_figure(pattern: str) -> bool:
    """Whether a pattern of ``<stage>.<key>``, with ``*`` for anything, can name a figure or its interval."""
    if fnmatchcase(f"{HEADLINE}.x", pattern):
        return True
    names = (f"{stage}.{part}{one.key}" for stage in STAGES for one in entries(stage) for part in ("", "ci."))
    return any(fnmatchcase(name, pattern) for name in names)
