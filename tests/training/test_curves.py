"""Training curves: visible while training runs, on disk for DVC after it, and old ones safe until then."""

import json
from pathlib import Path

import pandas as pd
import pytest

from l2sae.training import training_log


def points(folder: Path, name: str) -> list[tuple[int, float]]:
    table = pd.read_csv(folder / "plots" / "metrics" / f"{name}.tsv", sep="\t")
    return list(zip(table["step"], table[name], strict=True))


def test_each_call_is_a_line_in_the_terminal_and_a_point_on_every_curve(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with training_log(tmp_path / "curves", tmp_path / "live") as log:
        log(10, {"l1": 0.5, "val_psnr": 12.0})
        assert "step     10  l1 0.5  val_psnr 12" in capsys.readouterr().out
        assert points(tmp_path / "live", "l1") == [(10, 0.5)]
        log(20, {"l1": 0.25, "val_psnr": 15.5})
    assert points(tmp_path / "curves", "l1") == [(10, 0.5), (20, 0.25)]
    assert points(tmp_path / "curves", "val_psnr") == [(10, 12.0), (20, 15.5)]
    last = json.loads((tmp_path / "curves" / "metrics.json").read_text())
    assert last == {"l1": 0.25, "val_psnr": 15.5, "step": 20}


def diverge(folder: Path) -> None:
    with training_log(folder / "curves", folder / "live") as log:
        log(7, {"l1": 9.0})
        raise RuntimeError("diverged")


def test_a_failed_training_leaves_the_earlier_curves(tmp_path: Path) -> None:
    with training_log(tmp_path / "curves", tmp_path / "live") as log:
        log(1, {"l1": 0.5})
    with pytest.raises(RuntimeError, match="diverged"):
        diverge(tmp_path)
    assert points(tmp_path / "curves", "l1") == [(1, 0.5)]


def test_new_curves_replace_those_of_an_earlier_training(tmp_path: Path) -> None:
    for step, name in [(1, "ssim"), (2, "l1")]:
        with training_log(tmp_path / "curves", tmp_path / "live") as log:
            log(step, {name: 0.5})
    assert points(tmp_path / "curves", "l1") == [(2, 0.5)]
    assert not (tmp_path / "curves" / "plots" / "metrics" / "ssim.tsv").exists()
