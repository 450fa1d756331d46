"""The committed page of figures is what its command writes."""

from pathlib import Path

from l2sae.figures.metrics_page import metrics_markdown

REPOSITORY = Path(__file__).parents[2]


def test_the_page_is_what_the_command_writes() -> None:
    written = (REPOSITORY / "docs/metrics.md").read_text()
    assert written == metrics_markdown(), "run python -m l2sae.bench metrics-page"
