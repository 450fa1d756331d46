"""Plots of metric files: quality against time, scaling, where the time goes, and ROIs with their intervals."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from l2sae.figures.drawing import PrintFigure, paper_style
from l2sae.measures.metric_files import get
from l2sae.pictures.display import roi_colour

METHODS = {
    "detail": ("L2SAE, detail", "#0072B2", "o"),
    "in_light": ("L2SAE, light kept", "#004C7F", "X"),
    "replace": ("L2SAE, replace", "#56B4E9", "s"),
    "reinhard": ("Reinhard", "#E69F00", "D"),
    "inversion_style": ("inversion, style", "#009E73", "^"),
    "inversion_both": ("inversion, style and structure", "#D55E00", "v"),
    "inversion_warm": ("inversion, from the encoder", "#CC79A7", "P"),
}
"""Method -> what figures and tables call it, its colour and its marker."""
_PARTS = {"encode": "encode", "masks": "mattes", "decode": "decode"}
_DECADES = 100  # ratio of an axis' ends from which powers of ten are marks enough
SINGLE_PASS = ("detail", "replace", "reinhard")


@paper_style()
def quality_time_figure(benchmark: Mapping[str, Any]) -> Figure:
    """Quality of an edit against the time that it takes: style transfer, and how well the reference is reproduced.

    Bars are the 95 % intervals of the methods' table.
    """
    figure = PrintFigure(figsize=(6.3, 2.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name in SINGLE_PASS:
        label, colour, marker = METHODS[name]
        one = benchmark["comparison"][name]
        left.plot(
            one["seconds"],
            one["transfer"],
            marker,
            color=colour,
            label=label,
            zorder=3,
            markeredgewidth=1.5,
            markersize=8 if name == "replace" else 5,  # both compositions take one pass: a frame around the other
            fillstyle="none" if name == "replace" else "full",
        )
    for mode, curve in benchmark["inversion"]["curve"].items():
        label, colour, marker = METHODS[f"inversion_{mode}"]
        style = {"color": colour, "marker": marker, "markersize": 3.5, "label": label}
        left.plot(curve["seconds"], curve["transfer"], **style)
        right.plot(curve["seconds"], curve["psnr"], **style)
    for name, bounds in (get(benchmark, "ci.comparison") or {}).items():
        seconds, (low, high) = benchmark["comparison"][name]["seconds"], bounds["transfer"]
        left.vlines(seconds, low, high, color=METHODS[name][1], linewidth=1, alpha=0.7)
    left.set_ylabel("style transfer")
    right.set_ylabel("PSNR of the inverted\nreference (dB)")
    for axes in (left, right):
        axes.set_xlabel("time of one edit (s)")
        _log(axes, "x")
        axes.grid(alpha=0.25, linewidth=0.5)
    handles, labels = left.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncol=3)
    return figure


@paper_style()
def scaling_figure(benchmark: Mapping[str, Any]) -> Figure:
    """Time and memory of an edit by size of the photo, number of ROIs and batch size."""
    figure = PrintFigure(figsize=(6.3, 1.9), layout="constrained")
    size, memory, rois, batch = figure.subplots(1, 4)
    rows = benchmark["scaling"]["resolution"]
    megapixels = [row["megapixels"] for row in rows]
    size.plot(megapixels, [row["ms"] for row in rows], "o-", color=METHODS["detail"][1], markersize=3)
    memory.plot(megapixels, [row["peak_mb"] for row in rows], "o-", color=METHODS["detail"][1], markersize=3)
    for axes in (size, memory):
        _log(axes, "x")
        axes.set_xlabel("photo (megapixels)")
    _log(size, "y")
    size.set_title("time (ms)", loc="left")
    memory.set_title("peak memory (MB)", loc="left")
    memory.set_ylim(bottom=0)
    counts = benchmark["scaling"]["rois"]
    for key, label, style in (("ms", "one style", "o-"), ("ms_own_styles", "one each", "s--")):
        rois.plot([row["rois"] for row in counts], [row[key] for row in counts], style, markersize=3, label=label,
                  color=METHODS["detail" if key == "ms" else "replace"][1])  # fmt: skip
    rois.set_title("time (ms)", loc="left")
    rois.set_xlabel("number of ROIs")
    rois.set_xticks([row["rois"] for row in counts])
    rois.legend()
    rates = {int(key): value for key, value in benchmark["throughput"]["edit_images_per_s"].items()}
    chosen = sorted(rates)
    batch.plot(chosen, [rates[key] for key in chosen], "o-", color=METHODS["detail"][1], markersize=3)
    batch.set_xticks(chosen)
    batch.set_ylim(top=1.1 * max(rates.values()))
    batch.set_title("edits per second", loc="left")
    batch.set_xlabel("batch size")
    for axes in (rois, batch):
        axes.set_ylim(bottom=0)
    for axes in (size, memory, rois, batch):
        axes.grid(alpha=0.25, linewidth=0.5)
    return figure


@paper_style()
def time_parts_figure(benchmark: Mapping[str, Any]) -> Figure:
    """Where the time of one edit goes, and how near each network comes to the machine's best convolution."""
    figure = PrintFigure(figsize=(6.3, 2.0), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    names = list(edit_parts(benchmark))
    times = list(edit_parts(benchmark).values())
    left.barh(names, times, color=METHODS["detail"][1], height=0.6)
    for y, value in enumerate(times):
        left.text(value, y, f" {value:.1f}", va="center", fontsize=7)
    left.set_xlim(right=max(times) * 1.18)
    left.set_title("time within one edit (ms)", loc="left")
    peak = get(benchmark, "roofline.peak_gflop_per_s")
    reached = {label: get(benchmark, f"roofline.parts.{name}.gflop_per_s") for name, label in _PARTS.items()}
    reached["whole edit"] = peak / get(benchmark, "roofline.ratio")
    right.barh(
        list(reached), [100 * value / peak for value in reached.values()], color=METHODS["replace"][1], height=0.6
    )
    for y, value in enumerate(reached.values()):
        right.text(100 * value / peak, y, f" {value:.0f} GFLOP/s", va="center", fontsize=7)
    right.set_xlim(0, 100)
    right.set_title(f"share of the peak of {peak:.0f} GFLOP/s (%)", loc="left")
    for axes in (left, right):
        axes.invert_yaxis()
        axes.tick_params(axis="y", length=0)
    return figure


def edit_parts(benchmark: Mapping[str, Any]) -> dict[str, float]:
    """Milliseconds of the parts of one edit: encoding, mattes, two decodings, and the rest, at least 0."""
    latency = benchmark["latency_ms"]
    parts = {"encode": latency["encode"], "mattes": latency["masks"], "decode, twice": 2 * latency["decode"]}
    return parts | {"composite, resize": max(0.0, latency["edit"] - sum(parts.values()))}


@paper_style()
def rois_figure(metrics: Mapping[str, Any], rois: Sequence[str]) -> Figure:
    """Masks and style transfer of each ROI, with 95 % intervals."""
    figure = PrintFigure(figsize=(6.3, 2.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    _bars(left, metrics, rois, {"masks.iou": ""}, "mask IoU")
    _bars(middle, metrics, rois, {"style.transfer_detail": "detail", "style.transfer_replace": "replace"}, "transfer")
    _bars(right, metrics, rois, {"disentanglement.probe_own": "own slice", "disentanglement.probe_other": "best other"},
          "IoU of a linear probe")  # fmt: skip
    return figure


def _bars(axes: Axes, metrics: Mapping[str, Any], rois: Sequence[str], groups: Mapping[str, str], title: str) -> None:
    width = 0.7 / len(groups)
    for g, (key, label) in enumerate(groups.items()):
        values = np.array([get(metrics, f"{key}.{roi}") for roi in rois], float)  # NaN for None
        bounds = [get(metrics, f"ci.{key}.{roi}") or (value, value) for roi, value in zip(rois, values, strict=True)]
        spread = np.abs(np.array(bounds).T - values)
        places = np.arange(len(rois)) + (g - (len(groups) - 1) / 2) * width
        colours = [roi_colour(r) for r in range(len(rois))]
        bars = axes.bar(places, values, width * 0.92, color=colours, alpha=1 - 0.5 * g, yerr=spread, label=label,
                        error_kw={"elinewidth": 0.7, "capsize": 1.5, "capthick": 0.7})  # fmt: skip
        if g:
            for bar in bars:
                bar.set_hatch("////")
                bar.set_edgecolor("white")
    axes.set_xticks(range(len(rois)), rois)
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, 0), high * (1.15 if len(groups) > 1 else 1))
    axes.set_title(title, loc="left")
    if len(groups) > 1:
        shades = [Patch(facecolor="0.45", label=label, alpha=1 - 0.5 * g, hatch="////" * g, edgecolor="white")
                  for g, label in enumerate(groups.values())]  # fmt: skip
        axes.legend(handles=shades, ncol=2, loc="upper right", borderaxespad=0, handlelength=1.2, columnspacing=1)
    axes.grid(axis="y", alpha=0.25, linewidth=0.5)
    axes.set_axisbelow(True)


def _log(axes: Axes, which: str) -> None:
    """A logarithmic axis whose marks are plain numbers."""
    getattr(axes, f"set_{which}scale")("log")
    axis = axes.xaxis if which == "x" else axes.yaxis
    low, high = sorted(getattr(axes, f"get_{which}lim")())
    wide = high / low > _DECADES
    axis.set_major_locator(LogLocator(10, subs=(1.0,) if wide else (1.0, 2.0, 5.0), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
