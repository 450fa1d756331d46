"""What a GPU does in ten minutes: its tests, edits by batch, training by size and precision, waits for data, roofline.

Every part works on any device, so that tests run all of it on a CPU in tiny form; figures are only kept of a GPU.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from l2sae.bench.reference_speed import count_gflop, reconstruction
from l2sae.data import FaceDataset, flip_permutation, open_split, prepare, render_faces
from l2sae.data.augment import augment_geometry, damage_photo, vary_light
from l2sae.editing import Swap, edit
from l2sae.measures.scaling import Stopwatch
from l2sae.measures.timings import peak_flop_per_s
from l2sae.model import L2SAE, load_model
from l2sae.params import Params, load_params
from l2sae.pictures.display import as_pictures
from l2sae.training import Trainer
from l2sae.training.batches import TrainingBatches
from l2sae.training.engine import reproducible

LIMIT = 570.0
"""Seconds that all parts may take together; those for which no time is left say so."""
TESTS_SHARE = 0.4
BATCHES = (1, 4, 16, 64)
WAYS: Mapping[str, Mapping[str, Any]] = {
    "float32": {"precision": "float32"},
    "tf32": {"precision": "tf32"},
    "bf16": {"precision": "bf16"},
    "bf16 compiled": {"precision": "bf16", "compile": True},
}
FACES = 256
Progress = Callable[[str], object]


def why_not() -> str | None:
    """Why nothing can be measured on this machine; None where there is a CUDA device."""
    if torch.cuda.is_available():
        return None
    return f"no CUDA device is seen by PyTorch {torch.__version__}"


def check_gpu(limit: float = LIMIT, progress: Progress = print) -> dict[str, Any]:
    """All parts on the first CUDA device, within a time limit.

    Returns:
        ``device``, ``tests``, ``edits``, ``training.<size>``, ``paper256`` and ``roofline``; a part for which no time
        was left, or that has failed, holds ``not_run`` and why.
    """
    device, ends = torch.device("cuda"), time.monotonic() + limit
    model = load_model(device=str(device))
    found: dict[str, Any] = {"device": torch.cuda.get_device_name(device), "torch": str(torch.__version__)}
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "edits": lambda: measure_edits(model, BATCHES, 20),
        "roofline": lambda: measure_roofline(model, 20),
        "training.128": lambda: measure_training(training_params(device, 128, 32), WAYS, 20),
        "training.256": lambda: measure_training(training_params(device, 256, 32), WAYS, 10),
        "paper256": lambda: measure_training(paper_params(device), {"as it is": {}}, 18),
        "tests": lambda: run_tests(TESTS_SHARE * limit),
    }
    for name, part in parts.items():
        left = ends - time.monotonic()
        found[name] = _attempted(part) if left > limit / 20 else {"not_run": "no time was left"}
        progress(f"gpu: {name}: {found[name]} ({ends - time.monotonic():.0f} s left)")
    return found


def training_params(device: torch.device, size: int, batch: int) -> Params:
    """The default model's training at a size, as quickly as the device can, on rendered faces."""
    return load_params(
        overrides={
            "preset": "quickstart", "device": str(device), "determinism": "fast", "data.image_size": size,
            "data.count": FACES, "data.split": {"train": 0.9, "val": 0.05, "test": 0.05}, "train.batch_size": batch,
            "train.half_size": 0.0, "train.augment": 1.0, "train.light": 1.0,
        }
    )  # fmt: skip


def paper_params(device: torch.device, **more: Any) -> Params:
    """The preset ``paper256`` with all its losses, on rendered faces."""
    rendered = {"source": "rendered", "root": None, "scheme": None, "split": {"train": 0.9, "val": 0.05, "test": 0.05}}
    overrides = {f"data.{key}": value for key, value in rendered.items()}
    return load_params(
        overrides={"preset": "paper256", "device": str(device), "data.count": FACES, **overrides, **more}
    )


def measure_edits(model: L2SAE, batches: Sequence[int], repeats: int) -> dict[str, Any]:
    """Edits of one ROI: milliseconds from pixels to pixels of one photo, and images a second by batch."""
    watch = Stopwatch(model.device, repeats)
    faces = render_faces(2, model.image_size, seed=1, rois=model.rois, device=model.device).images
    with torch.inference_mode():
        photo, style = as_pictures(faces)[0], model.encode(faces[1:]).style
        roi = model.roi_names[0]

        def one() -> object:
            return edit(model, photo, rois=(roi,), style=Swap(style), align=None)

        def many(size: int) -> Callable[[], object]:
            images = faces[:1].expand(size, -1, -1, -1).contiguous()
            return lambda: edit(model, images, rois=(roi,), style=Swap(style))

        latency = watch.seconds(one) * 1000
        rates = {str(size): float(size / np.median(watch.seconds(many(size)))) for size in batches}
    low, middle, high = (float(value) for value in np.percentile(latency, [5, 50, 95]))
    return {"latency_ms": {"p5": low, "median": middle, "p95": high}, "images_per_s": rates}


def measure_roofline(model: L2SAE, repeats: int) -> dict[str, float]:
    """How many times longer encoding and decoding take than their operations at the device's best, by batch size 1."""
    device, watch = model.device, Stopwatch(model.device, repeats)
    reconstruct, size = reconstruction(model), model.image_size
    images = torch.zeros(1, 3, size, size, device=device)
    with torch.inference_mode():
        seconds = float(np.median(watch.seconds(lambda: reconstruct(images))))
        gflop = count_gflop(reconstruct, device, size)
        best = peak_flop_per_s(device, watch)
    return {"ms": seconds * 1000, "gflop": gflop, "peak_gflop_per_s": best / 1e9, "ratio": seconds * best / gflop / 1e9}


def measure_training(params: Params, ways: Mapping[str, Mapping[str, Any]], steps: int) -> dict[str, Any]:
    """Training in several ways, on data that is prepared for it.

    Returns:
        For each way ``images_per_s``, data included; ``step_ms`` of a step alone; ``data_ms`` of the next batch, made
        as training does; ``waits``, the share of the time that goes into data; and ``peak_mb``. ``augmentation``
        compares making a batch on the CPU and on the device, see `measure_augmentation`.
    """
    found: dict[str, Any] = {"batch": params.train.batch_size, "size": params.data.image_size}
    with TemporaryDirectory(prefix="l2sae-gpu-") as folder:
        prepare(params, Path(folder) / "prepared", progress=lambda line: None)
        faces = open_split(Path(folder) / "prepared", "train", params.rois, params.data.image_size)
        for name, changes in ways.items():
            changed = params.model_copy(update={"train": params.train.model_copy(update=changes)})
            found[name] = _attempted(partial(_train, changed, faces, steps))
        found["augmentation"] = measure_augmentation(params, faces, steps)
    return found


def measure_augmentation(params: Params, faces: FaceDataset, repeats: int) -> dict[str, float]:
    """Milliseconds until a batch lies augmented on the device: moved there last, as floats, or first, as bytes.

    Returns:
        ``read_ms``, from the disk alone; ``here_ms``, augmented on the CPU and moved; ``there_ms``, moved and
        augmented there.
    """
    device = torch.device(params.device)
    train, flip, watch = params.train, flip_permutation(params.rois), Stopwatch(device, repeats)
    indices, generator = torch.arange(train.batch_size) % len(faces), torch.Generator().manual_seed(0)

    def augmented(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        images, labels = augment_geometry(images, labels, generator, train.augment, flip)
        return damage_photo(vary_light(images, generator, train.light), generator, train.damage)

    def here() -> None:
        batch = faces.batch(indices)
        augmented(batch.images, batch.labels).to(device)

    def there() -> None:
        batch = faces.batch(indices, device)
        augmented(batch.images, batch.labels)

    calls = {"read_ms": lambda: faces.batch(indices), "here_ms": here, "there_ms": there}
    return {name: 1000 * float(np.median(watch.seconds(call))) for name, call in calls.items()}


def run_tests(limit: float, root: Path | None = None) -> dict[str, Any]:
    """The tests that need a GPU, where the repository is there: pytest's summary, and its last lines if one fails."""
    root = Path(__file__).parents[2] if root is None else root
    if not (root / "tests" / "test_gpu.py").is_file():
        return {"not_run": "the tests are in the repository, not in the package"}
    command = [sys.executable, "-m", "pytest", "-m", "gpu", "-q", "-p", "no:cacheprovider", "tests/test_gpu.py"]
    began = time.monotonic()
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"not_run": f"the tests took longer than {limit:.0f} s"}
    lines = done.stdout.strip().splitlines()
    kept: dict[str, Any] = {"summary": lines[-1] if lines else "", "seconds": time.monotonic() - began}
    return kept | {"failed": done.returncode != 0} | ({"output": lines[-20:]} if done.returncode else {})


def _train(params: Params, faces: FaceDataset, steps: int) -> dict[str, float]:
    with reproducible(params), _memory(torch.device(params.device)) as peak:
        trainer = Trainer(params)
        batches, device = TrainingBatches(faces, params, trainer.generator, device=trainer.device), trainer.device
        watch = Stopwatch(device, steps)
        batch = next(batches)
        alone = float(np.median(watch.seconds(lambda: trainer.step(batch, 0.5), warm_up=3)))
        data = float(np.median(watch.seconds(lambda: next(batches))))
        whole = float(np.mean(watch.seconds(lambda: trainer.step(next(batches), 0.5))))
    rates = {"images_per_s": params.train.batch_size / whole, "step_ms": alone * 1000, "data_ms": data * 1000}
    return rates | {"waits": data / (alone + data), "peak_mb": peak[0] / 2**20}


@contextmanager
def _memory(device: torch.device) -> Iterator[list[int]]:
    """The most bytes that tensors held on a GPU meanwhile; 0 on a CPU."""
    peak = [0]
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    yield peak
    if device.type == "cuda":
        peak[0] = torch.cuda.max_memory_allocated(device)


def _attempted(part: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a part finds; a failure, of memory or of a compiler say, is kept, so that the other parts are not lost."""
    try:
        return part()
    except (RuntimeError, OSError) as error:
        return {"not_run": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
