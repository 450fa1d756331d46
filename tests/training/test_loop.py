"""Training: repeatable, side-effect free, learning, and ending with a clear error where it cannot go on."""

import math
import random
import time
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from l2sae.data import FaceBatch, FaceDataset, PreparedError
from l2sae.model import L2SAE, CheckpointError, save_model
from l2sae.params import Params
from l2sae.training import DivergenceError, TrainResult, build_model, loop, step, train, training_losses
from l2sae.training.validation import correlation_root
from tests.training.conftest import ALL_LOSSES, LOSS_FUNCTIONS, MakeParams


def ignore(step: int, values: dict[str, float]) -> None:
    """A log that keeps nothing."""


def weights_of(result: TrainResult) -> dict[str, Tensor]:
    return result.model.state_dict()


def equal_weights(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_two_runs_with_one_seed_give_bit_equal_weights(prepared: Path, make_params: MakeParams) -> None:
    params = make_params(ALL_LOSSES)
    logs: list[list[tuple[int, dict[str, float]]]] = [[], []]
    first, second = (train(params, prepared, lambda *entry, log=log: log.append(entry)) for log in logs)
    assert equal_weights(weights_of(first), weights_of(second))
    assert logs[0] == logs[1]
    assert first.steps == second.steps == 4


def test_different_seeds_give_different_weights(prepared: Path, make_params: MakeParams) -> None:
    first, second = (train(make_params({"seed": seed, "train.steps": 1}), prepared, ignore) for seed in (0, 1))
    pairs = zip(weights_of(first).values(), weights_of(second).values(), strict=True)
    different = [not torch.equal(a, b) for a, b in pairs]
    assert sum(different) > len(different) / 2


def test_the_order_of_the_data_follows_the_seed_too(prepared: Path, make_params: MakeParams, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    save_model(build_model(make_params()), start, make_params())
    first, second = (
        train(make_params({"seed": seed, "train.steps": 1, "train.init": str(start)}), prepared, ignore)
        for seed in (0, 1)
    )
    assert not equal_weights(weights_of(first), weights_of(second))


def test_training_leaves_the_global_random_states_alone(prepared: Path, make_params: MakeParams) -> None:
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()  # noqa: NPY002 - the global
    train(make_params({"train.steps": 2, **ALL_LOSSES}), prepared, ignore)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002
    assert random.getstate() == before[2]


def test_the_global_random_state_does_not_reach_the_weights(prepared: Path, make_params: MakeParams) -> None:
    params = make_params({"train.steps": 1})
    first = train(params, prepared, ignore)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12345)
        second = train(params, prepared, ignore)
    assert equal_weights(weights_of(first), weights_of(second))


@pytest.mark.parametrize(("determinism", "during"), [("strict", True), ("fast", False)])
def test_deterministic_kernels_are_required_during_strict_training_alone(
    prepared: Path, make_params: MakeParams, determinism: str, during: bool
) -> None:
    seen: list[bool] = []
    train(
        make_params({"determinism": determinism, "train.steps": 2}),
        prepared,
        lambda step, values: seen.append(torch.are_deterministic_algorithms_enabled()),
    )
    assert seen
    assert set(seen) == {during}
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_callers_deterministic_setting_survives(prepared: Path, make_params: MakeParams) -> None:
    torch.use_deterministic_algorithms(True)
    try:
        train(make_params({"determinism": "fast", "train.steps": 1}), prepared, ignore)
        assert torch.are_deterministic_algorithms_enabled()
    finally:
        torch.use_deterministic_algorithms(False)


def total_loss(model: L2SAE, batch: FaceBatch, params: Params) -> float:
    with torch.no_grad():
        losses = training_losses(model, batch, params, generator())
    return sum(getattr(params.train.loss, name) * value.item() for name, value in losses.items())


def test_training_reduces_the_loss(prepared: Path, dataset: FaceDataset, make_params: MakeParams) -> None:
    params = make_params({"train.steps": 40, "train.batch_size": 8, "train.learning_rate": 4e-3, "train.augment": 0.0})
    batch = dataset.batch(range(len(dataset)))
    log: list[dict[str, float]] = []
    before = total_loss(build_model(params), batch, params)
    result = train(params, prepared, lambda step, values: log.append(values))
    assert total_loss(result.model, batch, params) < 0.8 * before
    assert log[-1]["val_psnr"] > log[0]["val_psnr"] + 1
    assert log[-1]["l1"] < log[0]["l1"]


def test_the_result_is_in_evaluation_mode_and_timed(prepared: Path, make_params: MakeParams) -> None:
    start = time.monotonic()
    result = train(make_params({"train.steps": 3}), prepared, ignore)
    assert not any(module.training for module in result.model.modules())
    assert result.steps == 3
    assert 0 < result.seconds < time.monotonic() - start


def test_the_result_is_the_averaged_model(prepared: Path, make_params: MakeParams) -> None:
    """A half-life without end keeps the weights of the first step, which a run of one step ends with."""
    one, averaged, last = (
        weights_of(train(make_params({"train.steps": steps, "train.ema_half_life": half_life}), prepared, ignore))
        for steps, half_life in [(1, 0.0), (4, 1e9), (4, 0.0)]
    )
    names = [name for name, _ in build_model(make_params()).named_parameters()]
    for name in names:
        torch.testing.assert_close(averaged[name], one[name], rtol=1e-5, atol=1e-6)
    assert max((last[name] - one[name]).abs().max().item() for name in names) > 1e-3


def test_log_is_called_about_twenty_times_with_losses_and_validation(prepared: Path, make_params: MakeParams) -> None:
    entries: list[tuple[int, dict[str, float]]] = []
    train(make_params({"train.steps": 47}), prepared, lambda step, values: entries.append((step, values)))
    steps = [step for step, _ in entries]
    assert 18 <= len(entries) <= 22
    assert steps == sorted(set(steps))
    assert steps[-1] == 47
    assert max(b - a for a, b in pairwise(steps)) <= 4
    used = {name for name in LOSS_FUNCTIONS if getattr(make_params().train.loss, name) > 0}
    used |= {f"grad/{name}" for name in ("structure_encoder", "style_encoder", "generator", "mask_predictor")}
    for _, values in entries:
        assert used | {"val_psnr", "val_miou"} == values.keys()
        assert all(math.isfinite(value) for value in values.values())
        assert 0 <= values["val_miou"] <= 1


def test_minutes_end_training_by_the_clock(
    prepared: Path, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(10**6))
    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
    steps: list[int] = []
    params = make_params({"determinism": "fast", "train.steps": None, "train.minutes": 0.5})
    result = train(params, prepared, lambda step, values: steps.append(step))
    assert 25 <= result.steps <= 30
    assert result.seconds == pytest.approx(30, abs=2)
    assert 18 <= len(steps) <= 22


def test_style_statistics_are_those_of_the_training_faces(
    prepared: Path, dataset: FaceDataset, make_params: MakeParams
) -> None:
    result = train(make_params({"train.steps": 2}), prepared, ignore)
    with torch.no_grad():
        styles = result.model.encode(dataset.batch(range(len(dataset))).images).style
    torch.testing.assert_close(result.model.style_mean, styles.mean(dim=0), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(result.model.style_scale, styles.std(dim=0), rtol=0.1, atol=1e-5)
    torch.testing.assert_close(result.model.style_mixing, correlation_root(styles), rtol=1e-3, atol=1e-4)


def test_noise_through_the_root_has_the_correlations_of_the_styles() -> None:
    generator = torch.Generator().manual_seed(0)
    styles = torch.randn(64, 3, generator=generator) @ torch.tensor([[2.0, 1.9, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 3.0]])
    root = correlation_root(styles)
    torch.testing.assert_close((root @ root.T).diagonal(), torch.ones(3))
    torch.testing.assert_close(root @ root.T, torch.corrcoef(styles.T), rtol=0, atol=0.03)
    few = correlation_root(styles[:2].repeat(1, 4))  # fewer styles than values
    assert torch.isfinite(few).all()


def test_a_learning_rate_far_too_high_ends_in_a_divergence_error(prepared: Path, make_params: MakeParams) -> None:
    params = make_params({"train.learning_rate": 1e25, "train.steps": 10})
    with pytest.raises(DivergenceError, match=r"step \d+: losses .*lower train\.learning_rate"):
        train(params, prepared, ignore)
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_stops_training_at_that_step(
    prepared: Path, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    calls = []

    def poisoned(output: Tensor, target: Tensor) -> Tensor:
        calls.append(1)
        return (output - target).abs().mean() * (value if len(calls) == 3 else 1.0)

    monkeypatch.setattr(step, "reconstruction_loss", poisoned)
    with pytest.raises(DivergenceError, match="step 3: "):
        train(make_params({"train.steps": 10}), prepared, ignore)
    assert len(calls) == 3


def test_init_from_another_layout_is_refused(prepared: Path, make_params: MakeParams, tmp_path: Path) -> None:
    path, other = tmp_path / "wide.safetensors", make_params({"model.width": 16})
    save_model(build_model(other), path, other)
    with pytest.raises(CheckpointError, match=r"wide\.safetensors: .*random weights: train"):
        train(make_params({"train.init": str(path)}), prepared, ignore)


def test_init_from_an_absent_file_is_refused(prepared: Path, make_params: MakeParams, tmp_path: Path) -> None:
    path = tmp_path / "absent.safetensors"
    with pytest.raises(CheckpointError, match=r"absent\.safetensors: no such checkpoint"):
        train(make_params({"train.init": str(path)}), prepared, ignore)


def test_data_prepared_for_another_size_is_refused(prepared: Path, make_params: MakeParams) -> None:
    with pytest.raises(PreparedError, match="image_size is 64"):
        train(make_params({"data.image_size": 64}), prepared, ignore)
