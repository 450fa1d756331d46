"""Metric tables: from the metric files to frames, figures, CSV and LaTeX."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from l2sae.figures.drawing import PrintFigure, paper_style
from l2sae.figures.metric_plots import METHODS, SINGLE_PASS
from l2sae.measures.figure_entry import MISSING, Entry
from l2sae.measures.metric_files import get
from l2sae.measures.registry import entry, shown_in


def roi_table(metrics: Mapping[str, Any], rois: Sequence[str]) -> pd.DataFrame:
    """One row an ROI, and their mean: masks, style transfer of both compositions, texture, diversity, probes."""
    columns = {}
    for one in shown_in("rois"):
        values = [get(metrics, one.of(roi=name)) for name in rois] + [get(metrics, one.mean_key)]
        columns[one.label] = [one.text(value) for value in values]
    return pd.DataFrame(columns, index=pd.Index([*rois, "mean"], name="ROI"))


def summary_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """One row a figure of the whole test split, with its 95 % interval and what a trivial method scores."""
    rows = []
    for one in shown_in("summary"):
        bounds = get(metrics, f"ci.{one.key}")
        interval = " to ".join(map(one.text, bounds)) if bounds else MISSING
        trivial = f"{one.text(get(metrics, one.baseline))} ({one.baseline_name})" if one.baseline else MISSING
        rows.append((one.heading, one.text(get(metrics, one.key)), interval, trivial))
    frame = pd.DataFrame(rows, columns=["figure", "value", "95 % interval", "trivial method"])
    return frame.set_index("figure")


def counterfactual_table(metrics: Mapping[str, Any], rois: Sequence[str]) -> pd.DataFrame:
    """One row a method and figure, one column a region: edits against the true pictures of counterfactuals."""
    rows, names = [], []
    shown = [*((name, METHODS[name][0]) for name in ("detail", "in_light", *SINGLE_PASS[1:])), ("none", "no edit")]
    for figure in ("psnr", "delta_e", "texture"):
        for method, label in shown:
            keys = [f"style.counterfactual.{method}.{roi}.{figure}" for roi in [*rois, "mean"]]
            one = entry(f"style.counterfactual.<method>.<roi>.{figure}")
            rows.append([one.text(get(metrics, key)) for key in keys])
            names.append(f"{one.heading}: {label}")
    return pd.DataFrame(rows, columns=[*rois, "mean"], index=pd.Index(names, name="method"))


def speed_table(benchmark: Mapping[str, Any]) -> pd.DataFrame:
    """One row an operation: its median time in ms and the quartiles."""
    rows = []
    for one in shown_in("speed"):
        low, high = (get(benchmark, f"spread.{one.key}.{bound}") for bound in ("p25", "p75"))
        quartiles = MISSING if low is None else f"{one.text(low)} to {one.text(high)}"
        rows.append((one.label, one.text(get(benchmark, one.key)), quartiles))
    return pd.DataFrame(rows, columns=["operation", "median (ms)", "quartiles"]).set_index("operation")


def comparison_table(benchmark: Mapping[str, Any]) -> tuple[pd.DataFrame, set[tuple[int, int]]]:
    """One row a method, on the same pairs of faces, and the cells (row, column) that hold the best of their column.

    Beside a figure stands its 95 % interval where the benchmark has one.
    """
    found = {name: label for name, (label, _, _) in METHODS.items() if name in benchmark["comparison"]}
    columns = shown_in("methods")
    values = [[get(benchmark, one.of(method=name)) for one in columns] for name in found]
    frame, best = _compared(values, list(found.values()), columns, "method")
    for r, name in enumerate(found):
        for c, one in enumerate(columns):
            if bounds := get(benchmark, f"ci.{one.of(method=name)}"):
                frame.iloc[r, c] += f" [{', '.join(map(one.text, bounds))}]"
    return frame, best


def read_runs(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Recorded runs (``folder/*.json``) by kind of labels: kind -> name -> run."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(Path(folder).glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        if "metrics" not in run:  # a table of another kind, of speed say
            continue
        found.setdefault(str(run["metrics"].get("labels")), {})[path.stem] = run
    return found


def runs_table(runs: Mapping[str, Mapping[str, Any]]) -> tuple[pd.DataFrame, set[tuple[int, int]]]:
    """One row a recorded run (``benchmarks/*.json``), and its best cells.

    Raises:
        ValueError: the runs differ in their kind of labels, so that their figures are not comparable.
    """
    kinds = {run["metrics"].get("labels") for run in runs.values()}
    if len(kinds) > 1:
        raise ValueError(f"runs on {', '.join(sorted(map(str, kinds)))} labels cannot share a table")
    columns = shown_in("runs")
    values = [[run["metrics"].get(one.key) for one in columns] for run in runs.values()]
    return _compared(values, list(runs), columns, "run")


def _compared(
    values: Sequence[Sequence[float | None]], names: Sequence[str], columns: Sequence[Entry], what: str
) -> tuple[pd.DataFrame, set[tuple[int, int]]]:
    """Texts of a table whose columns are figures, and its best cells."""
    texts = [[one.text(value) for one, value in zip(columns, row, strict=True)] for row in values]
    frame = pd.DataFrame(texts, columns=[one.heading for one in columns], index=pd.Index(names, name=what))
    best = set()
    for c, one in enumerate(columns):
        shown = [None if row[c] is None else round(one.sign * row[c], one.digits) for row in values]  # type: ignore[operator]
        known = [value for value in shown if value is not None]
        if len(known) > 1 and len(set(known)) > 1:
            best |= {(r, c) for r, value in enumerate(shown) if value == max(known)}
    return frame, best


def write_table(
    frame: pd.DataFrame, stem: str, folder: str | Path, best: Collection[tuple[int, int]] = ()
) -> tuple[Path, Path]:
    """Write ``folder/stem.csv`` and ``folder/stem.tex`` (booktabs), and return their paths.

    Args:
        frame: texts.
        stem: the files' name.
        folder: is made where there is none.
        best: (row, column) of the cells that LaTeX sets in bold.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    csv, tex = folder / f"{stem}.csv", folder / f"{stem}.tex"
    frame.to_csv(csv, lineterminator="\n")
    escaped = frame.rename(index=_latex, columns=_latex).map(_latex)
    for row, column in best:
        escaped.iloc[row, column] = rf"\textbf{{{escaped.iloc[row, column]}}}"
    escaped.index.name = frame.index.name
    styler = escaped.reset_index().style.hide(axis="index")
    tex.write_text(styler.to_latex(hrules=True, column_format="l" + "r" * frame.shape[1]), encoding="utf-8")
    return csv, tex


@paper_style()
def table_figure(frame: pd.DataFrame, title: str, best: Collection[tuple[int, int]] = ()) -> Figure:
    """A frame of texts as a printed table, figures right-aligned, ``best`` in bold, a last row ``mean`` set apart."""
    headings = [str(frame.index.name), *map(str, frame.columns)]
    rows = [[str(index), *map(str, row)] for index, row in zip(frame.index, frame.to_numpy(), strict=True)]
    widths = [0.06 * max(len(text) for text in column) + 0.22 for column in zip(headings, *rows, strict=True)]
    line, width = 0.19, sum(widths)
    height = (len(rows) + 2.8) * line
    figure = PrintFigure(figsize=(width, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    axes.text(0.06, 0.6 * line, title, va="center", weight="bold")
    for r, row in enumerate([headings, *rows]):
        y, edge = (r + 1.8 + 0.2 * (r > 0)) * line, 0.0
        for c, text in enumerate(row):
            edge += widths[c]
            x, align = (0.06, "left") if c == 0 else (edge - 0.08, "right")
            weight = "bold" if (r - 1, c - 1) in best else "normal"
            axes.text(x, y, text, va="center", ha=align, weight=weight)
    rules = {1.2: 0.9, 2.4: 0.5, len(rows) + 2.6: 0.9}
    if frame.index[-1] == "mean":
        rules[len(rows) + 1.5] = 0.5
    for y, thickness in rules.items():
        axes.plot([0.04, width - 0.04], [y * line] * 2, color="black", linewidth=thickness)
    return figure


def _latex(text: Any) -> str:
    replaced = str(text).replace("%", r"\%").replace("_", r"\_")
    return replaced.replace("↑", r"$\uparrow$").replace("↓", r"$\downarrow$").replace("–", "--")
