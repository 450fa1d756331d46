"""Forgetting and gain follow their definitions; the model's layout is kept; replay holds on to old faces."""

from pathlib import Path

import pytest

from l2sae.data import prepare
from l2sae.data.seed_set import keep_seed_set
from l2sae.measures.forgetting import continual_figures, continual_table, followed, measure_both, params_to_continue
from l2sae.model import L2SAE, save_model
from l2sae.params import Params
from l2sae.training import train

ROOT = Path(__file__).parents[2]


def test_forgetting_is_a_loss_on_old_faces_and_gain_a_rise_on_new_ones() -> None:
    key = "masks.miou"
    before = {"old": {key: 0.7, "style.transfer.mean": None}, "new": {key: 0.5, "style.transfer.mean": 0.2}}
    after = {"old": {key: 0.6, "style.transfer.mean": 0.1}, "new": {key: 0.65, "style.transfer.mean": 0.3}}
    figures = continual_figures(before, after)
    assert figures["forgetting"]["masks"]["miou"] == pytest.approx(0.1)
    assert figures["gain"]["masks"]["miou"] == pytest.approx(0.15)
    assert figures["old"]["masks"]["miou"] == {"before": 0.7, "after": 0.6}
    assert figures["forgetting"]["style"]["transfer"]["mean"] is None
    table = continual_table(figures)
    assert table.loc[key].tolist() == pytest.approx([0.7, 0.6, 0.1, 0.5, 0.65, 0.15])
    assert list(table.index) == list(followed())


def test_rois_layout_and_size_are_those_of_the_model(params: Params) -> None:
    found = params_to_continue(ROOT / "params.yaml", {"train.steps": 7}, params)
    assert (found.rois, found.model, found.data.image_size) == (params.rois, params.model, params.data.image_size)
    assert (found.preset, found.data.source, found.train.steps) == ("continual", "portraits", 7)
    assert found.train.replay > 0
    assert found.train.init == "models/l2sae.safetensors"


def test_a_model_goes_on_with_new_faces_and_a_seed_set(
    params: Params, prepared: Path, model: L2SAE, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "model.safetensors", params)
    new = {
        "data.source": "rendered", "data.count": 20, "data.split": {"train": 0.5, "val": 0.2, "test": 0.3}, "seed": 9,
        "train.init": str(tmp_path / "model.safetensors"), "train.steps": 2, "train.batch_size": 4,
        "evaluate.bootstrap": 10, "device": "cpu",
    }  # fmt: skip
    going_on = params_to_continue(ROOT / "params.yaml", new, params)
    prepare(going_on, tmp_path / "new", progress=lambda line: None)
    keep_seed_set(prepared, tmp_path / "replay", 3)
    with pytest.raises(ValueError, match=r"train\.replay: .*continual\.ipynb"):
        train(going_on, tmp_path / "new", lambda *_: None)
    result = train(going_on, tmp_path / "new", lambda *_: None, replay=tmp_path / "replay")
    before, after = (
        measure_both(one, going_on, prepared, tmp_path / "new", lambda line: None) for one in (model, result.model)
    )
    figures = continual_figures(before, after)
    assert figures["old"]["reconstruction"]["psnr"]["before"] != figures["old"]["reconstruction"]["psnr"]["after"]
    assert figures["gain"].keys() == figures["forgetting"].keys() == {"reconstruction", "masks", "style"}
