"""Metric tables: from the metric files to frames, figures, CSV and LaTeX."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from l2sae.figures.drawing import PrintFigure, paper_style
from l2sae.figures.plots import METHODS
from l2sae.measures.metric_files import get

MISSING = "–"
_ROI_COLUMNS = {  # heading -> (group of the metrics with one figure an ROI, key of their mean, decimals)
    "IoU": ("masks.iou", "masks.miou", 3),
    "F1": ("masks.f1", "masks.mean_f1", 3),
    "transfer, detail": ("style.transfer_detail", "style.transfer_detail.mean", 2),
    "transfer, replace": ("style.transfer_replace", "style.transfer_replace.mean", 2),
    "texture": ("style.texture", None, 2),
    "noise diversity": ("style.noise_diversity", None, 1),
    "probe, own slice": ("disentanglement.probe_own", None, 2),
    "probe, best other": ("disentanglement.probe_other", None, 2),
}
_SUMMARY_ROWS = {  # description -> (key, decimals, factor, key of a baseline, its name)
    "PSNR (dB) ↑": ("reconstruction.psnr", 2, 1, "baseline.blur.psnr", "blur"),
    "SSIM ↑": ("reconstruction.ssim", 3, 1, None, None),
    "L1 ↓": ("reconstruction.l1", 4, 1, None, None),
    "mask mIoU ↑": ("masks.miou", 3, 1, "baseline.constant_mask.miou", "constant mask"),
    "mask mean F1 ↑": ("masks.mean_f1", 3, 1, None, None),
    "boundary F1 at 2 px ↑": ("masks.boundary_f1", 3, 1, None, None),
    "style transfer ↑": ("style.transfer.mean", 3, 1, "baseline.reinhard.transfer", "Reinhard"),
    "mIoU drop after edit ↓": ("structure.miou_drop", 4, 1, None, None),
    "edge correlation ↑": ("structure.edge_correlation", 3, 1, None, None),
    "change inside (levels)": ("locality.inside_mean", 2, 1, None, None),
    "change outside (levels) ↓": ("locality.outside_mean", 3, 1, None, None),
    "outside pixels changed (%) ↓": ("locality.outside_share", 3, 100, None, None),
    "slice cross-talk ↓": ("disentanglement.cross_talk", 3, 1, None, None),
}
_COMPARED = (  # key of a method, heading, decimals, whether more is better
    ("transfer", "style transfer", 2, 1),
    ("edge_correlation", "edge correlation", 2, 1),
    ("outside_mean", "change outside (levels)", 3, -1),
    ("seconds", "time (s)", 3, -1),
)
_RUNS = (
    ("reconstruction.psnr", "PSNR (dB)", 2, 1),
    ("reconstruction.ssim", "SSIM", 3, 1),
    ("masks.miou", "mIoU", 3, 1),
    ("style.transfer_detail.mean", "transfer, detail", 3, 1),
    ("style.transfer_replace.mean", "transfer, replace", 3, 1),
    ("locality.outside_mean", "outside (levels)", 3, -1),
    ("latency_ms.edit", "edit (ms)", 1, -1),
)
_SPEED_ROWS = {
    "encode": "encode",
    "decode": "decode",
    "mattes": "masks",
    "edit": "edit",
    "edit of a 12-megapixel photo": "edit_12mp",
    "slider": "slider",
}


def roi_table(metrics: Mapping[str, Any], rois: Sequence[str]) -> pd.DataFrame:
    """One row an ROI, and their mean: masks, style transfer of both compositions, texture, diversity, probes."""
    columns = {}
    for heading, (group, mean, digits) in _ROI_COLUMNS.items():
        values = [get(metrics, f"{group}.{name}") for name in rois] + [get(metrics, mean) if mean else None]
        columns[heading] = [_text(value, digits) for value in values]
    return pd.DataFrame(columns, index=pd.Index([*rois, "mean"], name="ROI"))


def summary_table(metrics: Mapping[str, Any]) -> pd.DataFrame:
    """One row a figure of the whole test split, with its 95 % interval and what a trivial method scores."""
    rows = []
    for description, (key, digits, factor, baseline, method) in _SUMMARY_ROWS.items():
        bounds = get(metrics, f"ci.{key}")
        interval = " to ".join(_text(bound * factor, digits) for bound in bounds) if bounds else MISSING
        trivial = f"{_text(get(metrics, baseline), digits)} ({method})" if baseline else MISSING
        value = get(metrics, key)
        rows.append((description, _text(None if value is None else value * factor, digits), interval, trivial))
    frame = pd.DataFrame(rows, columns=["figure", "value", "95 % interval", "trivial method"])
    return frame.set_index("figure")


def speed_table(benchmark: Mapping[str, Any]) -> pd.DataFrame:
    """One row an operation: its median time in ms and the quartiles."""
    rows = []
    for description, name in _SPEED_ROWS.items():
        low, high = (get(benchmark, f"spread.latency_ms.{name}.{bound}") for bound in ("p25", "p75"))
        quartiles = MISSING if low is None else f"{_text(low, 1)} to {_text(high, 1)}"
        rows.append((description, _text(get(benchmark, f"latency_ms.{name}"), 1), quartiles))
    return pd.DataFrame(rows, columns=["operation", "median (ms)", "quartiles"]).set_index("operation")


def comparison_table(benchmark: Mapping[str, Any]) -> tuple[pd.DataFrame, set[tuple[int, int]]]:
    """One row a method, on the same pairs of faces, and the cells (row, column) that hold the best of their column.

    Beside a figure stands its 95 % interval where the benchmark has one.
    """
    found = {name: label for name, (label, _, _) in METHODS.items() if name in benchmark["comparison"]}
    values = [[benchmark["comparison"][name][key] for key, _, _, _ in _COMPARED] for name in found]
    frame, best = _compared(values, list(found.values()), _COMPARED, "method")
    for r, name in enumerate(found):
        for c, (key, _, digits, _) in enumerate(_COMPARED):
            if bounds := get(benchmark, f"ci.comparison.{name}.{key}"):
                frame.iloc[r, c] += f" [{', '.join(_text(bound, digits) for bound in bounds)}]"
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
    values = [[run["metrics"].get(key) for key, _, _, _ in _RUNS] for run in runs.values()]
    return _compared(values, list(runs), _RUNS, "run")


def _compared(
    values: Sequence[Sequence[float | None]],
    names: Sequence[str],
    columns: Sequence[tuple[str, str, int, int]],
    what: str,
) -> tuple[pd.DataFrame, set[tuple[int, int]]]:
    """Texts of a table whose columns are (key, heading, decimals, 1 if more is better or -1), and its best cells."""
    texts = [[_text(v, columns[c][2]) for c, v in enumerate(row)] for row in values]
    headings = [f"{heading} {'↑' if sign > 0 else '↓'}" for _, heading, _, sign in columns]
    frame = pd.DataFrame(texts, columns=headings, index=pd.Index(names, name=what))
    best = set()
    for c, (_, _, digits, sign) in enumerate(columns):
        shown = [round(sign * row[c], digits) if row[c] is not None else None for row in values]  # type: ignore[operator]
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


def _text(value: float | None, digits: int) -> str:
    return MISSING if value is None else f"{value:z.{digits}f}"


def _latex(text: Any) -> str:
    replaced = str(text).replace("%", r"\%").replace("_", r"\_")
    return replaced.replace("↑", r"$\uparrow$").replace("↓", r"$\downarrow$").replace("–", "--")
