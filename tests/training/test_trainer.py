"""One step: what it averages, reports and starts from."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from l2sae.data import FaceBatch
from l2sae.model import CheckpointError, save_model
from l2sae.training import Trainer, build_model, starting_point, states, trainer
from tests.training.conftest import ALL_LOSSES, LOSS_FUNCTIONS, MakeParams


def equal_weights(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_the_weight_average_has_the_given_half_life(batch: FaceBatch, make_params: MakeParams) -> None:
    run = Trainer(make_params({"train.ema_half_life": 1.0}))
    snapshots = []
    for _ in range(3):
        run.step(batch, 0.0)
        snapshots.append([parameter.detach().clone() for parameter in run.model.parameters()])
    for averaged, first, second, third in zip(run.average.module.parameters(), *snapshots, strict=True):
        torch.testing.assert_close(averaged.detach(), first / 4 + second / 4 + third / 2, rtol=1e-4, atol=1e-6)


def test_without_a_half_life_the_result_is_the_last_model(batch: FaceBatch, make_params: MakeParams) -> None:
    run = Trainer(make_params({"train.ema_half_life": 0.0}))
    for _ in range(3):
        run.step(batch, 0.0)
    assert equal_weights(run.average.module.state_dict(), run.model.state_dict())


def test_a_step_reports_the_losses_and_uses_its_learning_rate(batch: FaceBatch, make_params: MakeParams) -> None:
    rates = {"train.learning_rate": 1e-3, "train.muon_learning_rate": 2e-3}
    params = make_params({"train.warmup_steps": 4, "model.width": 32, **rates, **ALL_LOSSES})
    run = Trainer(params)
    assert run.step(batch, 0.0).keys() == LOSS_FUNCTIONS.keys()
    assert [optimizer.param_groups[0]["lr"] for optimizer in run.optimizers] == pytest.approx([1e-3 / 4, 2e-3 / 4])
    run.step(batch, 0.0)
    assert [optimizer.param_groups[0]["lr"] for optimizer in run.optimizers] == pytest.approx([1e-3 / 2, 2e-3 / 2])
    assert run.steps == 2


def test_the_first_share_of_a_training_sees_faces_of_half_the_size(
    batch: FaceBatch, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = Trainer(make_params({"train.half_size": 0.5})), list[tuple[int, ...]]()
    draw = trainer.draw_pair
    monkeypatch.setattr(
        trainer, "draw_pair", lambda shown, *rest: seen.append(shown.images.shape) or draw(shown, *rest)
    )
    for progress in (0.0, 0.49, 0.5):
        run.step(batch, progress)
    size = batch.images.shape[-1]
    assert [shape[-1] for shape in seen] == [size // 2, size // 2, size]


def test_init_starts_from_the_weights_of_a_checkpoint(make_params: MakeParams, tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    start = build_model(make_params({"seed": 7}))
    save_model(start, path, make_params({"seed": 7}))
    assert equal_weights(build_model(make_params({"train.init": str(path)})).state_dict(), start.state_dict())
    assert not equal_weights(build_model(make_params()).state_dict(), start.state_dict())


def test_init_shipped_starts_from_the_shipped_model(
    make_params: MakeParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shipped.safetensors"
    start = build_model(make_params({"seed": 7}))
    save_model(start, path, make_params())
    monkeypatch.setattr(states, "shipped_model_path", lambda: path)
    assert equal_weights(build_model(make_params({"train.init": "shipped"})).state_dict(), start.state_dict())


EARS = [
    {"name": "lips", "channels": 4, "parts": ["u_lip", "l_lip"]},
    {"name": "ears", "channels": 2, "parts": ["l_ear", "r_ear"]},
    {"name": "eyes", "channels": 2, "parts": ["l_eye", "r_eye"]},
    {"name": "hair", "channels": 4, "parts": ["hair"]},
]


def test_init_takes_over_the_slices_that_both_models_have(make_params: MakeParams, tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    before = build_model(make_params({"seed": 7}))
    save_model(before, path, make_params({"seed": 7}))
    params = make_params({"rois": EARS, "train.init": str(path)})  # lips, hair as before; eyes narrower; ears are new
    after, fresh = build_model(params), build_model(make_params({"rois": EARS}))
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        old, new = before.encode_structure(images), after.encode_structure(images)
        for roi in ("lips", "hair"):
            torch.testing.assert_close(new[:, after.slices[roi]], old[:, before.slices[roi]])
            torch.testing.assert_close(after.masks(new)[roi], before.masks(old)[roi])
        torch.testing.assert_close(new[:, after.slices["context"]], old[:, before.slices["context"]])
    layers = [model.generator.to_layers.conv.weight.unflatten(0, (-1, 3)) for model in (before, after, fresh)]
    assert torch.equal(layers[1][0], layers[0][before.roi_names.index("lips")])
    assert torch.equal(layers[1][2], layers[0][before.roi_names.index("eyes")]), "a colour layer has no slice's width"
    assert torch.equal(layers[1][1], layers[2][1]), "ears begin anew"
    assert torch.equal(layers[1][-1], layers[0][-1]), "the rest"
    assert starting_point(params) == f"{path}, and random weights for ears, eyes"


def test_init_from_random_weights_or_from_the_same_rois_is_said(make_params: MakeParams, tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    save_model(build_model(make_params()), path, make_params())
    assert starting_point(make_params()) == "random weights"
    assert starting_point(make_params({"train.init": str(path)})) == str(path)


@pytest.mark.parametrize(
    "changes", [{"model.width": 16}, {"model.sliced": False}, {"model.structure_stride": 4}], ids=str
)
def test_init_from_a_model_of_another_size_is_refused_with_other_rois_too(
    changes: dict[str, Any], make_params: MakeParams, tmp_path: Path
) -> None:
    path = tmp_path / "start.safetensors"
    save_model(build_model(make_params()), path, make_params())
    for rois in ({}, {"rois": EARS}):
        with pytest.raises(CheckpointError, match=r"start\.safetensors: .* do not fit .*random weights: train"):
            build_model(make_params(changes | rois | {"train.init": str(path)}))
