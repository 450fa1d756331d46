"""Metrics of two runs are held against committed tolerances."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from l2sae.cli import main
from l2sae.measures.metric_files import write_metrics
from l2sae.measures.tolerances import Bound, TolerancesError, differences, read_run, read_tolerances

REPOSITORY = Path(__file__).parents[2]
FIGURES: dict[str, Any] = {
    "reconstruction": {"psnr": 21.5},
    "labels": "human",
    "lpips": None,
    "severities": [{"miou": 0.7}, {"miou": 0.6}],
}


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders of equal metrics."""
    for name in ("first", "second"):
        write_metrics(FIGURES, tmp_path / name / "evaluate.json")
        write_metrics({"latency_ms": {"edit": 5.0 if name == "first" else 9.0}}, tmp_path / name / "benchmark.json")
    return tmp_path / "first", tmp_path / "second"


def compare(*arguments: object) -> Any:
    tolerances = REPOSITORY / "benchmarks" / "tolerances.yaml"
    return CliRunner().invoke(main, ["compare-metrics", *map(str, arguments), "--tolerances", str(tolerances)])


def test_equal_runs_pass_and_timings_do_not_count(runs: tuple[Path, Path]) -> None:
    result = compare(*runs)
    assert result.exit_code == 0, result.output
    assert "0 of 6 figures" in result.output


@pytest.mark.parametrize(("device", "code"), [("same", 1), ("cpu", 0), ("gpu", 0)])
def test_what_is_allowed_depends_on_the_device(runs: tuple[Path, Path], device: str, code: int) -> None:
    write_metrics(FIGURES | {"reconstruction": {"psnr": 21.6}}, runs[1] / "evaluate.json")
    result = compare(*runs, "--device", device)
    assert result.exit_code == code
    assert ("evaluate.reconstruction.psnr: 21.5 against 21.6" in result.output) == bool(code)


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"reconstruction": {"psnr": 25.0}}, "evaluate.reconstruction.psnr: 21.5 against 25.0"),
        ({"severities": [{"miou": 0.7}, {"miou": 0.2}]}, "evaluate.severities.1.miou: 0.6 against 0.2"),
        ({"labels": "weak"}, "evaluate.labels: human against weak"),
        ({"lpips": 0.2}, "evaluate.lpips: None against 0.2"),
        ({"extra": 1.0}, "evaluate.extra: None against 1.0"),
    ],
)
def test_a_figure_that_moved_too_far_is_named(runs: tuple[Path, Path], changed: dict[str, Any], named: str) -> None:
    write_metrics(FIGURES | changed, runs[1] / "evaluate.json")
    result = compare(*runs, "--device", "gpu")
    assert result.exit_code == 1
    assert named in result.output


def test_single_files_are_compared_too(runs: tuple[Path, Path]) -> None:
    assert compare(*(run / "evaluate.json" for run in runs)).exit_code == 0


def test_bounds_are_absolute_or_relative() -> None:
    assert Bound(absolute=0.5).admits(1.0, 1.5)
    assert not Bound(absolute=0.5).admits(1.0, 1.6)
    assert Bound(relative=0.1).admits(10.0, 10.9)
    assert not Bound(relative=0.1, absolute=0.5).admits(10.0, 12.0)


def test_the_first_pattern_that_fits_decides() -> None:
    bounds: Any = {"a.b": "skip", "a.*": Bound(absolute=1)}
    assert differences({"a.b": 1, "a.c": 1}, {"a.b": 9, "a.c": 1.5}, bounds) == []
    assert [one.key for one in differences({"a.c": 1, "d": 1}, {"a.c": 3, "d": 1.1}, bounds)] == ["a.c", "d"]


def test_the_committed_metrics_agree_with_themselves_in_every_class() -> None:
    figures = read_run(REPOSITORY / "metrics")
    for bounds in read_tolerances(REPOSITORY / "benchmarks" / "tolerances.yaml").values():
        assert differences(figures, figures, bounds) == []


@pytest.mark.parametrize("text", ["cpu: {'*': {absolut: 1}}", "cpu: {'*': {absolute: -1}}", "cpu: 3"])
def test_bad_tolerances_are_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "tolerances.yaml"
    path.write_text(text)
    with pytest.raises(TolerancesError, match=r"tolerances\.yaml: cpu"):
        read_tolerances(path)


def test_what_cannot_be_compared_is_one_clear_line(runs: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "no metrics" in compare(runs[0], tmp_path / "empty").output
    assert "no device class 'tpu'" in compare(*runs, "--device", "tpu").output
