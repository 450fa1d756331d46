"""Robustness drawn: curves by severity with intervals, figures by group, and what faces, mattes and edits look like."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from l2sae.data import FaceDataset
from l2sae.figures.drawing import PrintFigure, paper_style, picture_grid, roi_legend
from l2sae.measures.figures_from_sums import CONDITION_FIGURES
from l2sae.measures.metric_files import get
from l2sae.measures.registry import entry
from l2sae.measures.robustness import SMALLEST_SIZE, RobustnessSubject
from l2sae.measures.robustness_conditions import CONDITIONS, SEVERITIES, FaceSource
from l2sae.params import Params
from l2sae.pictures.display import as_pictures, roi_colour, tinted

_TITLES = {name: entry(key).title for name, key in CONDITION_FIGURES.items()}
_COLOURS = {"miou": -1, "transfer": 4, "psnr": 2, "outside_share": 5}
_LABELS = ("none", *map(str, SEVERITIES))


def measured_conditions(metrics: Mapping[str, Any]) -> list[str]:
    """Conditions that the metrics hold figures of."""
    return [name for name in CONDITIONS if metrics.get(name)]


@paper_style()
def curves_figure(metrics: Mapping[str, Any]) -> Figure:
    """Each figure by severity, a column a condition, with bands of 95 % and a dotted line at half of the start."""
    names = measured_conditions(metrics)
    figure = PrintFigure(figsize=(1.35 * len(names) + 0.4, 1.25 * len(CONDITION_FIGURES) + 0.3), layout="constrained")
    grid = figure.subplots(len(CONDITION_FIGURES), len(names), squeeze=False, sharex="col", sharey="row")
    for column, name in enumerate(names):
        for row, key in enumerate(CONDITION_FIGURES):
            _curve(grid[row, column], metrics, name, key)
            if column == 0:
                grid[row, column].set_ylabel(_TITLES[key])
        grid[0, column].set_title(name)
        grid[-1, column].set_xlabel(CONDITIONS[name].unit, fontsize=6)
        levels = ["–", *(f"{level:g}" for level in CONDITIONS[name].levels)]
        grid[-1, column].set_xticks(range(len(levels)), levels)
    for row, key in enumerate(CONDITION_FIGURES):
        if key != "psnr":
            grid[row, 0].set_ylim(bottom=min(0, grid[row, 0].get_ylim()[0]))
    return figure


def _curve(axes: Axes, metrics: Mapping[str, Any], name: str, key: str) -> None:
    rows = [metrics["undisturbed"][name], *metrics[name]]
    bounds = [get(metrics, f"ci.undisturbed.{name}"), *get(metrics, f"ci.{name}")]
    shown = [severity for severity, row in enumerate(rows) if key in row]
    values = [rows[severity][key] for severity in shown]
    colour = roi_colour(_COLOURS[key])
    axes.plot(shown, values, color=colour, marker="o", markersize=2.5)
    low, high = np.array([bounds[severity][key] for severity in shown]).reshape(-1, 2).T
    axes.fill_between(shown, low, high, color=colour, alpha=0.25, linewidth=0)
    axes.grid(alpha=0.25, linewidth=0.5)
    half = get(metrics, f"half.{name}.{key}")
    if half is not None and 0 in shown:
        axes.axhline(values[0] / 2, color="0.5", linestyle=":", linewidth=0.8)
        if half["reached"]:
            axes.plot(half["severity"], values[0] / 2, color="black", marker="x", markersize=4)


@paper_style()
def groups_figure(metrics: Mapping[str, Any], key: str = "miou") -> Figure:
    """One figure by group with its interval, a panel an attribute; groups too small to compare are grey."""
    groups = metrics["groups"]
    shown = {name: [value for value in group if isinstance(group[value], dict) and "images" in group[value]]
             for name, group in groups.items()}  # fmt: skip
    heights = [len(values) + 0.8 for values in shown.values()]
    figure = PrintFigure(figsize=(5.2, 0.19 * sum(heights) + 0.4), layout="constrained")
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, (name, values) in zip(panels, shown.items(), strict=True):
        for place, value in enumerate(values):
            row, bounds = groups[name][value], get(metrics, f"ci.groups.{name}.{value}.{key}")
            if key not in row:
                continue
            colour = "0.65" if row["small"] else roi_colour(_COLOURS[key])
            if bounds:
                axes.plot(bounds, [place, place], color=colour, linewidth=1.2)
            axes.plot(row[key], place, color=colour, marker="o", markersize=3)
        labels = [f"{value.replace('_', ' ')} ({groups[name][value]['images']})" for value in values]
        axes.set_yticks(range(len(values)), labels)
        axes.set_ylim(len(values) - 0.5, -0.5)
        axes.set_ylabel(name.replace("_", " "), rotation=0, ha="right", va="center", fontweight="bold")
        axes.grid(axis="x", alpha=0.25, linewidth=0.5)
    panels[-1].set_xlabel(_TITLES[key])
    return figure


@torch.inference_mode()
@paper_style()
def strip_figure(
    subject: RobustnessSubject, dataset: FaceDataset, params: Params, condition: str, roi: str, face: int = 0
) -> Figure:
    """One face under a condition, from none to severity 5: what is given, the predicted mattes, a swap of one ROI."""
    count = min(len(dataset), params.robustness.faces)
    source = FaceSource(dataset, params, max(SMALLEST_SIZE, dataset.image_size), count)
    kind, face = CONDITIONS[condition], face % count
    clean, references = source.with_references((face,), kind)
    steps = [clean, *(source.at((face,), kind, severity) for severity in SEVERITIES)]
    photos = torch.cat([one.photos for one in steps]).to(subject.device)
    code, wanted = (subject.encode(x) for x in (photos, references.photos.to(photos).expand_as(photos)))
    given = as_pictures(photos)
    masks = subject.mask(code).cpu().numpy()
    mattes = [tinted(picture, list(of_face)) for picture, of_face in zip(given, masks, strict=True)]
    edits = as_pictures(subject.edit(code, wanted, roi))
    reference = [as_pictures(references.photos)[0], None, None]
    rows = [[*row, extra] for row, extra in zip((given, mattes, edits), reference, strict=True)]
    levels = [f"{level:g}" for level in kind.levels]
    figure, _ = picture_grid(rows, [condition, "mattes", f"{roi} swap"], ["none", *levels, "reference"], breaks=(6,),
                             footer=0.2)  # fmt: skip
    roi_legend(figure, subject.roi_names)
    return figure


def severity_table(metrics: Mapping[str, Any], key: str) -> pd.DataFrame:
    """One row a condition: a figure at no disturbance and at severities 1 to 5, and the level at which it is halved."""
    rows = {}
    for name in measured_conditions(metrics):
        values = [row.get(key) for row in (metrics["undisturbed"][name], *metrics[name])]
        texts = ["–" if value is None else f"{value:.3f}" for value in values]
        rows[name] = [*texts, _half_text(get(metrics, f"half.{name}.{key}")), CONDITIONS[name].unit]
    return pd.DataFrame.from_dict(rows, orient="index", columns=[*_LABELS, "half at", "level"])


def _half_text(half: Mapping[str, Any] | None) -> str:
    if half is None:
        return "–"
    if not half["reached"]:
        return "not reached"
    return f"{half['level']:.3g}" if "level" in half else "before the first level"
