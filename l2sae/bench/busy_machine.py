"""Training and edits beside a busy process, with several ways to use threads: what is kept of the quiet speed.

Each way runs in a process of its own, since OpenMP reads its settings when it is loaded. Windows without and with busy
processes alternate, so that what else the machine does falls on both; ratios are those of neighbouring windows.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from skimage.data import astronaut

from l2sae.bench.bulk_speed import core_clock
from l2sae.data import FaceBatch, render_faces
from l2sae.editing import Noise, edit
from l2sae.model import load_model
from l2sae.model.threads import OTHERS, OtherPrograms, core_count
from l2sae.params import load_params
from l2sae.training import Trainer
from l2sae.training.pairs import Pair

KEPT = 0.5
"""Of the quiet speed, at least, beside one busy process."""
LOST = 0.05
"""Of the best quiet speed, at most."""
Progress = Callable[[str], object]


@dataclass(frozen=True)
class Way:
    """One way to use threads.

    Attributes:
        environment: OpenMP's settings.
        side_by_side: cut a training batch into shares, one thread each.
        alone: one thread for each operation.
        fair: edits leave to other programs the cores that they use.
    """

    environment: Mapping[str, str] = field(default_factory=dict)
    side_by_side: bool = False
    alone: bool = False
    fair: bool = False


_OF_BOTH = {
    "all threads": Way(),
    "all threads, sleeping at once": Way({"OMP_WAIT_POLICY": "passive"}),
    "all threads, sleeping soon": Way({"GOMP_SPINCOUNT": "10000"}),
    "one thread": Way(alone=True),
}
WAYS = {
    "training": _OF_BOTH | {"shares side by side": Way(side_by_side=True)},
    "edit": _OF_BOTH | {"threads for free cores": Way(fair=True)},
}
_SCRIPT = "from l2sae.bench.busy_machine import measure_here; measure_here()"


def measure_busy(seconds: float, rounds: int, busy: int = 1, progress: Progress = print) -> dict[str, Any]:
    """Every way of training and editing, quiet and beside busy processes.

    Args:
        seconds: of each window.
        rounds: pairs of a quiet and a busy window.
        busy: processes that only compute.
        progress: called with plain lines.

    Returns:
        For ``training`` (faces a second) and ``edit`` (edits a second): for each way ``quiet`` and ``busy`` rates,
        ``kept`` of the quiet one, ``of_best_quiet``, and the share of the cores that ``others`` had in quiet windows,
        which should be near 0; and ``best``: the way with the highest quiet rate among those that keep enough.
    """
    found: dict[str, Any] = {"seconds": seconds, "rounds": rounds, "busy_processes": busy, "cores": core_count()}
    for kind, ways in WAYS.items():
        rows: dict[str, dict[str, float]] = {}
        for name, way in ways.items():
            rows[name] = row = _in_process(kind, way, seconds, rounds, busy)
            progress(f"busy: {kind}, {name}: {row['quiet']:.2f} a second, beside {busy} busy: {row['kept']:.0%}")
        found[kind] = {"ways": with_ratios(rows), "best": best_way(rows)}
        progress(f"busy: {kind}: best: {found[kind]['best']}")
    return found


def with_ratios(rows: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The rows, each with its quiet rate over the best one."""
    best = max(row["quiet"] for row in rows.values())
    return {name: row | {"of_best_quiet": row["quiet"] / best} for name, row in rows.items()}


def best_way(rows: Mapping[str, Mapping[str, float]]) -> str | None:
    """The quickest quiet one of those that keep `KEPT` and lose at most `LOST`; None where there is none."""
    best = max(row["quiet"] for row in rows.values())
    fit = {n: row["quiet"] for n, row in rows.items() if row["kept"] >= KEPT and row["quiet"] >= (1 - LOST) * best}
    return max(fit, key=fit.__getitem__) if fit else None


def measure_here() -> None:
    """Measure one way in this process, from and to JSON on standard input and output: see `measure_busy`."""
    request = json.load(sys.stdin)
    way = Way(**request["way"])
    calls: dict[str, Callable[[Way], tuple[Callable[[], object], int]]] = {"training": training_call, "edit": edit_call}
    call, amount = calls[request["kind"]](way)
    if way.alone:
        torch.set_num_threads(1)
    if not way.fair:
        OTHERS[:] = [_Nobody()]
    print(json.dumps(windows(call, amount, request["seconds"], request["rounds"], request["busy"])))


def windows(call: Callable[[], object], amount: int, seconds: float, rounds: int, busy: int) -> dict[str, float]:
    """Rates of calls that each do ``amount``, in quiet and busy windows in turn.

    Returns:
        Medians ``quiet`` and ``busy`` a second, ``kept``, the median of the ratios of neighbours, ``others``.
    """
    call()  # to warm up
    quiet: list[float] = []
    loaded: list[float] = []
    others: list[float] = []
    for turn in range(rounds):
        for is_busy in ((False, True), (True, False))[turn % 2]:
            with _busy(busy if is_busy else 0), core_clock() as clock:
                rate = amount * _rate(call, seconds)
            (loaded if is_busy else quiet).append(rate)
            others += [] if is_busy else [clock.others]
    kept = np.median(np.array(loaded) / np.array(quiet))
    rates = {"quiet": float(np.median(quiet)), "busy": float(np.median(loaded))}
    return rates | {"kept": float(kept), "others": float(np.median(others))}


class _Nobody(OtherPrograms):
    """No other programs, whatever they do."""

    def cores_taken(self) -> float:
        return 0.0


class _WholeBatches(Trainer):
    """A trainer that cuts no batch into shares."""

    def _shares(self, part: Pair) -> int:
        return 1


def training_call(way: Way, overrides: Mapping[str, Any] | None = None) -> tuple[Callable[[], object], int]:
    """A training step of the default preset on rendered faces, without data; and how many faces it takes."""
    params = load_params(overrides={"preset": "quickstart", "device": "cpu", **(overrides or {})})
    trainer = Trainer(params) if way.side_by_side else _WholeBatches(params)
    faces = render_faces(params.train.batch_size, params.data.image_size, seed=0, rois=params.rois)
    batch = FaceBatch(faces.images, faces.labels)
    return lambda: trainer.step(batch, 0.5), len(faces)


def edit_call(way: Way) -> tuple[Callable[[], object], int]:
    """An edit of a face crop's hair by noise with the shipped model, from pixels to pixels; and 1."""
    model, photo = load_model(device="cpu"), np.ascontiguousarray(astronaut()[:230, 108:338])
    return lambda: edit(model, photo, rois=("hair",), style=Noise(1.5), align=None), 1


def _in_process(kind: str, way: Way, seconds: float, rounds: int, busy: int) -> dict[str, float]:
    request = {"kind": kind, "way": asdict(way), "seconds": seconds, "rounds": rounds, "busy": busy}
    names = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
    environment = {name: value for name, value in os.environ.items() if name not in names} | dict(way.environment)
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], input=json.dumps(request), capture_output=True, text=True, env=environment
    )
    if done.returncode:
        raise RuntimeError(f"{kind}: the process that measures ended with code {done.returncode}:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def _rate(call: Callable[[], object], seconds: float) -> float:
    """Calls a second, for as long as this at least."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds or not count:
        call()
        count += 1
    return count / (time.perf_counter() - began)


@contextmanager
def _busy(count: int) -> Iterator[None]:
    """Processes that only compute, meanwhile."""
    command = [sys.executable, "-S", "-c", "print(flush=True)\nwhile True: pass"]
    processes: Sequence[subprocess.Popen[bytes]] = [
        subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(count)
    ]
    try:
        for process in processes:
            if process.stdout:
                process.stdout.readline()  # it has begun
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()
