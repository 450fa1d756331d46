"""Any two runs side by side: their figures in tables, and their pictures.

A run is a folder with metric files, a git revision, the name of an experiment, or the working tree.
"""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from l2sae.figures.drawing import PrintFigure, paper_style
from l2sae.measures.figure_entry import MISSING, Entry
from l2sae.measures.metric_files import flatten, get
from l2sae.measures.registry import HEADLINE, entries, entry

PICTURES = ("swaps", "reconstruction", "counterfactuals")
WORKING_TREE = ""
_FIGURES = "reports/figures"


@dataclass(frozen=True)
class Run:
    """One run: its name, its metric files (stage -> figures), and the PNG files of its pictures by name."""

    name: str
    metrics: Mapping[str, Mapping[str, Any]]
    pictures: Mapping[str, bytes]


def open_run(source: str | Path = WORKING_TREE, pictures: Iterable[str] = PICTURES, root: str | Path = ".") -> Run:
    """Read a run.

    Args:
        source: a folder with metric files, as ``metrics`` or one that holds it; else a git revision or the name of an
            experiment of the repository; empty for the working tree.
        pictures: names of PNG files in ``reports/figures``; those that are not at hand are left out.
        root: of the repository.

    Raises:
        FileNotFoundError: there are no metric files.
        ValueError: no such folder, revision or experiment.
    """
    folder = Path(source)
    if source and folder.is_dir():
        base = folder if (folder / "metrics").is_dir() else folder.parent
        files = sorted((folder / "metrics" if base is folder else folder).glob("*.json"))
        texts = {file.stem: file.read_bytes() for file in files}
        drawn = {name: base / _FIGURES / f"{name}.png" for name in pictures}
        found = {name: path.read_bytes() for name, path in drawn.items() if path.is_file()}
        return _run(str(source), texts, found)
    return _recorded(str(source), pictures, Path(root))


def _recorded(revision: str, pictures: Iterable[str], root: Path) -> Run:
    """A run of the repository; DVC finds what git keeps and what its own cache keeps."""
    from dvc.api import DVCFileSystem  # comes with the workspace only, and takes a second
    from dvc.scm import RevError
    from dvc_data.index import DataIndexDirError

    try:
        files = DVCFileSystem(str(root), rev=revision or None)
        names = sorted(files.glob("metrics/*.json"))
    except RevError:
        message = f"{revision}: neither a folder nor a git revision nor an experiment of this repository"
        raise ValueError(message) from None
    texts = {Path(name).stem: files.read_bytes(name) for name in names}
    found = {}
    for name in pictures:
        try:
            found[name] = files.read_bytes(f"{_FIGURES}/{name}.png")
        except (FileNotFoundError, DataIndexDirError):  # never drawn, or not in this clone's cache
            continue
    return _run(revision or "working tree", texts, found)


def _run(name: str, texts: Mapping[str, bytes], pictures: Mapping[str, bytes]) -> Run:
    if not texts:
        raise FileNotFoundError(f"{name}: no metric files (metrics/*.json); run 'dvc repro', or name another run")
    return Run(name, {stage: json.loads(text) for stage, text in texts.items()}, pictures)


def headline_table(first: Run, second: Run) -> pd.DataFrame:
    """One row for each of the few figures that DVC tracks; columns as `figures_table`."""
    shown = [(stage, one.key, one) for stage in _stages(first, second) for one in entries(stage) if one.headline]
    return _table(first, second, shown)


def figures_table(first: Run, second: Run) -> pd.DataFrame:
    """One row a registered figure that either run has.

    Columns: the key, the figure in words, its value in each run, the difference second - first, which run is better
    (empty where neither direction is), and whether the 95 % intervals are ``apart`` or ``overlap``.
    """
    shown = []
    for stage in _stages(first, second):
        for key in _keys(stage, first, second):
            if one := _registered(key, stage):
                shown.append((stage, key, one))
    return _table(first, second, shown)


def unlike(first: Run, second: Run) -> list[str]:
    """Why figures of the two runs must not be compared, in sentences; empty if nothing speaks against it."""
    notes = []
    for key, what in (("labels", "labels"), ("source", "data")):
        values = {get(run.metrics.get("prepare", {}), key) for run in (first, second)} - {None}
        if len(values) > 1:
            notes.append(
                f"The runs have different {what} ({' and '.join(sorted(values))}): their figures do not compare."
            )
    return notes


def _stages(*runs: Run) -> list[str]:
    return sorted({stage for run in runs for stage in run.metrics} - {HEADLINE})


def _keys(stage: str, *runs: Run) -> list[str]:
    """Keys of the numbers that any run has in a stage's metric file, without intervals."""
    flats = [flatten(run.metrics.get(stage, {})) for run in runs]
    keys = (key for flat in flats for key in flat if not key.startswith("ci.") and _number(flat[key]) is not None)
    return sorted(dict.fromkeys(keys))


def _registered(key: str, stage: str) -> Entry | None:
    try:
        return entry(key, stage)
    except KeyError:  # of an older or newer version
        return None


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _table(first: Run, second: Run, shown: Iterable[tuple[str, str, Entry]]) -> pd.DataFrame:
    names = (first.name, second.name) if first.name != second.name else (f"{first.name} (1)", f"{second.name} (2)")
    rows = []
    for stage, key, one in shown:
        values = [_number(get(run.metrics.get(stage, {}), key)) for run in (first, second)]
        bounds = [get(run.metrics.get(stage, {}), f"ci.{key}") for run in (first, second)]
        rows.append((f"{stage}.{key}", one.heading or one.meaning, *map(one.text, values), *_change(one, values, names),
                     _overlap(bounds)))  # fmt: skip
    columns = ["key", "figure", *names, "difference", "better", "95 % intervals"]
    return pd.DataFrame(rows, columns=columns).set_index("key")


def _change(one: Entry, values: list[float | None], names: tuple[str, str]) -> tuple[str, str]:
    """The signed difference, and the name of the run that is better."""
    before, after = values
    if before is None or after is None:
        return MISSING, ""
    text = one.text(after - before)
    better = one.sign * (after - before)
    return text if text.startswith("-") else f"+{text}", "" if not better else names[better > 0]


def _overlap(bounds: list[Any]) -> str:
    if not all(bounds):
        return MISSING
    (low, high), (other_low, other_high) = bounds
    return "apart" if high < other_low or other_high < low else "overlap"


@paper_style()
def side_by_side(first: Run, second: Run, name: str) -> Figure | None:
    """One picture of both runs, the first on the left; None where neither has it."""
    figure = PrintFigure(figsize=(7.0, 3.6), layout="constrained")
    if name not in {*first.pictures, *second.pictures}:
        return None
    for axes, run in zip(figure.subplots(1, 2), (first, second), strict=True):
        axes.set_axis_off()
        axes.set_title(f"{name}: {run.name}", loc="left")
        if name in run.pictures:
            axes.imshow(Image.open(io.BytesIO(run.pictures[name])).convert("RGB"))
        else:
            axes.text(0.5, 0.5, "not at hand: dvc pull, or dvc repro figures", ha="center", transform=axes.transAxes)
    return figure
