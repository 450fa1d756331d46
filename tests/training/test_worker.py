"""What a worker process of a training leaves in the shared folder; `test_launch` runs such processes."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from l2sae.model import L2SAE, load_model
from l2sae.params import Params
from l2sae.training import worker
from l2sae.training.launch import CURVES, DIVERGED, MODEL, PARAMS, RESULT
from l2sae.training.step import DivergenceError


@pytest.fixture
def shared(tmp_path: Path, tiny_params: Params, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shared folder, and a worker that does not watch for its parent."""
    (tmp_path / PARAMS).write_text(tiny_params.model_dump_json())
    monkeypatch.setattr(worker, "_end_with", lambda parent: None)
    return tmp_path


def run(shared: Path, rank: str, train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", rank)
    monkeypatch.setattr(worker, "train", train)
    worker.main(str(shared), "data", "states", "-", "0")


@pytest.mark.parametrize("rank", ["0", "1"])
def test_the_first_worker_of_a_node_writes_model_and_result(
    shared: Path, tiny_model: L2SAE, monkeypatch: pytest.MonkeyPatch, rank: str
) -> None:
    given: list[Any] = []

    def train(params: Params, data: str, log: Any, *more: Any) -> SimpleNamespace:
        given.extend([data, *more])
        log(2, {"l1": 0.5})
        return SimpleNamespace(model=tiny_model, steps=2, seconds=1.5, resumed=0)

    run(shared, rank, train, monkeypatch)
    assert given == ["data", "states", None]
    assert json.loads((shared / CURVES).read_text()) == [2, {"l1": 0.5}]
    assert (shared / RESULT).exists() == (shared / MODEL).exists() == (rank == "0")
    if rank == "0":
        assert json.loads((shared / RESULT).read_text()) == {"steps": 2, "seconds": 1.5, "resumed": 0}
        assert load_model(shared / MODEL, "cpu").roi_names == tiny_model.roi_names


def test_a_divergence_is_left_in_words(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: Any) -> None:
        raise DivergenceError("step 7: the loss is no longer finite")

    run(shared, "0", train, monkeypatch)
    assert (shared / DIVERGED).read_text() == "step 7: the loss is no longer finite"
    assert not (shared / RESULT).exists()
