"""The folder of figures: PNG, PDF, CSV and LaTeX, and one HTML page that shows all and says where each comes from."""

import base64
import html
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from l2sae.figures.drawing import Provenance, save_figure
from l2sae.figures.tables import table_figure, write_table

INDEX = "index.html"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Figures</title>
<style>
body {{ font: 16px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222; }}
figure {{ margin: 2.5rem 0; padding-top: 1rem; border-top: 1px solid #ddd; }}
img {{ max-width: 100%; height: auto; background: #fff; }}
figcaption {{ margin-top: .6rem; }}
small, nav {{ color: #555; }}
code {{ font-size: .9em; }}
a {{ color: #0072B2; }}
</style>
</head>
<body>
<h1>Figures</h1>
<p>{origin}</p>
<nav>{contents}</nav>
{figures}
</body>
</html>
"""


@dataclass(frozen=True)
class Entry:
    """One figure or table: its files' common name, what it shows, and its files."""

    stem: str
    caption: str
    files: tuple[Path, ...]

    @property
    def picture(self) -> Path:
        """The PNG."""
        return next(file for file in self.files if file.suffix == ".png")


class Gallery:
    """Saves figures and tables, and lists them on a page.

    Args:
        folder: is made where there is none; what it holds under other names stays.
        provenance: of everything drawn.
        dpi: of the PNG files.
    """

    def __init__(self, folder: str | Path, provenance: Provenance, dpi: int) -> None:
        self.folder, self.provenance, self.dpi = Path(folder), provenance, dpi
        self.entries: list[Entry] = []

    def add(self, figure: Figure, stem: str, caption: str) -> Figure:
        """Save a figure as ``stem.png`` and ``stem.pdf``; returns it, for a notebook to show."""
        self._keep(stem, caption, save_figure(figure, stem, self.folder, self.provenance, self.dpi))
        return figure

    def add_table(
        self, frame: pd.DataFrame, stem: str, title: str, caption: str, best: Collection[tuple[int, int]] = ()
    ) -> Figure:
        """Save a table of texts as CSV, LaTeX, PNG and PDF, its ``best`` cells (row, column) in bold."""
        figure = table_figure(frame, title, best)
        drawn = save_figure(figure, stem, self.folder, self.provenance, self.dpi)
        self._keep(stem, caption, (*drawn, *write_table(frame, stem, self.folder, best)))
        return figure

    def write_index(self) -> Path:
        """Write ``index.html``: the pictures inside the page, everything else as relative links.

        Figures that are no longer drawn leave no files behind: what an earlier page listed and this one does not, goes.
        """
        kept = {file.name for entry in self.entries for file in entry.files} | {INDEX}
        for file in self.folder.iterdir():
            if file.suffix in (".png", ".pdf", ".csv", ".tex") and file.name not in kept:
                file.unlink()
        page = self.folder / INDEX
        contents = " · ".join(f'<a href="#{entry.stem}">{_title(entry.stem)}</a>' for entry in self.entries)
        figures = "\n".join(self._figure(entry) for entry in self.entries)
        page.write_text(_PAGE.format(origin=self._origin(), contents=contents, figures=figures), encoding="utf-8")
        return page

    def _keep(self, stem: str, caption: str, files: tuple[Path, ...]) -> None:
        if any(entry.stem == stem for entry in self.entries):
            raise ValueError(f"two figures are named {stem}: name one of them otherwise")
        self.entries.append(Entry(stem, caption, files))

    def _origin(self) -> str:
        one = self.provenance
        stage = Path(one.notebook).stem
        return (
            f'Drawn by <a href="../{stage}.html"><code>{html.escape(one.notebook)}</code></a> at git commit '
            f"<code>{html.escape(one.commit)}</code>, parameters <code>{one.parameters}</code>, data "
            f'<a href="../../data/prepared/manifest.json">manifest</a> <code>{one.data or "unknown"}</code>. '
            "Each file carries the same in its metadata."
        )

    def _figure(self, entry: Entry) -> str:
        picture = base64.b64encode(entry.picture.read_bytes()).decode()
        links = " · ".join(f'<a href="{file.name}">{file.suffix[1:].upper()}</a>' for file in entry.files)
        caption, title = html.escape(entry.caption), _title(entry.stem)
        origin = ", ".join(f"{name} {html.escape(value)}" for name, value in self.provenance.fields().items())
        return (
            f'<figure id="{entry.stem}">\n<img alt="{caption}" src="data:image/png;base64,{picture}">\n'
            f"<figcaption><strong>{title}.</strong> {caption}<br>"
            f"<small>{links} · {origin}</small></figcaption>\n</figure>"
        )


def _title(stem: str) -> str:
    return html.escape(stem.replace("_", " ").capitalize())
