from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from l2sae.bench import ship
from l2sae.bench.provenance_table import MARKED_SEED, UNMARKED_SEED
from l2sae.measures.metric_files import read_metrics
from l2sae.params import load_params
from l2sae.provenance.detector.localiser import load_localiser


def test_localiser_is_trained_and_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ship, "LOCALISER_WIDTHS", (16, 16, 16))
    out = tmp_path / "made" / "localiser.safetensors"
    command = ["localiser", "--faces", "10", "--steps", "2", "--pairs", "2", "--workers", "1", "--device", "cpu"]
    done = CliRunner().invoke(ship.commands, [*command, "--out", str(out)], catch_exceptions=False)
    assert "after 2 steps" in done.output
    assert load_localiser(out).net.widths == (16, 16, 16)


def test_localiser_learns_from_photos_and_its_threshold_is_set_on_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portrait: NDArray[np.uint8]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ship, "EDITED_PHOTOS", 2)
    folder, out = tmp_path / "photos", tmp_path / "made.safetensors"
    folder.mkdir()
    for index in range(24):
        Image.fromarray(portrait[index:, index // 2 :]).save(folder / f"{index}.png")
    command = ["localiser", "--faces", "0", "--pairs", "2", "--workers", "1", "--device", "cpu"]
    command += ["--go-on", "--most-photos", "4", "--photos", str(folder), "--out", str(out)]
    for steps in ("1", "0"):
        done = CliRunner().invoke(ship.commands, [*command, "--steps", steps], catch_exceptions=False)
        assert f"after {steps} steps" in done.output
        made, figures = load_localiser(out), read_metrics("benchmarks/localiser.json")
        assert made.photos > 0
        assert figures["threshold"] == pytest.approx(made.threshold, rel=1e-5)
        assert figures["called_edited"].keys() == {"photos.none", "photos.jpeg_75"}


def test_localiser_learns_from_faces_that_no_test_uses() -> None:
    others = {load_params(overrides={"preset": preset}).seed for preset in ("quickstart", "smoke", "shipped")}
    assert ship.LOCALISER_SEED not in others | {MARKED_SEED, UNMARKED_SEED}
