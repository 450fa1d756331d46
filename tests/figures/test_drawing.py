"""Saved figures name their origin, and equal figures are equal files."""

import re

from matplotlib.figure import Figure
from PIL import Image

from l2sae.figures.drawing import Provenance, save_figure

ORIGIN = Provenance("notebooks/figures.ipynb", "abc123", "0123456789abcdef")


def test_saved_figures_name_their_origin_and_equal_figures_are_equal_files(tmp_path):
    for folder in ("a", "b"):
        figure = Figure(figsize=(1, 1))
        figure.add_subplot().plot([0, 1])
        png, pdf = save_figure(figure, "line", tmp_path / folder, ORIGIN, dpi=50)
    info = Image.open(png).text
    assert (info["Notebook"], info["GitCommit"], info["Parameters"]) == (ORIGIN.notebook, "abc123", ORIGIN.parameters)
    content = pdf.read_bytes()
    assert b"GitCommit=abc123" in content
    assert not re.search(rb"CreationDate|ModDate", content)
    for path in (png, pdf):
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()


def test_provenance_changes_with_the_parameters(params):
    other = params.model_copy(update={"seed": params.seed + 1})
    first, second = Provenance.of("n.ipynb", params), Provenance.of("n.ipynb", other)
    assert first.parameters != second.parameters
    assert first.commit == second.commit
