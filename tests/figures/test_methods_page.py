"""The page on methods says who wins, and says so only where the intervals are apart."""

from pathlib import Path

from l2sae.bench import commands as bench
from l2sae.figures.methods_page import methods_markdown, methods_table, verdict
from l2sae.measures.metric_files import read_metrics
from l2sae.measures.registry import entry

REPOSITORY = Path(__file__).parents[2]


def cell(value: float, *interval: float) -> dict[str, object]:
    return {"value": value, "interval": list(interval) or None}


def test_intervals_decide_and_less_is_better_where_the_registry_says_so() -> None:
    psnr, error = entry("style.counterfactual.detail.mean.psnr"), entry("style.hue_error.mean")
    apart = {"detail": cell(22, 21, 23), "replace": cell(18, 17, 19), "reinhard": cell(20, 19.5, 20.5)}
    assert verdict(psnr, apart) == "wins"
    assert verdict(psnr, apart | {"reinhard": cell(21, 20, 21.5)}) == "open"
    assert verdict(error, {"detail": cell(9, 8, 10), "reinhard": cell(5, 4, 6)}) == "loses"
    assert verdict(error, {"detail": cell(4), "reinhard": cell(5)}) == "wins"
    assert verdict(error, {"detail": cell(4)}) == ""


def test_a_table_holds_what_was_measured_with_intervals() -> None:
    figures = {
        "style.transfer_detail.mean": 0.8, "ci.style.transfer_detail.mean": [0.7, 0.9],
        "baseline.reinhard.transfer.mean": 0.5, "ci.baseline.reinhard.transfer.mean": [0.4, 0.6],
        "realism.kid.detail": None,
    }  # fmt: skip
    tables = methods_table({"photos": figures, "nothing": {}})
    assert list(tables) == ["photos"]
    assert [row["figure"] for row in tables["photos"]] == ["style.transfer.mean"]
    page = methods_markdown({"tables": tables, "machine": "a machine", "date": "today"})
    assert "| style transfer ↑ | 0.800 [0.700, 0.900] | 0.500 [0.400, 0.600] | wins |" in page
    assert "- The learned edit wins in: style transfer ↑." in page


def test_the_committed_page_is_what_the_command_writes() -> None:
    written = methods_markdown(read_metrics(REPOSITORY / bench.METHODS))
    assert (REPOSITORY / bench.METHODS_PAGE).read_text() == written, "run python -m l2sae.bench methods"
