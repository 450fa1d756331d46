"""The model card agrees with the committed metric files."""

import json
from pathlib import Path
from typing import Any

import pytest

from l2sae.figures.model_card import model_card, write_card
from l2sae.params import Params, load_params

REPOSITORY = Path(__file__).parents[2]
METRICS = {file.stem: json.loads(file.read_text()) for file in sorted((REPOSITORY / "metrics").glob("*.json"))}
EVALUATE: dict[str, Any] = {
    "labels": "rendered",
    "counts": {"images": 7},
    "sizes": {"figures": 128},
    "reconstruction": {"psnr": 25.0, "lpips": None, "lpips_reason": "package lpips is not installed"},
    "baseline": {"blur": {"psnr": 21.5}},
    "ci": {"reconstruction": {"psnr": [24.5, 25.5]}},
}


@pytest.fixture(scope="module")
def params() -> Params:
    return load_params(REPOSITORY / "params.yaml")


def test_committed_card_is_what_the_command_writes(params: Params, tmp_path: Path) -> None:
    written = write_card(tmp_path / "card.md", REPOSITORY / "metrics", params, REPOSITORY / "benchmarks").read_text()
    assert (REPOSITORY / "MODEL_CARD.md").read_text() == written, "run python -m l2sae.bench card"


def test_figures_have_their_interval_and_trivial_method(params: Params) -> None:
    card = model_card({"evaluate": EVALUATE}, params)
    assert "| PSNR (dB) ↑ | 25.00 | 24.50 to 25.50 | 21.50 (blur) |" in card
    assert "`reconstruction.lpips` is not measured: package lpips is not installed." in card


def test_stages_that_did_not_run_are_said_to_be_missing(params: Params) -> None:
    card = model_card({"evaluate": EVALUATE}, params)
    for stage in ("robustness", "provenance", "benchmark"):
        assert f"`metrics/{stage}.json`" in card


def test_groups_and_distortions_are_shown_where_they_were_measured(params: Params) -> None:
    robustness = {
        "jpeg": [{"severity": 90, "miou": 0.8}, {"severity": 10, "miou": 0.5}],
        "groups": {"skin_tone": {"dark": {"miou": 0.71, "transfer": 0.62}, "worst_to_best": 0.9}},
    }
    card = model_card({"evaluate": EVALUATE, "robustness": robustness}, params)
    assert "| jpeg | 0.800 (severity 90) | 0.500 (severity 10) |" in card
    assert "| skin_tone: dark | 0.710 | 0.620 |" in card
    assert "Not measured: there is no `metrics/robustness.json`" not in card


def test_card_without_an_evaluation_names_the_stage(params: Params, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="dvc repro evaluate"):
        write_card(tmp_path / "card.md", tmp_path, params)
