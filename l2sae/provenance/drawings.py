"""Pictures of what marks survive and what the localiser sees. Each function returns one figure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from l2sae.figures.drawing import PrintFigure, outline, paper_style, picture_grid
from l2sae.measures.metric_files import get
from l2sae.pictures.display import PALETTE, Picture
from l2sae.provenance.detector.detection_figures import Scores, roc_curve
from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.detector.localiser import Localiser

_HEAT = "inferno"
_TRUTH = PALETTE[1]
_CURVES = {"detail": PALETTE[6], "replace": PALETTE[4]}
_STYLES = {"none": "-", "jpeg_75": "--"}


@paper_style()
def heat_figure(localiser: Localiser, faces: Mapping[str, Sequence[EditedFace]], count: int = 3) -> Figure:
    """Photo, edit with the outline of what changed, heat map of the edit, and of the photo; ``count`` a composition.

    Of the edits, those of the most different regions are shown, each with its score above 0.5 or below.
    """
    rows, names, outlines = [], [], []
    for compose, of_compose in faces.items():
        for face in _different(of_compose, count):
            looks = [localiser(face.edited), localiser(face.photo)]
            rows.append([face.photo, face.edited, *(_coloured(heat) for _, heat in looks)])
            names.append(compose)
            outlines.append((face.truth, [score for score, _ in looks]))
    columns = ["photo", "edit", "heat: edit", "heat: photo"]
    figure, axes = picture_grid(rows, names, columns, breaks=(2,))
    for r, (truth, scores) in enumerate(outlines):
        outline(axes[r, 1], truth.astype(np.float32), _TRUTH)
        for column, score in zip((2, 3), scores, strict=True):
            axes[r, column].text(
                0.03, 0.03, f"{score:.2f}", transform=axes[r, column].transAxes, color="white", va="bottom"
            )
    return figure


@paper_style()
def survival_figure(metrics: Mapping[str, Any], attacks: Sequence[str]) -> Figure:
    """Bars by attack, with 95 % intervals: how often the mark is found, and how well edits are told from photos."""
    figure = PrintFigure(figsize=(6.6, 0.24 * len(attacks) + 0.9), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(attacks), dtype=np.float64)
    _bars(left, metrics, [f"watermark.{attack}.detected" for attack in attacks], places, 0.6, PALETTE[2], None)
    left.set_title("watermark found (share)", loc="left")
    left.set_xlim(0, 1)
    for offset, compose in ((-0.2, "detail"), (0.2, "replace")):
        keys = [f"detector.{compose}.{attack}.auc" for attack in attacks]
        _bars(right, metrics, keys, places + offset, 0.38, _CURVES[compose], compose)
    right.axvline(0.5, color="black", linewidth=0.6, linestyle=":")
    right.set_title("edits told from photos (area under the ROC curve)", loc="left")
    right.set_xlim(0, 1)
    figure.legend(loc="outside lower right", ncol=2)
    left.set_yticks(places, attacks)
    left.invert_yaxis()
    return figure


@paper_style()
def roc_figure(scores: Mapping[tuple[str, str], Scores]) -> Figure:
    """ROC curves of the localiser's score: for each composition, without an attack and after JPEG 75."""
    figure = PrintFigure(figsize=(2.8, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.6, linestyle=":")
    for compose, colour in _CURVES.items():
        for attack, style in _STYLES.items():
            if (compose, attack) in scores:
                axes.plot(*roc_curve(scores[compose, attack]), style, color=colour, label=f"{compose}, {attack}")
    axes.set_xlabel("photos reported as edited")
    axes.set_ylabel("edits reported")
    axes.set_aspect("equal")
    axes.legend(loc="lower right")
    return figure


def _different(faces: Sequence[EditedFace], count: int) -> list[EditedFace]:
    """One edit of each kind in turn: all regions at once, then single ones from the largest."""
    first: dict[tuple[str, ...], EditedFace] = {}
    for face in faces:
        first.setdefault(face.rois, face)
    return sorted(first.values(), key=lambda face: (-len(face.rois), -face.truth.mean()))[:count]


def _coloured(heat: NDArray[np.floating]) -> Picture:
    return (colormaps[_HEAT](np.clip(heat, 0, 1))[..., :3] * 255).round().astype(np.uint8)


def _bars(
    axes: Axes,
    metrics: Mapping[str, Any],
    keys: Sequence[str],
    places: NDArray[np.float64],
    height: float,
    colour: str,
    label: str | None,
) -> None:
    """Horizontal bars of figures, left out where there is none, with their intervals."""
    found = [(y, get(metrics, key), get(metrics, f"ci.{key}")) for y, key in zip(places, keys, strict=True)]
    known = [(y, value, bounds) for y, value, bounds in found if value is not None]
    if not known:
        return
    ys, values = [y for y, _, _ in known], [value for _, value, _ in known]
    axes.barh(ys, values, height=height, color=colour, label=label)
    for y, value, bounds in known:
        low, high = bounds or (value, value)
        axes.plot([low, high], [y, y], color="black", linewidth=0.8)
