"""How the time and memory of an edit grow, and which operations they go to."""

import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from l2sae.editing import Swap, edit
from l2sae.model import L2SAE

SIZES = ((128, 128), (256, 256), (512, 512), (1024, 1024), (2048, 2048), (3000, 4000))
"""Heights and widths of the photos, up to 12 megapixels."""
OPERATIONS = 10  # rows of the profile
_PROFILED = 3  # edits
_WARM_UP = 2
_SMALL = 2_000_000  # pixels

Seconds = Callable[[Callable[[], object], int], NDArray[np.float64]]
Row = dict[str, Any]


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


def by_resolution(
    photo: NDArray[np.uint8],
    edited: Callable[[NDArray[np.uint8]], object],
    seconds: Seconds,
    memory: Callable[[], int],
    repeats: int,
) -> list[Row]:
    """Edits of the same face at every size of ``SIZES``, smallest first.

    Args:
        photo: the face, (S, S, 3) uint8.
        edited: edits a photo.
        seconds: times a call a number of times.
        memory: most bytes that the process, or the GPU's tensors, ever held. It never falls, hence the order.
        repeats: timed calls for each size up to 2 megapixels; larger ones, which take seconds, are timed once.

    Returns:
        Rows {width, height, megapixels, ms (median), peak_mb (so far)}.
    """
    rows = []
    for height, width in SIZES:
        picture = np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))
        taken = seconds(partial(edited, picture), repeats if width * height <= _SMALL else 1)
        rows.append(
            {
                "width": width,
                "height": height,
                "megapixels": width * height / 1e6,
                "ms": float(np.median(taken)) * 1000,
                "peak_mb": memory() / 2**20,
            }
        )
    return rows


def by_rois(
    model: L2SAE, images: Tensor, styles: Tensor, compose: str, seconds: Seconds, repeats: int
) -> list[Row]:  # fmt: skip
    """Edits of the first 1, 2, ... ROIs at once: all with one style, and each with a style of its own.

    Args:
        model: in evaluation mode.
        images: (1, 3, S, S) in [-1, 1].
        styles: one a ROI, (R, D).
        compose: the composition.
        seconds: times a call a number of times.
        repeats: timed calls for each number.

    Returns:
        Rows {rois, ms, ms_own_styles}, medians.
    """
    rows = []
    for count in range(1, len(model.rois) + 1):
        names = model.roi_names[:count]
        each = {name: Swap(styles[[r]]) for r, name in enumerate(names)}
        shared = dict.fromkeys(names, Swap(styles[:1]))
        together = seconds(partial(edit, model, images, style=shared, compose=compose), repeats)
        apart = seconds(partial(edit, model, images, style=each, compose=compose), repeats)
        rows.append(
            {
                "rois": count,
                "ms": float(np.median(together)) * 1000,
                "ms_own_styles": float(np.median(apart)) * 1000,
            }
        )
    return rows


def operations(call: Callable[[], object]) -> list[Row]:
    """Where the time of a call goes, by PyTorch's profiler: the operations with the most time of their own.

    Time between operations (Python, NumPy) is not seen. Under the profiler everything is slower; the shares hold.

    Returns:
        Rows {operation, ms (of one call), share (of all operations), calls (in one call)}, largest first.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # the profiler would print the time at which it starts
    cuda = torch.cuda.is_available()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if cuda else [])]
    call()
    with torch.inference_mode(), profile(activities=activities) as profiler:
        for _ in range(_PROFILED):
            call()
    spent = {
        event.key: ((event.self_device_time_total if cuda else 0) or event.self_cpu_time_total, event.count)
        for event in profiler.key_averages()
    }
    total = sum(time for time, _ in spent.values())
    largest = sorted(spent.items(), key=lambda item: -item[1][0])[:OPERATIONS]
    return [
        {"operation": name, "ms": time / 1000 / _PROFILED, "share": time / total, "calls": count / _PROFILED}
        for name, (time, count) in largest
    ]


def count_flop(call: Callable[[], object]) -> int:
    """Operations of a call: two for each multiplication in convolutions and matrix products."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops()


def achieved(calls: dict[str, Callable[[], object]], milliseconds: dict[str, float]) -> dict[str, Row]:
    """Arithmetic of each part of an edit: name -> {gflop, gflop_per_s}, convolutions and matrix products counted."""
    found = {}
    for name, call in calls.items():
        gflop = count_flop(call) / 1e9
        found[name] = {"gflop": gflop, "gflop_per_s": gflop / milliseconds[name] * 1000}
    return found
