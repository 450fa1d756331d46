"""Training curves: read from DVCLive's log, and drawn."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from l2sae.figures.drawing import PrintFigure, paper_style
from l2sae.pictures.display import PALETTE, roi_colour
from l2sae.training.validation import GRADIENT, VALIDATION

_CURVES = {"val_psnr": "validation PSNR (dB)", "val_miou": "validation mIoU"}


def read_curves(folder: str | Path) -> dict[str, pd.Series]:
    """What DVCLive logged below ``folder``: name of the figure -> its values by step.

    Raises:
        FileNotFoundError: nothing was logged there.
    """
    plots = Path(folder) / "plots" / "metrics"
    files = sorted(plots.rglob("*.tsv"))
    if not files:
        raise FileNotFoundError(f"{plots}: no training log; run 'dvc repro train'")
    series = {}
    for file in files:
        frame = pd.read_csv(file, sep="\t")
        series[file.relative_to(plots).with_suffix("").as_posix()] = frame.set_index("step").iloc[:, -1]
    return series


@paper_style()
def training_figure(log: Mapping[str, pd.Series]) -> Figure:
    """Training curves: losses in one panel, gradient norms in another, each validation figure in one of its own."""
    groups = {"training losses": [name for name in log if not name.startswith((VALIDATION, GRADIENT))]}
    groups["norm of gradients"] = [name for name in log if name.startswith(GRADIENT)]
    groups |= {_CURVES.get(name, name): [name] for name in log if name.startswith(VALIDATION)}
    panels = {title: names for title, names in groups.items() if names}
    figure = PrintFigure(figsize=(2.3 * len(panels), 1.9), layout="constrained")
    for axes, (title, names) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels.items(), strict=True):
        for index, name in enumerate(names):
            label = name.removeprefix(GRADIENT).replace("_", " ")
            dashes = "--" if index >= len(PALETTE) else "-"
            axes.plot(log[name].index, log[name].to_numpy(), dashes, color=roi_colour(-1 - index), label=label)
        axes.set_xlabel("step")
        axes.set_xlim(left=0)
        axes.grid(alpha=0.25, linewidth=0.5)
        axes.set_title(title, loc="left")
        if title in ("training losses", "norm of gradients"):
            axes.legend(fontsize=5, handlelength=1.5, labelspacing=0.2)
        if title == "norm of gradients":
            axes.set_yscale("log")
    return figure
