"""Training in several processes: ``train.devices`` a node on ``train.nodes`` nodes, started from the same stage.

The calling process, a notebook's kernel say, starts PyTorch's elastic launcher on its own node, follows the curves that
the first worker writes, and can be interrupted at any time. On several nodes the stage is run once on each, with
``MASTER_ADDR``, ``MASTER_PORT`` and the node's ``NODE_RANK`` in the environment. Where a cluster starts one process a
node, its ``WORLD_SIZE`` and ``RANK`` serve as well. Every node ends with the same model.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from l2sae.model import load_model
from l2sae.params import Params
from l2sae.training.loop import Log, TrainResult
from l2sae.training.step import DivergenceError

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 10
_TAIL = 4000  # characters of the workers' last words in an error
DIVERGED, RESULT, CURVES, PARAMS = "diverged.txt", "result.json", "curves.jsonl", "params.json"
MODEL = "model.safetensors"


class WorkersError(RuntimeError):
    """The worker processes ended without a model; the message holds their last words."""


@dataclass(frozen=True)
class Place:
    """This node among all: how many there are, which one it is, and where they meet."""

    nodes: int
    rank: int
    endpoint: str


def find_place(params: Params, environment: Mapping[str, str] = os.environ) -> Place:
    """Where this node stands, from ``train.nodes`` and the environment.

    Raises:
        WorkersError: there are several nodes, and the environment does not say which this is or where they meet.
    """
    world = int(environment.get("WORLD_SIZE", "1"))
    nodes = max(params.train.nodes, world)
    if params.train.nodes not in (1, nodes) or world not in (1, nodes):
        raise WorkersError(f"train.nodes is {params.train.nodes}, but WORLD_SIZE says {world}: make them agree")
    if nodes == 1:
        return Place(1, 0, f"localhost:{free_port()}")
    rank = environment.get("NODE_RANK", environment.get("RANK"))
    missing = [name for name in ("MASTER_ADDR", "MASTER_PORT") if name not in environment]
    if rank is None or missing:
        names = ", ".join(["NODE_RANK"] * (rank is None) + missing)
        raise WorkersError(f"{nodes} nodes: set {names} in the environment of the stage on each of them")
    return Place(nodes, int(rank), f"{environment['MASTER_ADDR']}:{environment['MASTER_PORT']}")


def train_in_workers(
    params: Params, data: str | Path, log: Log, states: str | Path | None = None, replay: str | Path | None = None
) -> TrainResult:
    """`l2sae.training.train` in worker processes; the same arguments, result and errors.

    Raises:
        WorkersError: the workers ended without a model.
    """
    place = find_place(params)
    with tempfile.TemporaryDirectory(prefix="l2sae-train-") as folder:
        shared = Path(folder)
        (shared / PARAMS).write_text(params.model_dump_json(), encoding="utf-8")
        paths = [folder, *("-" if path is None else str(Path(path).resolve()) for path in (data, states, replay))]
        _follow(_command(params, place, [*paths, str(os.getpid())]), shared, log)
        if (shared / DIVERGED).is_file():
            raise DivergenceError((shared / DIVERGED).read_text(encoding="utf-8"))
        result = json.loads((shared / RESULT).read_text(encoding="utf-8"))
        return TrainResult(load_model(shared / MODEL, params.device), **result)


def _command(params: Params, place: Place, arguments: list[str]) -> list[str]:
    launcher = [sys.executable, "-m", "torch.distributed.run", f"--nproc-per-node={params.train.devices}"]
    meeting = [f"--nnodes={place.nodes}", f"--node-rank={place.rank}", f"--rdzv-endpoint={place.endpoint}"]
    return [*launcher, *meeting, "--rdzv-backend=static", "--max-restarts=0", "-m", "l2sae.training.worker", *arguments]


def _follow(command: list[str], shared: Path, log: Log) -> None:
    """Run the launcher to its end, and pass on each point of the curves as it comes."""
    environment = {name: value for name, value in os.environ.items() if name not in ("WORLD_SIZE", "RANK")}
    with (shared / "output.txt").open("w+", encoding="utf-8") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environment)
        try:
            seen = 0
            while process.poll() is None:
                time.sleep(_POLL_SECONDS)
                seen = _pass_on(shared / CURVES, seen, log)
            _pass_on(shared / CURVES, seen, log)
        finally:
            _end(process)
        if not any((shared / name).is_file() for name in (RESULT, DIVERGED)):
            output.seek(0)
            raise WorkersError(f"the worker processes ended with code {process.returncode}:\n{output.read()[-_TAIL:]}")


def _pass_on(curves: Path, seen: int, log: Log) -> int:
    """Log the whole lines of ``curves`` from the ``seen``-th on; returns how many are seen now."""
    lines = curves.read_text(encoding="utf-8").split("\n")[:-1] if curves.is_file() else []
    for line in lines[seen:]:
        step, values = json.loads(line)
        log(step, values)
    return len(lines)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the launcher, which ends its workers; they end by themselves where it cannot."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of this machine on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])
