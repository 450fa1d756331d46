import re

import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image

from l2sae.figures.drawing import Provenance
from l2sae.figures.gallery import Gallery

ORIGIN = Provenance("notebooks/figures.ipynb", "abc123", "0123456789abcdef", "fedcba9876543210")


def line(slope=1):
    figure = Figure(figsize=(1, 1))
    figure.add_subplot().plot([0, slope])
    return figure


@pytest.fixture
def gallery(tmp_path):
    return Gallery(tmp_path, ORIGIN, dpi=40)


def test_page_shows_every_figure_without_the_network_and_says_where_it_comes_from(gallery, tmp_path):
    gallery.add(line(), "first_line", "A line < another.")
    gallery.add_table(pd.DataFrame({"a": ["1"]}, index=pd.Index(["x"], name="row")), "table_a", "A table", "A table.")
    page = gallery.write_index().read_text()
    assert page.count('src="data:image/png;base64,') == 2
    assert not re.search(r"https?://|<script", page)
    assert "A line &lt; another." in page
    for part in ("abc123", ORIGIN.parameters, ORIGIN.data, "../figures.html", "manifest.json", "table_a.tex"):
        assert part in page
    for link in re.findall(r'<small><a href="([^"]+)"', page):
        assert (tmp_path / link).is_file()


def test_equal_figures_make_equal_pages(tmp_path):
    pages = []
    for folder in ("a", "b"):
        gallery = Gallery(tmp_path / folder, ORIGIN, dpi=40)
        gallery.add(line(), "one", "One.")
        pages.append(gallery.write_index().read_bytes())
    assert pages[0] == pages[1]


def test_files_carry_the_digest_of_the_data(gallery, tmp_path):
    gallery.add(line(), "one", "One.")
    assert Image.open(tmp_path / "one.png").text["Data"] == ORIGIN.data


def test_figures_that_are_no_longer_drawn_go(gallery, tmp_path):
    (tmp_path / "old.png").touch()
    (tmp_path / "notes.md").touch()
    gallery.add(line(), "one", "One.")
    gallery.write_index()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["index.html", "notes.md", "one.pdf", "one.png"]


def test_two_figures_of_one_name_are_refused(gallery):
    gallery.add(line(), "one", "One.")
    with pytest.raises(ValueError, match="two figures are named one"):
        gallery.add(line(2), "one", "Another.")
