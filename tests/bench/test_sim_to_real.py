"""From rendered faces to photos: the stand-ins for photos here are rendered too, of another series."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from l2sae.bench import sim_to_real
from l2sae.bench.sim_to_real import ALL, ROWS, rendered, sim_to_real_table
from l2sae.data import prepare
from l2sae.measures.metric_files import write_metrics
from l2sae.params import load_params
from l2sae.render.factors import SETTABLE

REPOSITORY = Path(__file__).parents[2]
FEWER = [{"name": "hair", "channels": 1, "parts": ["hair"]}, {"name": "skin", "channels": 1, "parts": ["skin"]}]
FEW = {"data.count": 30, "train.steps": 2, "evaluate.bootstrap": 10, "evaluate.noise_seeds": 2}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with prepared photos, and parameters that name them."""
    text = (REPOSITORY / "params.yaml").read_text().replace("preset: quickstart", "preset: smoke")
    (tmp_path / "params.yaml").write_text(text.replace("seed: null", "seed: 3"))
    (tmp_path / "presets").symlink_to(REPOSITORY / "presets")
    monkeypatch.chdir(tmp_path)
    prepare(load_params(overrides={"data.count": 40, "seed": 9}), "data/prepared", lambda line: None)
    return tmp_path


@pytest.mark.parametrize("row", ROWS)
def test_each_row_trains_on_rendered_faces_whatever_the_photos_are(row: str, workspace: Path) -> None:
    photos = load_params(overrides={"data.source": "photos", "data.root": "somewhere", "rois": FEWER})
    params = rendered(photos, "ablation", **ROWS[row])
    assert (params.data.source, params.data.root) == ("rendered", None)
    assert params.data.held.keys() <= set(SETTABLE)
    assert (params == rendered(photos, "ablation")) == (row == ALL)


def test_rows_that_are_there_are_not_trained_again(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: dict[str, Any] = {ALL: FEW, "one pose": FEW | ROWS["one pose"]}
    monkeypatch.setattr(sim_to_real, "ROWS", rows)
    kept = {"mIoU": 0.5, "hair": 0.6, "transfer": 0.7}
    write_metrics({"rows": {ALL: {"0": kept}}}, sim_to_real.TABLE)
    done = CliRunner().invoke(sim_to_real.commands, ["vary", "--preset", "smoke"], catch_exceptions=False)
    assert "one pose, seed 0" in done.output
    assert ALL not in done.output
    table = sim_to_real_table()
    assert table is not None
    assert table.loc[ALL, "mIoU"] == "0.500"
    assert 0 <= float(table.loc["one pose", "skin"]) <= 1
    assert table["seeds"].tolist() == ["1", "1"]


def test_there_is_no_table_before(tmp_path: Path) -> None:
    assert sim_to_real_table(tmp_path / "none.json") is None
