"""The benchmark stage: how long things take, how much memory they need, and how far that is from the machine's best."""

import io
import platform
import resource
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from l2sae.data import FaceDataset
from l2sae.editing import FaceEditor, Layer, Swap, edit, shows
from l2sae.measures.inversion import invert_pairs
from l2sae.measures.method_comparison import compare
from l2sae.measures.metric_files import put
from l2sae.measures.scaling import achieved, by_resolution, by_rois, operations
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.conversions import to_values
from l2sae.pictures.display import as_pictures
from l2sae.training import Trainer
from l2sae.training.batches import TrainingBatches

LARGE = (3000, 4000)  # height and width of the 12-megapixel photo
_WARM_UP = 2
_LARGE_SHARE = 5  # the large edit is repeated this many times less often,
_SCALING_SHARE = 10  # and the edits of the scaling curves
_CONVOLUTIONS = (  # batch, channels, side: shapes among which the machine's best 3 x 3 convolution is looked for
    (1, 64, 64), (1, 128, 64), (1, 256, 32), (1, 512, 32), (8, 128, 64), (8, 256, 32), (16, 256, 32),
)  # fmt: skip

Progress = Callable[[str], object]


class Stopwatch:
    """Times calls on one device: a few to warm up, then ``repeats`` timed ones."""

    def __init__(self, device: torch.device, repeats: int):
        self.device, self.repeats = device, repeats

    def seconds(
        self, call: Callable[[], object], repeats: int | None = None, warm_up: int = _WARM_UP
    ) -> NDArray[np.float64]:
        """Seconds of each timed call."""
        for _ in range(warm_up):
            call()
        taken = []
        for _ in range(repeats or self.repeats):
            self._wait()
            start = time.perf_counter()
            call()
            self._wait()
            taken.append(time.perf_counter() - start)
        return np.array(taken)

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def benchmark(
    model: L2SAE, dataset: FaceDataset, params: Params, train: FaceDataset, progress: Progress = print
) -> dict[str, Any]:
    """Compute the figures of ``metrics/benchmark.json``.

    An edit is a swap of one ROI with a known style vector, in the default composition, from pixels to pixels.

    Args:
        model: in evaluation mode.
        dataset: the test split: the photos to edit.
        params: ``benchmark``, ``edit`` and ``train`` are used.
        train: the training split, for the speed of training.
        progress: called with one plain line at a time.

    Returns:
        Nested figures: medians, and under ``spread`` with the same nesting {p25, p75, p95}. ``scaling``,
        ``profile`` and ``inversion.curve`` hold lists, see ``docs/metrics.md``; ``ci.comparison`` holds intervals.
    """
    watch = Stopwatch(model.device, params.benchmark.repeats)
    photo, roi, style = _subject(model, dataset)
    figures: dict[str, Any] = {"device": _device_name(model.device), "threads": torch.get_num_threads()}
    figures |= {"torch": torch.__version__, "dtype": str(model.style_mean.dtype).removeprefix("torch."), "roi": roi}
    with torch.inference_mode():
        figures["scaling"] = _scaling(model, dataset, photo, roi, style, params, watch)  # first, while memory is low
        progress("benchmark: scaling with the photo's size and the number of ROIs")
        for name, seconds in _latencies(model, photo, roi, style, params, watch).items():
            _record(figures, f"latency_ms.{name}", seconds * 1000)
            progress(f"benchmark: {name}: {np.median(seconds) * 1000:.1f} ms")
        put(figures, "memory.peak_mb", peak_memory(model.device) / 2**20)
        for size in params.benchmark.batch_sizes:
            rate = size / watch.seconds(_batch_edit(model, dataset, roi, style, size, params))
            _record(figures, f"throughput.edit_images_per_s.{size}", rate)
            progress(f"benchmark: edits, batch {size}: {np.median(rate):.1f} images/s")
        figures["roofline"] = roofline(model, photo, roi, style, params, figures["latency_ms"]["edit"] / 1000, watch)
        figures["roofline"]["parts"] = achieved(_parts(model, photo), figures["latency_ms"])
        figures["profile"] = operations(_edit(model, photo, roi, style, params))
    _record(figures, "throughput.train_images_per_s", training_rates(params, train, watch))
    progress(f"benchmark: training: {figures['throughput']['train_images_per_s']:.1f} images/s")
    seconds = figures["latency_ms"]["edit"] / 1000
    figures["inversion"] = invert_pairs(model, dataset, roi, params, seconds)
    steps, compose = params.benchmark.inversion_steps, params.edit.compose
    table, curves, intervals = compare(model, dataset, compose, steps, seconds, params.seed, progress)
    figures |= {"comparison": table, "ci": {"comparison": intervals}}
    figures["inversion"]["curve"] = curves
    progress(f"benchmark: inversion takes {figures['inversion']['ratio']:.0f} times as long as an edit")
    return figures


def roofline(
    model: L2SAE, photo: NDArray[np.uint8], roi: str, style: Tensor, params: Params, seconds: float, watch: Stopwatch
) -> dict[str, float]:
    """How many times longer an edit takes than its arithmetic at the machine's best speed.

    Returns:
        ``ratio``; ``edit_gflop``, the convolutions' and matrix products' operations of one edit; and
        ``peak_gflop_per_s`` of the best 3 x 3 convolution.
    """
    with FlopCounterMode(display=False) as counter:
        _edit(model, photo, roi, style, params)()
    operations, best = counter.get_total_flops(), peak_flop_per_s(model.device, watch)
    return {"ratio": seconds * best / operations, "edit_gflop": operations / 1e9, "peak_gflop_per_s": best / 1e9}


def peak_flop_per_s(device: torch.device, watch: Stopwatch) -> float:
    """Operations a second of the machine's best 3 x 3 convolution in float32."""
    best = 0.0
    for batch, channels, side in _CONVOLUTIONS:
        for layout in (torch.contiguous_format, torch.channels_last):
            x = torch.randn(batch, channels, side, side, device=device).to(memory_format=layout)
            w = torch.randn(channels, channels, 3, 3, device=device).to(memory_format=layout)
            taken = watch.seconds(lambda x=x, w=w: F.conv2d(x, w, padding=1), min(5, watch.repeats))  # type: ignore[misc]
            best = max(best, 2 * 9 * channels * channels * batch * side * side / float(np.median(taken)))
    return best


def training_rates(params: Params, train: FaceDataset, watch: Stopwatch) -> NDArray[np.float64]:
    """Images a second of each of a few training steps, data included."""
    trainer = Trainer(params)
    batches = TrainingBatches(train, params, trainer.generator)
    repeats = max(3, watch.repeats // 6)
    return params.train.batch_size / watch.seconds(lambda: trainer.step(next(batches), 0.0), repeats)


def peak_memory(device: torch.device) -> int:
    """The most bytes that tensors held on a GPU; without one, the most resident memory of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _latencies(
    model: L2SAE, photo: NDArray[np.uint8], roi: str, style: Tensor, params: Params, watch: Stopwatch
) -> dict[str, NDArray[np.float64]]:
    large = np.asarray(Image.fromarray(photo).resize(LARGE[::-1], Image.Resampling.BICUBIC))
    repeats = max(1, watch.repeats // _LARGE_SHARE)
    return {
        **{name: watch.seconds(call) for name, call in _parts(model, photo).items()},
        "edit": watch.seconds(_edit(model, photo, roi, style, params)),
        "slider": watch.seconds(_slider(model, photo, roi, style, params)),
        "edit_12mp": watch.seconds(_edit(model, large, roi, style, params), repeats, warm_up=1),
    }


def _scaling(
    model: L2SAE,
    dataset: FaceDataset,
    photo: NDArray[np.uint8],
    roi: str,
    style: Tensor,
    params: Params,
    watch: Stopwatch,
) -> dict[str, Any]:
    repeats, compose = max(1, watch.repeats // _SCALING_SHARE), params.edit.compose
    others = dataset.batch([i % len(dataset) for i in range(1, len(model.rois) + 1)]).images.to(model.device)
    styles = model.encode(others).style
    resolution = by_resolution(
        model, photo, roi, style, compose, partial(watch.seconds, warm_up=1), lambda: peak_memory(model.device), repeats
    )
    return {
        "resolution": resolution,
        "rois": by_rois(model, _as_images(photo, model), styles, compose, watch.seconds, repeats),
    }


def _parts(model: L2SAE, photo: NDArray[np.uint8]) -> dict[str, Callable[[], object]]:
    """The networks that an edit runs, by the names of their latencies."""
    images = _as_images(photo, model)
    latents = model.encode(images)
    return {
        "encode": lambda: model.encode(images),
        "decode": lambda: model.decode(latents.structure, latents.style, latents.mattes),
        "masks": lambda: model.masks(latents.structure),
    }


def _as_images(photo: NDArray[np.uint8], model: L2SAE) -> Tensor:
    return to_values(photo).to(model.device)


def _edit(
    model: L2SAE, photo: NDArray[np.uint8], roi: str, style: Tensor, params: Params
) -> Callable[[], NDArray[np.uint8]]:
    return lambda: edit(model, photo, rois=(roi,), style=Swap(style), compose=params.edit.compose, align=None)


def _slider(model: L2SAE, photo: NDArray[np.uint8], roi: str, style: Tensor, params: Params) -> Callable[[], bytes]:
    """A changed style on a photo whose structure is known, to the bytes of a PNG that a browser shows."""
    editor = FaceEditor(model, photo)
    editor.mattes()

    def move() -> bytes:
        picture = editor.render([Layer({roi: Swap(style)})], params.edit.compose)
        buffer = io.BytesIO()
        Image.fromarray(picture.cpu().numpy()).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    return move


def _batch_edit(
    model: L2SAE, dataset: FaceDataset, roi: str, style: Tensor, size: int, params: Params
) -> Callable[[], Tensor]:
    images = dataset.batch([i % len(dataset) for i in range(size)]).images.to(model.device)
    return lambda: edit(model, images, rois=(roi,), style=Swap(style), compose=params.edit.compose)


@torch.inference_mode()
def _subject(model: L2SAE, dataset: FaceDataset) -> tuple[NDArray[np.uint8], str, Tensor]:
    """A photo (S, S, 3) uint8 at the model's size, the largest ROI found there, another face's style (1, D).

    The largest region is found again when the photo is enlarged; a region that is barely found may not be.
    """
    for index in range(len(dataset)):
        images = dataset.batch([index]).images.to(model.device)
        mattes = model.masks(model.encode_structure(images))
        roi = max(mattes, key=lambda name: float(mattes[name].mean()))
        if bool(shows(mattes[roi])):
            other = dataset.batch([(index + 1) % len(dataset)]).images.to(model.device)
            return as_pictures(images)[0], roi, model.encode(other).style
    raise ValueError(f"the model finds no ROI in any of {len(dataset)} test faces: train longer (train.steps)")


def _record(figures: dict[str, Any], key: str, values: NDArray[np.float64]) -> None:
    low, median, high, slow = (float(value) for value in np.percentile(values, [25, 50, 75, 95]))
    put(figures, key, median)
    put(figures, f"spread.{key}", {"p25": low, "p75": high, "p95": slow})


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"
