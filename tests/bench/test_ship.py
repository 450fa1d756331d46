from pathlib import Path

import pytest
from click.testing import CliRunner

from l2sae.bench import ship
from l2sae.bench.provenance_table import MARKED_SEED, UNMARKED_SEED
from l2sae.params import load_params
from l2sae.provenance.detector.localiser import load_localiser


def test_localiser_is_trained_and_stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ship, "LOCALISER_WIDTHS", (16, 16, 16))
    out = tmp_path / "made" / "localiser.safetensors"
    command = ["localiser", "--faces", "10", "--steps", "2", "--pairs", "2", "--workers", "1", "--device", "cpu"]
    done = CliRunner().invoke(ship.commands, [*command, "--out", str(out)], catch_exceptions=False)
    assert "after 2 steps" in done.output
    assert load_localiser(out).net.widths == (16, 16, 16)


def test_localiser_learns_from_faces_that_no_test_uses() -> None:
    others = {load_params(overrides={"preset": preset}).seed for preset in ("quickstart", "smoke", "shipped")}
    assert ship.LOCALISER_SEED not in others | {MARKED_SEED, UNMARKED_SEED}
