"""Committed results: what is recorded, and that README shows it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from l2sae.bench import commands as bench

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a pipeline run leaves it."""
    (tmp_path / "reports/run").mkdir(parents=True)
    (tmp_path / "metrics").mkdir()
    run = {"seconds": 60.0, "peak_rss_mb": 2048.0, "git_commit": "abc", "versions": {"torch": "2"}}
    for stage in ("prepare", "train", "evaluate", "benchmark"):
        (tmp_path / f"reports/run/{stage}.json").write_text(json.dumps(run))
        (tmp_path / f"metrics/{stage}.json").write_text("{}")
    figures = {"reconstruction": {"psnr": 25.04}, "ci": {"reconstruction": {"psnr": [25.0, 25.1]}}}
    figures["labels"] = "rendered"
    (tmp_path / "metrics/evaluate.json").write_text(json.dumps(figures))
    (tmp_path / "params.yaml").write_text((REPOSITORY / "params.yaml").read_text())
    (tmp_path / "presets").symlink_to(REPOSITORY / "presets")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_record_keeps_figures_machine_and_date_without_intervals(finished_run: Path) -> None:
    done = CliRunner().invoke(bench.main, ["record", "mine"], catch_exceptions=False)
    kept = json.loads((finished_run / "benchmarks/mine.json").read_text())
    assert done.exit_code == 0
    assert kept["metrics"] == {"labels": "rendered", "reconstruction.psnr": 25.04}
    assert kept["machine"]
    assert kept["date"]
    assert kept["params"]["preset"] == "quickstart"


def test_record_before_a_run_says_which_stage_to_run(finished_run: Path) -> None:
    (finished_run / "metrics/evaluate.json").unlink()
    with pytest.raises(FileNotFoundError, match="dvc repro evaluate"):
        CliRunner().invoke(bench.main, ["record", "mine"], catch_exceptions=False)


def test_table_has_a_column_for_each_recorded_run(finished_run: Path) -> None:
    for name in ("one", "two"):
        CliRunner().invoke(bench.main, ["record", name], catch_exceptions=False)
    table = bench.results_table()
    assert "| | one | two |" in table
    assert "| PSNR (dB) ↑ | 25.04 | 25.04 |" in table
    assert "| all stages that ran, minutes | 4.0 | 4.0 |" in table


def test_runs_on_other_labels_have_a_table_of_their_own(finished_run: Path) -> None:
    CliRunner().invoke(bench.main, ["record", "one"], catch_exceptions=False)
    other = (finished_run / "benchmarks/one.json").read_text().replace('"rendered"', '"weak"')
    (finished_run / "benchmarks/two.json").write_text(other)
    table = bench.results_table()
    assert table.index("| | one |") < table.index("| | two |")
    assert table.count("| PSNR (dB) ↑ | 25.04 |") == 2


def test_readme_shows_the_committed_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    shown = (REPOSITORY / "README.md").read_text().split(bench.TABLE_START)[1].split(bench.TABLE_END)[0]
    assert shown.strip() == bench.results_table().strip(), "run python -m l2sae.bench readme"
