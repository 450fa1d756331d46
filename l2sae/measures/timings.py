"""The benchmark stage: how long things take, how much memory they need, and how far that is from the machine's best."""

import io
import platform
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from l2sae.data import FaceDataset
from l2sae.editing import FaceEditor, Layer, Swap, edit, shows
from l2sae.measures.inversion import invert_pairs
from l2sae.measures.method_comparison import compare
from l2sae.measures.metric_files import put
from l2sae.measures.scaling import Stopwatch, achieved, by_resolution, by_rois, count_flop, operations
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.conversions import to_values
from l2sae.pictures.display import as_pictures
from l2sae.training import Trainer
from l2sae.training.batches import TrainingBatches

LARGE = (3000, 4000)  # height and width of the 12-megapixel photo
_LARGE_SHARE = 5  # the large edit is repeated this many times less often,
_SCALING_SHARE = 10  # and the edits of the scaling curves
_CONVOLUTIONS = (  # batch, channels, side: shapes among which the machine's best 3 x 3 convolution is looked for
    (1, 64, 64), (1, 128, 64), (1, 256, 32), (1, 512, 32), (8, 128, 64), (8, 256, 32), (16, 256, 32),
)  # fmt: skip

Progress = Callable[[str], object]


@dataclass(frozen=True)
class _Subject:
    """What is timed: edits of one ROI of a photo (S, S, 3) uint8 with another face's style (1, D)."""

    model: L2SAE
    photo: NDArray[np.uint8]
    roi: str
    style: Tensor
    compose: str

    @property
    def images(self) -> Tensor:
        return to_values(self.photo).to(self.model.device)

    def edit(self, photo: NDArray[np.uint8] | Tensor) -> NDArray[np.uint8] | Tensor:
        """One edit, from pixels to pixels."""
        swap = Swap(self.style)
        return edit(self.model, photo, rois=(self.roi,), style=swap, compose=self.compose, align=None)

    def parts(self) -> dict[str, Callable[[], object]]:
        """The networks that an edit runs, by the names of their latencies."""
        model, images = self.model, self.images
        latents = model.encode(images)
        return {
            "encode": lambda: model.encode(images),
            "decode": lambda: model.decode(latents.structure, latents.style, latents.mattes),
            "masks": lambda: model.masks(latents.structure),
        }

    def slider(self) -> Callable[[], bytes]:
        """A changed style on a photo whose structure is known, to the bytes of a PNG that a browser shows."""
        editor = FaceEditor(self.model, self.photo)
        editor.mattes()

        def move() -> bytes:
            picture = editor.render([Layer({self.roi: Swap(self.style)})], self.compose)
            buffer = io.BytesIO()
            Image.fromarray(picture.cpu().numpy()).save(buffer, "PNG", compress_level=1)
            return buffer.getvalue()

        return move


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
    subject = _subject(model, dataset, params.edit.compose)
    figures: dict[str, Any] = {"device": _device_name(model.device), "threads": torch.get_num_threads()}
    figures |= {
        "torch": torch.__version__,
        "dtype": str(model.style_mean.dtype).removeprefix("torch."),
        "roi": subject.roi,
    }
    with torch.inference_mode():
        figures["scaling"] = _scaling(subject, dataset, watch)  # first, while memory is low
        progress("benchmark: scaling with the photo's size and the number of ROIs")
        for name, seconds in _latencies(subject, watch).items():
            _record(figures, f"latency_ms.{name}", seconds * 1000)
            progress(f"benchmark: {name}: {np.median(seconds) * 1000:.1f} ms")
        put(figures, "memory.peak_mb", peak_memory(model.device) / 2**20)
        for size in params.benchmark.batch_sizes:
            images = dataset.batch([i % len(dataset) for i in range(size)]).images.to(model.device)
            rate = size / watch.seconds(partial(subject.edit, images))
            _record(figures, f"throughput.edit_images_per_s.{size}", rate)
            progress(f"benchmark: edits, batch {size}: {np.median(rate):.1f} images/s")
        figures["roofline"] = _roofline(subject, figures["latency_ms"]["edit"] / 1000, watch)
        figures["roofline"]["parts"] = achieved(subject.parts(), figures["latency_ms"])
        figures["profile"] = operations(partial(subject.edit, subject.photo))
    _record(figures, "throughput.train_images_per_s", training_rates(params, train, watch))
    progress(f"benchmark: training: {figures['throughput']['train_images_per_s']:.1f} images/s")
    seconds = figures["latency_ms"]["edit"] / 1000
    figures["inversion"] = invert_pairs(model, dataset, subject.roi, params, seconds)
    steps = params.benchmark.inversion_steps
    table, curves, intervals = compare(model, dataset, subject.compose, steps, seconds, params.seed, progress)
    figures |= {"comparison": table, "ci": {"comparison": intervals}}
    figures["inversion"]["curve"] = curves
    progress(f"benchmark: inversion takes {figures['inversion']['ratio']:.0f} times as long as an edit")
    return figures


def _roofline(subject: _Subject, seconds: float, watch: Stopwatch) -> dict[str, float]:
    """How many times longer an edit takes than its arithmetic at the machine's best speed.

    Returns:
        ``ratio``; ``edit_gflop``, the convolutions' and matrix products' operations of one edit; and
        ``peak_gflop_per_s`` of the best 3 x 3 convolution.
    """
    operations = count_flop(partial(subject.edit, subject.photo))
    best = peak_flop_per_s(subject.model.device, watch)
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


def _latencies(subject: _Subject, watch: Stopwatch) -> dict[str, NDArray[np.float64]]:
    large = np.asarray(Image.fromarray(subject.photo).resize(LARGE[::-1], Image.Resampling.BICUBIC))
    repeats = max(1, watch.repeats // _LARGE_SHARE)
    return {
        **{name: watch.seconds(call) for name, call in subject.parts().items()},
        "edit": watch.seconds(partial(subject.edit, subject.photo)),
        "slider": watch.seconds(subject.slider()),
        "edit_12mp": watch.seconds(partial(subject.edit, large), repeats, warm_up=1),
    }


def _scaling(subject: _Subject, dataset: FaceDataset, watch: Stopwatch) -> dict[str, Any]:
    model, repeats = subject.model, max(1, watch.repeats // _SCALING_SHARE)
    others = dataset.batch([i % len(dataset) for i in range(1, len(model.rois) + 1)]).images.to(model.device)
    styles, once = model.encode(others).style, partial(watch.seconds, warm_up=1)
    return {
        "resolution": by_resolution(subject.photo, subject.edit, once, lambda: peak_memory(model.device), repeats),
        "rois": by_rois(model, subject.images, styles, subject.compose, watch.seconds, repeats),
    }


@torch.inference_mode()
def _subject(model: L2SAE, dataset: FaceDataset, compose: str) -> _Subject:
    """A photo at the model's size, the largest ROI found there, and another face's style.

    The largest region is found again when the photo is enlarged; a region that is barely found may not be.
    """
    for index in range(len(dataset)):
        images = dataset.batch([index]).images.to(model.device)
        mattes = model.masks(model.encode_structure(images))
        roi = max(mattes, key=lambda name: float(mattes[name].mean()))
        if bool(shows(mattes[roi])):
            other = dataset.batch([(index + 1) % len(dataset)]).images.to(model.device)
            return _Subject(model, as_pictures(images)[0], roi, model.encode(other).style, compose)
    raise ValueError(f"the model finds no ROI in any of {len(dataset)} test faces: train longer (train.steps)")


def _record(figures: dict[str, Any], key: str, values: NDArray[np.float64]) -> None:
    low, median, high, slow = (float(value) for value in np.percentile(values, [25, 50, 75, 95]))
    put(figures, key, median)
    put(figures, f"spread.{key}", {"p25": low, "p75": high, "p95": slow})


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{device.type} ({platform.machine()}, {torch.backends.cpu.get_cpu_capability()})"
