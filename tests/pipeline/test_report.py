"""Reports as HTML."""

import re

from nbformat import v4

from l2sae.pipeline.report import to_html


def test_page_fetches_nothing_from_the_network() -> None:
    page = to_html(v4.new_notebook(cells=[v4.new_markdown_cell("# Title $x$"), v4.new_code_cell("1")]), "demo")
    assert "<title>demo</title>" in page
    assert "Title" in page
    assert not re.search(r"<(script|link|img)\b[^>]*\b(src|href)=", page)
    assert not re.search(r"cdnjs|unpkg|jsdelivr|import\(", page)
