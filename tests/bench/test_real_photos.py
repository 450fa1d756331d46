"""A model on photos as it is: the stand-ins for photos here are rendered, cut into regions of their own."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from l2sae.bench import commands as bench
from l2sae.data import open_split, prepare
from l2sae.measures.groups import group_figures, known_of_faces
from l2sae.measures.running_sums import resampling_weights
from l2sae.params import load_params

REPOSITORY = Path(__file__).parents[2]
ROIS = [
    {"name": "hair", "channels": 1, "parts": ["hair", "l_brow", "r_brow"]},
    {"name": "skin", "channels": 1, "parts": ["skin"]},
    {"name": "lips", "channels": 1, "parts": ["u_lip", "l_lip"]},
]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with prepared faces of other regions than the model's, and parameters that name them."""
    text = (REPOSITORY / "params.yaml").read_text().replace("preset: quickstart", "preset: smoke")
    (tmp_path / "params.yaml").write_text(text.replace("rois: null", f"rois: {json.dumps(ROIS)}"))
    (tmp_path / "presets").symlink_to(REPOSITORY / "presets")
    monkeypatch.chdir(tmp_path)
    prepare(load_params(overrides={"data.count": 40, "seed": 9}), "data/prepared", lambda line: None)
    return tmp_path


def test_a_model_is_measured_on_photos_whose_regions_are_cut_otherwise(workspace: Path, tiny_checkpoint: Path) -> None:
    command = ["real", "mine", "--model", str(tiny_checkpoint)]
    CliRunner().invoke(bench.main, command, catch_exceptions=False)
    written = json.loads((workspace / "benchmarks/mine.json").read_text())
    figures = written["metrics"]
    assert written["regions"] == ["hair", "skin", "lips"]
    assert {"date", "machine", "split", "metrics"} <= written.keys()
    low, high = figures["ci.masks.miou"]
    assert low <= figures["masks.miou"] <= high
    assert {"baseline.constant_mask.miou", "baseline.blur.psnr", "baseline.reinhard.transfer.mean"} <= figures.keys()
    assert "masks.iou.hair" in figures or figures["counts.without.hair"]
    assert "groups.skin_tone.statement" in figures
    assert figures["realism.kid.detail"] is not None or "perceptual" in figures["realism.kid.detail_reason"]
    assert "| | mine |" in bench.results_table()


def test_people_are_grouped_by_what_they_stated_and_photos_by_tone(workspace: Path) -> None:
    params = load_params()
    split = open_split("data/prepared", "test", params.rois, params.data.image_size)
    count = len(split)
    split.attributes = pd.DataFrame(
        {"age": ["21", ""] * (count // 2) + [""] * (count % 2), "gender": ["male"] * count, "ethnicity": [""] * count}
    )
    known = known_of_faces(split, count)
    assert known["ita"].between(-90, 90).all()
    columns = {"psnr": np.ones(count), "psnr/n": np.ones(count), "overlap": np.ones((count, 3, 3))}
    columns |= {name: np.ones((count, 3)) for name in ("distance_after", "distance_before", "outside_share")}
    columns |= {f"{name}/n": np.ones((count, 3)) for name in ("distance_after", "distance_before", "outside_share")}
    groups, _ = group_figures(columns, known, resampling_weights(count, 5, 0))
    assert groups["age"]["under_25"]["images"] == count // 2
    assert set(groups["gender"]) == {"male", "worst_to_best", "statement"}
    assert set(groups["ethnicity"]) == {"worst_to_best", "statement"}  # nobody stated any
    assert sum(group["images"] for group in groups["tone"].values() if isinstance(group, dict) and group) == count
