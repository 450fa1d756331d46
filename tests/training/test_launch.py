"""Several processes: the same curves as one, the same errors, interruptible, and going on where they were killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from l2sae.params import Params
from l2sae.training import DivergenceError, TrainResult, train
from l2sae.training.engine import wants_workers
from l2sae.training.launch import Place, WorkersError, find_place, train_in_workers

MakeParams = Callable[..., Params]
Curves = list[tuple[int, dict[str, float]]]
MEANS = {"train.loss.roi": 0.0, "train.loss.matte": 0.0, "train.loss.ssim": 1.0}  # losses that are means over images
ONE = MEANS | {
    "train.steps": 5, "train.batch_size": 16, "train.augment": 0.5, "train.checkpoint": {"steps": 1, "seconds": None},
}  # fmt: skip
TWO = ONE | {"train.devices": 2}
TOLERANCE = 1e-3  # of curves, relative: the order of additions differs


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORLD_SIZE", "RANK", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def run(params: Params, data: Path, states: Path | None = None) -> tuple[TrainResult, Curves]:
    curves: Curves = []
    return train(params, data, lambda *point: curves.append(point), states), curves


@pytest.fixture(scope="module")
def two(prepared: Path, make_params: MakeParams) -> Iterator[tuple[TrainResult, Curves]]:
    """A training by two processes over gloo."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield run(make_params(TWO), prepared)


def workers() -> list[str]:
    """Command lines of worker processes that are still there."""
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if os.access(path, os.R_OK)]
    return [line.decode() for line in lines if b"l2sae.training.worker" in line]


@pytest.mark.slow
def test_two_processes_of_eight_draw_the_curves_of_one_of_sixteen(
    prepared: Path, make_params: MakeParams, two: tuple[TrainResult, Curves]
) -> None:
    result, curves = run(make_params(ONE), prepared)
    assert [step for step, _ in curves] == [step for step, _ in two[1]] == [1, 2, 3, 4, 5]
    for (_, values), (_, by_two) in zip(curves, two[1], strict=True):
        assert by_two == pytest.approx(values, rel=TOLERANCE, abs=1e-4)
    assert (two[0].steps, two[0].resumed) == (result.steps, 0)
    mine, theirs = result.model.state_dict(), two[0].model.state_dict()
    moved = max((mine[name] - theirs[name]).abs().max().item() for name in mine if mine[name].is_floating_point())
    assert moved < 5 * 2e-3  # steps x learning rate: where a gradient is nearly 0, Adam may turn the other way


@pytest.mark.slow
def test_interrupted_processes_end_and_go_on_bit_for_bit(
    prepared: Path, make_params: MakeParams, two: tuple[TrainResult, Curves], tmp_path: Path
) -> None:
    def interrupt(step: int, values: dict[str, float]) -> None:
        if step == 3:
            raise KeyboardInterrupt

    before = workers()
    params = make_params(TWO)
    with pytest.raises(KeyboardInterrupt):
        train(params, prepared, interrupt, tmp_path)
    deadline = time.monotonic() + 60
    while workers() != before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers() == before
    again, curves = run(params, prepared, tmp_path)
    assert again.resumed > 0
    assert curves == two[1]
    first, second = two[0].model.state_dict(), again.model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.slow
def test_a_divergence_in_the_workers_is_the_same_error(prepared: Path, make_params: MakeParams) -> None:
    params = make_params(TWO | {"train.learning_rate": 1e25, "train.checkpoint": {"steps": None, "seconds": None}})
    with pytest.raises(DivergenceError, match=r"step \d+: losses .*lower train\.learning_rate"):
        train(params, prepared, lambda *_: None)


def test_workers_that_fail_say_why(make_params: MakeParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2sae.training.launch._command", lambda *_: ["sh", "-c", "echo out of luck; exit 3"])
    with pytest.raises(WorkersError, match=r"code 3:\nout of luck"):
        train_in_workers(make_params(TWO), tmp_path, lambda *_: None)


def test_several_devices_or_nodes_or_the_environment_ask_for_workers(
    make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not wants_workers(make_params(), {})
    assert not wants_workers(make_params(), {"WORLD_SIZE": "1"})
    assert wants_workers(make_params({"train.devices": 5}), {})
    assert wants_workers(make_params({"train.nodes": 5}), {})
    assert wants_workers(make_params(), {"WORLD_SIZE": "2"})
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert not wants_workers(make_params({"train.devices": 5}))


def test_a_node_finds_its_place(make_params: MakeParams) -> None:
    meeting = {"MASTER_ADDR": "head", "MASTER_PORT": "29500"}
    several = make_params({"train.nodes": 5})
    assert find_place(several, meeting | {"NODE_RANK": "3"}) == Place(5, 3, "head:29500")
    assert find_place(make_params(), meeting | {"WORLD_SIZE": "4", "RANK": "2"}) == Place(4, 2, "head:29500")
    alone = find_place(make_params(), {})
    assert (alone.nodes, alone.rank, alone.endpoint.split(":")[0]) == (1, 0, "localhost")
    with pytest.raises(WorkersError, match="5 nodes: set NODE_RANK, MASTER_ADDR, MASTER_PORT"):
        find_place(several, {})
    with pytest.raises(WorkersError, match=r"train\.nodes is 5, but WORLD_SIZE says 3"):
        find_place(several, meeting | {"WORLD_SIZE": "3", "RANK": "0"})


SCRIPT = """
import os, signal, sys
from pathlib import Path
from l2sae.params import Params
from l2sae.training import train
if __name__ == "__main__":
    params = Params.model_validate_json(Path(sys.argv[1]).read_text())
    train(params, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
"""


@pytest.mark.slow
def test_no_process_outlives_a_killed_caller(prepared: Path, make_params: MakeParams, tmp_path: Path) -> None:
    before = workers()
    never = {"steps": None, "seconds": None}
    params = make_params(TWO | {"train.steps": 2000, "train.checkpoint": never, "train.batch_size": 4})
    (tmp_path / "params.json").write_text(params.model_dump_json())
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "params.json", prepared], env=os.environ, check=False, timeout=300
    )
    assert done.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 60
    while workers() != before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert workers() == before
