"""Measurements of bulk edits: how near they come to what the cores could do, memory, ranks, back ends, predictions."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import psutil
from PIL import Image, ImageEnhance

from l2sae.bulk.cost import StageTimes, fit_stages, predict
from l2sae.bulk.folder import edit_folder
from l2sae.bulk.results import PARTS
from l2sae.data import render_faces
from l2sae.editing.styles import Noise
from l2sae.model import L2SAE
from l2sae.model.threads import core_count
from l2sae.pictures.display import as_pictures
from l2sae.provenance import Policy

FACES = 24
STYLE = Noise(1.5)
OPEN = Policy(unmarked_by=("*",))
SETTLED = 200
"""Photos after which memory should grow no more."""
SCRIPT = """
import sys, time
from l2sae import edit_folder, load_model
from l2sae.bench.bulk_speed import OPEN, STYLE
edit_folder(load_model(device="cpu"), sys.argv[1], sys.argv[2], ("hair",), STYLE, policy=OPEN, unmarked=True,
            workers=int(sys.argv[3]), progress=False)
"""
Progress = Callable[[str], object]


def make_photos(folder: Path, count: int, side: int, seed: int = 0) -> Path:
    """Write rendered faces as JPEG photos of ``side`` pixels, each in another light; no two are equal."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    faces = as_pictures(render_faces(min(FACES, count), size=256, seed=seed).images)
    for index in range(count):
        face = Image.fromarray(faces[index % len(faces)]).resize((side, side), Image.Resampling.BICUBIC)
        grain = rng.normal(0, 3, (side, side, 1))
        photo = np.asarray(ImageEnhance.Brightness(face).enhance(rng.uniform(0.8, 1.2))) + grain
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(folder / f"{index:05}.jpg", quality=92)
    return folder


def measure_bulk(
    model: L2SAE, photos: int, side: int, marked: bool, alone: int = 12, progress: Progress = print
) -> dict[str, Any]:
    """Compare a run on all cores with the core seconds that a photo takes in one process alone.

    Args:
        model: makes the edits, of the hair by noise, as PNG.
        photos: how many.
        side: of each, in pixels.
        marked: with the watermark.
        alone: photos that are edited in this process alone, for the core seconds of each part.
        progress: called with plain lines.

    Returns:
        The core seconds of each part, and their sum. Photos a second, and their share of the bound ``cores / sum``:
        once for all cores, once without the cores that other programs had meanwhile. The memory of all processes
        together in MiB, after 200 photos and at the end.
    """
    cores = core_count()
    with TemporaryDirectory(prefix="l2sae-bulk-") as name:
        work = Path(name)
        progress(f"bulk: {photos} photos of {side} pixels")
        folder = make_photos(work / "photos", photos, side)
        single = make_photos(work / "single", alone, side, seed=1)
        before = _parts(_edited(model, single, work / "before", marked))
        samples: list[tuple[int, float]] = []
        with _watching(work / "edited", samples), core_clock() as clock:
            table = _edited(model, folder, work / "edited", marked, workers=cores, progress=progress)
        after = _parts(_edited(model, single, work / "after", marked))
    parts = {part: (before[part] + after[part]) / 2 for part in PARTS}
    bound = cores / sum(parts.values())
    rate = len(table) / clock.seconds
    busy = _parts(table)
    return {
        "photos": photos,
        "side": side,
        "marked": marked,
        "cores": cores,
        "done": int((table["result"] == "done").sum()),
        "parts_s": parts,
        "sum_s": sum(parts.values()),
        "parts_in_run_s": busy,
        "seconds": clock.seconds,
        "photos_per_s": rate,
        "bound_photos_per_s": bound,
        "share_of_bound": rate / bound,
        "share_of_bound_in_run": rate * sum(busy.values()) / cores,
        "others_share_of_cores": clock.others,
        "share_of_bound_without_others": rate / bound / (1 - clock.others),
        "memory_mib": growth(samples),
    }


def measure_ranks(photos: int, side: int, repeats: int = 2, progress: Progress = print) -> dict[str, Any]:
    """Two ranks of one worker against one rank of two, in turns, unmarked: seconds of each."""
    found: dict[str, list[float]] = {"one_rank_two_workers": [], "two_ranks_one_worker": []}
    with TemporaryDirectory(prefix="l2sae-bulk-") as name:
        work = Path(name)
        folder, script = make_photos(work / "photos", photos, side), work / "script.py"
        script.write_text(SCRIPT, encoding="utf-8")
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        for turn in range(repeats):
            for kind, ranks, workers in (("one_rank_two_workers", 1, 2), ("two_ranks_one_worker", 2, 0)):
                out = work / f"{kind}-{turn}"
                command = [*torchrun, f"--nproc-per-node={ranks}", str(script), str(folder), str(out), str(workers)]
                started = time.perf_counter()
                subprocess.run(command, check=True, capture_output=True)
                found[kind].append(time.perf_counter() - started)
                progress(f"bulk: {kind}: {found[kind][-1]:.1f} s")
    return {"photos": photos, "side": side, **found}


def measure_backends(
    model: L2SAE, photos: int, side: int, repeats: int = 3, progress: Progress = print
) -> dict[str, Any]:
    """PyTorch and ONNX Runtime in turns on the same photos: core seconds of the networks and of a photo."""
    found: dict[str, dict[str, list[float]]] = {name: {"model_s": [], "photo_s": []} for name in ("torch", "onnx")}
    with TemporaryDirectory(prefix="l2sae-bulk-") as name:
        folder = make_photos(Path(name) / "photos", photos, side)
        for turn in range(repeats):
            for backend, kept in found.items():
                out = Path(name) / f"{backend}-{turn}"
                parts = _parts(_edited(model, folder, out, marked=False, backend=backend))
                kept["model_s"].append(parts["model"])
                kept["photo_s"].append(sum(parts.values()))
            progress(f"bulk: back ends, turn {turn + 1} of {repeats}")
    gains = {
        key: [slow / fast for slow, fast in zip(found["torch"][key], found["onnx"][key], strict=True)]
        for key in ("model_s", "photo_s")
    }
    return {"photos": photos, "side": side, **found, "torch_over_onnx": gains}


def measure_stages(model: L2SAE, sides: Sequence[int], photos: int, marked: bool) -> tuple[StageTimes, float]:
    """Stage times from a few photos of each side, edited in this process; and the seconds until workers work."""
    cores = core_count()
    tables = []
    with TemporaryDirectory(prefix="l2sae-bulk-") as name:
        for side in sides:
            folder = make_photos(Path(name) / f"{side}", photos, side)
            out = Path(name) / f"out-{side}"
            tables.append(_edited(model, folder, out, marked))
        stages = fit_stages(pd.concat(tables))
        folder = make_photos(Path(name) / "start", cores, min(sides), seed=2)
        began = time.perf_counter()
        _edited(model, folder, Path(name) / "started", marked, workers=cores, batch=1)
        start = time.perf_counter() - began - sum(stages.at(min(sides) ** 2 / 1e6).values())
    return stages, max(0.0, start)


def check_predictions(
    model: L2SAE, stages: StageTimes, start_s: float, runs: Sequence[tuple[int, int]], marked: bool
) -> pd.DataFrame:
    """Runs of (photos, side) on all cores: predicted and measured seconds, and their ratio.

    Other programs make runs longer. ``others`` is the share of the cores that they had, and ``ratio_on_free_cores``
    compares with a prediction for the other cores; ``start_s`` was measured beside the same programs.
    """
    cores = core_count()
    rows = []
    for photos, side in runs:
        with TemporaryDirectory(prefix="l2sae-bulk-") as name:
            folder = make_photos(Path(name) / "photos", photos, side, seed=3)
            with core_clock() as clock:
                _edited(model, folder, Path(name) / "out", marked, workers=cores, batch=4)
        predicted = predict(stages, photos, side**2 / 1e6, cores, start_s).seconds
        row = {"photos": photos, "side": side, "predicted_s": predicted, "measured_s": clock.seconds}
        on_free = start_s + (predicted - start_s) / (1 - clock.others)
        rows.append(row | {"others": clock.others, "ratio_on_free_cores": on_free / clock.seconds})
    table = pd.DataFrame(rows)
    table["ratio"] = table["predicted_s"] / table["measured_s"]
    return table


def measure_predictions(model: L2SAE, photos: int, progress: Progress = print) -> dict[str, Any]:
    """Stage times from photos of 256 and 768 pixels a side, and unmarked runs at three sizes that they predict."""
    stages, start = measure_stages(model, (256, 768), 6, marked=False)
    checked = check_predictions(model, stages, start, [(photos, 320), (photos, 512), (photos // 2, 1024)], marked=False)
    shown = ", ".join(f"{ratio:.2f}" for ratio in checked["ratio_on_free_cores"])
    progress(f"bulk: predictions: {shown} of what the cores that were free could do")
    parts = {part: {"base_s": base, "per_megapixel_s": slope} for part, (base, slope) in stages.parts.items()}
    return {"stages": parts, "start_s": start, "runs": checked.to_dict("records")}


def _edited(model: L2SAE, photos: Path, output: Path, marked: bool, **options: Any) -> pd.DataFrame:
    """Edit the hair of photos by noise, in this process unless told otherwise."""
    if not marked:
        options |= {"policy": OPEN, "unmarked": True}
    return edit_folder(model, photos, output, ("hair",), STYLE, **({"workers": 0, "progress": False} | options))


@dataclass
class CoreClock:
    """Seconds that something took, and the share of all cores that other programs had meanwhile."""

    seconds: float = 0.0
    others: float = 0.0


@contextmanager
def core_clock() -> Iterator[CoreClock]:
    """Measure what runs inside; the figures are there when it has ended."""
    found, cores = CoreClock(), core_count()
    began, own, busy = time.perf_counter(), _own_seconds(), _busy_seconds()
    yield found
    found.seconds = time.perf_counter() - began
    others = _busy_seconds() - busy - (_own_seconds() - own)
    found.others = min(0.99, max(0.0, others / (cores * found.seconds)))


def _own_seconds() -> float:
    """Processor time of this process and of those of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _busy_seconds() -> float:
    """Processor time of all programs on this machine."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + getattr(times, "irq", 0.0) + getattr(times, "softirq", 0.0)


def _parts(table: pd.DataFrame) -> dict[str, float]:
    """Mean core seconds of each part over the photos that were edited."""
    done = table[table["result"] == "done"]
    return {part: float(done[f"{part}_s"].fillna(0.0).mean()) for part in PARTS}


@contextmanager
def _watching(output: Path, samples: list[tuple[int, float]]) -> Iterator[None]:
    """Note, twice a second, how many results there are and the MiB that this process and its children hold."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            done = len(list(output.glob("*.png"))) if output.is_dir() else 0
            samples.append((done, _resident_mib()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _resident_mib() -> float:
    """Resident memory of this process and its children, in MiB."""
    total, own = 0, psutil.Process()
    for process in (own, *own.children()):
        with suppress(psutil.NoSuchProcess):  # it has just ended
            total += process.memory_info().rss
    return total / 2**20


def growth(samples: Sequence[tuple[int, float]], settled: int = SETTLED) -> dict[str, float]:
    """Memory when ``settled`` photos were done, or a tenth of all where there are fewer, and over the last ones."""
    if not samples:
        return {}
    last = max(done for done, _ in samples)
    settled = min(settled, last // 10 if last < 2 * settled else settled)
    early = [mib for done, mib in samples if settled <= done <= 1.5 * settled + 1]
    late = [mib for done, mib in samples if 0.95 * last <= done]
    steady = [mib for mib in late if mib > 0.8 * max(late)]  # workers that have ended hold nothing
    first, final = float(np.median(early)), float(np.median(steady))
    return {"settled": first, "end": final, "growth": final - first, "peak": max(mib for _, mib in samples)}
