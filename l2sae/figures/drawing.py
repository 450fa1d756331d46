"""Drawing for print: picture grids, training curves, and figures that carry their origin."""

import hashlib
import io
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from l2sae.params import Params
from l2sae.pictures.display import Picture, roi_colour

STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,
}
_SCREEN_DPI = 120
_GAP, _LABEL, _HEAD, _MARGIN = 0.03, 0.22, 0.2, 0.03  # inches


def paper_style() -> Any:
    """Matplotlib's settings for print, as a context or a decorator."""
    return matplotlib.rc_context(STYLE)


@dataclass(frozen=True)
class Provenance:
    """The origin of a figure: notebook, git commit, and the digests of all parameters and of the data's manifest."""

    notebook: str
    commit: str
    parameters: str
    data: str = ""

    @classmethod
    def of(cls, notebook: str, params: Params, manifest: str | Path | None = None) -> "Provenance":
        """The provenance of what ``notebook`` draws now, in the repository of the working directory."""
        digest = hashlib.sha256(params.model_dump_json().encode()).hexdigest()[:16]
        data = "" if manifest is None else hashlib.sha256(Path(manifest).read_bytes()).hexdigest()[:16]
        return cls(notebook, _head_commit(), digest, data)

    def fields(self) -> dict[str, str]:
        """Name -> value, as the files carry them; the data's digest only where it is known."""
        known = {"Notebook": self.notebook, "GitCommit": self.commit, "Parameters": self.parameters}
        return known | ({"Data": self.data} if self.data else {})


def save_figure(
    figure: Figure, stem: str, folder: str | Path, provenance: Provenance, dpi: int = 150
) -> tuple[Path, Path]:
    """Write ``folder/stem.png`` and ``.pdf``, without times, so that equal figures are equal bytes.

    Returns:
        The two paths.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    png, pdf = folder / f"{stem}.png", folder / f"{stem}.pdf"
    origin = provenance.fields()
    figure.savefig(png, dpi=dpi, metadata={"Title": stem, **origin})
    described: dict[str, Any] = {
        "Title": stem,
        "Subject": f"Drawn by {provenance.notebook}",
        "Keywords": ", ".join(f"{key}={value}" for key, value in origin.items()),
        "CreationDate": None,
    }
    with matplotlib.rc_context({"pdf.fonttype": 42}):
        figure.savefig(pdf, dpi=2 * dpi, metadata=described)
    return png, pdf


class PrintFigure(Figure):
    """A figure that a notebook shows as PNG by itself, without the global state of pyplot."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_SCREEN_DPI)
        return buffer.getvalue()


def picture_grid(
    pictures: Sequence[Sequence[Picture | None]],
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    panel: float = 0.95,
    breaks: Sequence[int] = (),
    footer: float = 0.0,
) -> tuple[Figure, NDArray[Any]]:
    """Pictures in a tight grid, named along the left and the top.

    Args:
        pictures: rows of (H, W, 3) uint8, or None for an empty place.
        rows: a label for each row, or none.
        columns: a label for each column, or none.
        panel: side of a picture in inches.
        breaks: columns with a wider gap before them.
        footer: height in inches to leave free below, for a legend.

    Returns:
        The figure, and its axes as an array (rows, columns).
    """
    height, width = len(pictures), max(len(row) for row in pictures)
    gaps = [_GAP * (4 if c in breaks else 1) for c in range(width)]
    left = _MARGIN + (_LABEL if rows else 0.0)
    lefts = left + np.arange(width) * panel + np.cumsum([0.0, *gaps[1:]])
    top = _MARGIN + (_HEAD if columns else 0.0)
    size = (lefts[-1] + panel + _MARGIN, top + height * panel + (height - 1) * _GAP + _MARGIN + footer)
    figure = PrintFigure(figsize=size)
    axes = np.empty((height, width), dtype=object)
    for r, row in enumerate(pictures):
        bottom = size[1] - top - (r + 1) * panel - r * _GAP
        for c in range(width):
            box = (lefts[c] / size[0], bottom / size[1], panel / size[0], panel / size[1])
            axes[r, c] = figure.add_axes(box)
            axes[r, c].set_axis_off()
            if c < len(row) and (picture := row[c]) is not None:
                axes[r, c].imshow(picture, interpolation="lanczos")
        if rows:
            y = (bottom + panel / 2) / size[1]
            figure.text(_MARGIN / size[0], y, rows[r], rotation=90, va="center", ha="left", fontsize=STYLE["font.size"])
    for c, text in enumerate(columns):
        x, y = (lefts[c] + panel / 2) / size[0], 1 - (_MARGIN + _HEAD / 2) / size[1]
        figure.text(x, y, text, va="center", ha="center", fontsize=STYLE["font.size"])
    return figure, axes


def outline(axes: Axes, matte: NDArray[np.floating], colour: str) -> None:
    """Draw the 0.5 contour of a matte (H, W) over a picture, with a dark rim that shows on any ground."""
    if matte.max() < 0.5:
        return
    for width, tone in ((1.6, "black"), (0.8, colour)):
        axes.contour(matte, levels=[0.5], colors=[tone], linewidths=[width])


def roi_legend(figure: Figure, names: Sequence[str]) -> None:
    """Name the ROIs' colours along the bottom of a figure; leave a ``footer`` free for it."""
    patches = [Patch(color=roi_colour(index), label=name) for index, name in enumerate(names)]
    figure.legend(
        handles=patches, loc="lower center", ncol=len(patches), borderaxespad=0.1, handlelength=1, columnspacing=1.5,
        fontsize=STYLE["legend.fontsize"], frameon=False,
    )  # fmt: skip


def _head_commit() -> str:
    try:
        done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "not in a git repository"
    return done.stdout.strip()
