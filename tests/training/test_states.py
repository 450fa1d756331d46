"""A killed training goes on bit for bit; damaged and foreign states are refused, and said to be."""

import json
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from l2sae.model import CheckpointError, save_model
from l2sae.params import Params
from l2sae.training import DivergenceError, TrainResult, build_model, clear_states, step, train
from l2sae.training.states import TrainingStateWarning, read_state

MakeParams = Callable[..., Params]
Logged = list[tuple[int, dict[str, float]]]
EVERY = {"train.checkpoint": {"steps": 1, "seconds": None}}
RUN = EVERY | {"train.steps": 5, "model.width": 32, "train.muon_learning_rate": 2e-3, "train.augment": 0.5}


class KilledError(Exception):
    """Stands for the end of the process."""


def run(params: Params, data: Path, states: Path | None) -> tuple[TrainResult, Logged]:
    logged: Logged = []
    return train(params, data, lambda *point: logged.append(point), states), logged


def killed_after(step: int, params: Params, data: Path, states: Path) -> None:
    """Train, and stop as soon as ``step`` steps are logged."""

    def log(done: int, values: dict[str, float]) -> None:
        if done >= step:
            raise KilledError

    with pytest.raises(KilledError):
        train(params, data, log, states)


def files(states: Path) -> list[Path]:
    return sorted(states.rglob("*.safetensors"))


def equal(first: TrainResult, second: TrainResult) -> bool:
    a, b = first.model.state_dict(), second.model.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def whole(prepared: Path, make_params: MakeParams) -> tuple[TrainResult, Logged]:
    """A training that nothing interrupts, and its curves."""
    return run(make_params(RUN), prepared, None)


@pytest.mark.parametrize("step", [2, 3, 4, 5])
def test_a_training_that_is_killed_ends_as_if_it_had_not_been(
    prepared: Path, make_params: MakeParams, whole: tuple[TrainResult, Logged], tmp_path: Path, step: int
) -> None:
    params = make_params(RUN)
    killed_after(step, params, prepared, tmp_path)
    result, logged = run(params, prepared, tmp_path)
    assert result.resumed == step - 1
    assert equal(result, whole[0])
    assert logged == whole[1]
    clear_states(params, prepared, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_keeping_states_changes_nothing(
    prepared: Path, make_params: MakeParams, whole: tuple[TrainResult, Logged], tmp_path: Path
) -> None:
    result, logged = run(make_params(RUN), prepared, tmp_path)
    assert (result.resumed, len(files(tmp_path))) == (0, 2)
    assert equal(result, whole[0])
    assert logged == whole[1]


@pytest.mark.parametrize("kept", [0, 40, -100])
def test_a_state_cut_short_is_refused_and_the_one_before_it_used(
    prepared: Path, make_params: MakeParams, whole: tuple[TrainResult, Logged], tmp_path: Path, kept: int
) -> None:
    killed_after(4, make_params(RUN), prepared, tmp_path)
    last = files(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:kept])
    with pytest.warns(TrainingStateWarning, match=rf"{last.name}: a damaged training state"):
        result, _ = run(make_params(RUN), prepared, tmp_path)
    assert result.resumed == 2
    assert equal(result, whole[0])


def test_where_every_state_is_damaged_training_starts_anew(
    prepared: Path, make_params: MakeParams, whole: tuple[TrainResult, Logged], tmp_path: Path
) -> None:
    killed_after(4, make_params(RUN), prepared, tmp_path)
    for path in files(tmp_path):
        path.write_bytes(b"{}")
    with pytest.warns(TrainingStateWarning):
        result, _ = run(make_params(RUN), prepared, tmp_path)
    assert result.resumed == 0
    assert equal(result, whole[0])


@pytest.mark.parametrize(
    ("change", "named"),
    [({"train.learning_rate": 1e-3}, "parameters"), ({"seed": 5}, "parameters"), (None, "data")],
)
def test_a_state_of_another_training_is_left_alone_and_named(
    prepared: Path, make_params: MakeParams, tmp_path: Path, change: dict[str, Any] | None, named: str
) -> None:
    killed_after(4, make_params(RUN), prepared, tmp_path / "states")
    before, data = files(tmp_path / "states"), prepared
    if change is None:
        data = tmp_path / "data"
        data.mkdir()
        for path in prepared.iterdir():
            (data / path.name).symlink_to(path)
        manifest = json.loads((prepared / "manifest.json").read_text()) | {"licence": "another"}
        (data / "manifest.json").unlink()
        (data / "manifest.json").write_text(json.dumps(manifest))
    with pytest.warns(TrainingStateWarning, match=rf"state of a training with other {named};"):
        result, _ = run(make_params(RUN | (change or {})), data, tmp_path / "states")
    assert result.resumed == 0
    assert set(before) <= set(files(tmp_path / "states"))


def test_how_often_states_are_kept_and_what_later_stages_do_does_not_matter(
    prepared: Path, make_params: MakeParams, whole: tuple[TrainResult, Logged], tmp_path: Path
) -> None:
    killed_after(4, make_params(RUN), prepared, tmp_path)
    other = make_params(RUN | {"train.checkpoint": {"steps": 3, "seconds": 0.0}, "figures.dpi": 33})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result, _ = run(other, prepared, tmp_path)
    assert result.resumed == 3
    assert equal(result, whole[0])


def test_states_are_kept_by_the_clock_or_not_at_all(prepared: Path, make_params: MakeParams, tmp_path: Path) -> None:
    for seconds, expected in [(0.0, 2), (3600.0, 0), (None, 0)]:
        states = tmp_path / str(seconds)
        run(make_params({"train.checkpoint": {"steps": None, "seconds": seconds}}), prepared, states)
        assert len(files(states)) == expected


def test_after_a_divergence_the_last_good_state_is_kept_named_and_of_use(
    prepared: Path, make_params: MakeParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def poisoned(output: Tensor, target: Tensor) -> Tensor:
        calls.append(1)
        return (output - target).abs().mean() * (float("nan") if len(calls) == 4 else 1.0)

    monkeypatch.setattr(step, "reconstruction_loss", poisoned)
    with pytest.raises(DivergenceError, match=r"step 4: .*the last good state is .*last-good-00000003") as caught:
        run(make_params(RUN), prepared, tmp_path)
    path = Path(str(caught.value).split("state is ")[1])
    average = read_state(path)[0].tensors
    start = build_model(make_params(RUN | {"train.init": str(path)})).state_dict()
    assert all(torch.equal(value, average[f"average.module.{name}"]) for name, value in start.items())
    with pytest.raises(CheckpointError, match=r"last-good.*made for another layout"):
        build_model(make_params({"train.init": str(path), "model.width": 16}))
    assert run(make_params(RUN), prepared, tmp_path)[0].resumed == 0


SCRIPT = """
import os, signal, sys, torch
from pathlib import Path
from l2sae.model import save_model
from l2sae.params import Params
from l2sae.training import train
torch.set_num_threads(1)
folder, data, fatal = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
params = Params.model_validate_json((folder / "params.json").read_text())
def log(step, values):
    print(step, flush=True)
    if step == fatal:
        os.kill(os.getpid(), signal.SIGKILL)
result = train(params, data, log, folder / "states")
save_model(result.model, folder / f"result-{result.resumed}.safetensors", params)
"""


def test_kill_nine_and_again_ends_with_the_same_bytes(
    prepared: Path, make_params: MakeParams, whole: tuple[TrainResult, Logged], tmp_path: Path
) -> None:
    params = make_params(RUN)
    (tmp_path / "params.json").write_text(params.model_dump_json())
    codes = [
        subprocess.run([sys.executable, "-c", SCRIPT, tmp_path, prepared, fatal], check=False).returncode
        for fatal in ("3", "-1")
    ]
    assert codes == [-signal.SIGKILL, 0]
    save_model(whole[0].model, tmp_path / "whole.safetensors", params)
    assert (tmp_path / "result-2.safetensors").read_bytes() == (tmp_path / "whole.safetensors").read_bytes()
