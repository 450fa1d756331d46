"""Our model beside a Swapping Autoencoder written the usual way: encode and decode, and a training step.

Calls of the two alternate, so that what else the machine does falls on both; figures are medians, and the median of the
ratios of neighbouring calls. Both are freshly initialised: speed does not depend on what was learned.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from l2sae.bench.swapping_autoencoder import SIZE, SwappingAutoencoder
from l2sae.measures.scaling import Stopwatch, count_flop
from l2sae.measures.timings import peak_flop_per_s
from l2sae.model import L2SAE, resolve_device
from l2sae.params import Params
from l2sae.training.losses import reconstruction_loss

TRAIN_BATCH = 4
Reconstruct = Callable[[Tensor], Tensor]


def compare_speed(
    params: Params, widths: Sequence[int], repeats: int, steps: int, progress: Callable[[str], object] = print
) -> dict[str, Any]:
    """Time our model at several widths against the reference, both at 256 x 256 in float32.

    Args:
        params: of the preset ``paper256``.
        widths: of our model; none stands for the preset's and twice that.
        repeats: timed pairs of encoding and decoding one image.
        steps: timed pairs of training steps (reconstruction, gradients, Adam) on four images.
        progress: called with one plain line at a time.

    Returns:
        ``reference`` and ``ours.<width>``: weights, GFLOP, milliseconds, and the roofline ratio, how many times longer
        than the counted operations at the machine's best; ``ratio.<width>``: the reference's time over ours.
    """
    device = resolve_device(params.device)
    watch, reference = Stopwatch(device, repeats), SwappingAutoencoder().to(device)
    peak = peak_flop_per_s(device, watch)

    def theirs(images: Tensor) -> Tensor:
        return reference.decode(*reference.encode(images))

    figures: dict[str, Any] = {
        "device": device.type, "threads": torch.get_num_threads(), "torch": str(torch.__version__),
        "repeats": repeats, "steps": steps, "peak_gflop_per_s": peak / 1e9, "ours": {}, "ratio": {},
    }  # fmt: skip
    for width in widths or (params.model.width, 2 * params.model.width):
        model = L2SAE(params.model.model_copy(update={"width": width}), params.rois, SIZE).to(device)
        own = reconstruction(model)
        edits = paired(_inference(theirs, device), _inference(own, device), watch, repeats)
        training = paired(_training(reference, theirs, device), _training(model, own, device), watch, steps)
        rows = [
            _row(network, call, device, edits[i], training[i], peak)
            for i, (network, call) in enumerate([(reference, theirs), (model, own)])
        ]
        figures["reference"], figures["ours"][str(width)] = rows
        ratios = {"inference": np.median(edits[0] / edits[1]), "training": np.median(training[0] / training[1])}
        figures["ratio"][str(width)] = {name: float(value) for name, value in ratios.items()}
        progress(f"speed: width {width}: {figures['ratio'][str(width)]}")
    return figures


def paired(
    first: Callable[[], object], second: Callable[[], object], watch: Stopwatch, repeats: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds of ``repeats`` calls of each, in turn, after one of each to warm up."""
    first(), second()
    taken = [(watch.seconds(first, 1, 0)[0], watch.seconds(second, 1, 0)[0]) for _ in range(repeats)]
    return np.array([a for a, _ in taken]), np.array([b for _, b in taken])


def count_gflop(reconstruct: Reconstruct, device: torch.device, size: int = SIZE) -> float:
    """Operations of encoding and decoding one image: two for each multiplication in convolutions and products."""
    with torch.inference_mode():
        return count_flop(lambda: reconstruct(torch.zeros(1, 3, size, size, device=device))) / 1e9


def reconstruction(model: L2SAE) -> Reconstruct:
    """Encoding and decoding of images by our model."""

    def reconstruct(images: Tensor) -> Tensor:
        latents = model.encode(images)
        return model.decode(latents.structure, latents.style, latents.mattes)

    return reconstruct


def _inference(reconstruct: Reconstruct, device: torch.device) -> Callable[[], object]:
    images = torch.zeros(1, 3, SIZE, SIZE, device=device)

    def call() -> None:
        with torch.inference_mode():
            reconstruct(images)

    return call


def _training(network: nn.Module, reconstruct: Reconstruct, device: torch.device) -> Callable[[], object]:
    generator = torch.Generator().manual_seed(0)
    images = (torch.rand(TRAIN_BATCH, 3, SIZE, SIZE, generator=generator) * 2 - 1).to(device)
    optimizer = torch.optim.Adam(network.parameters(), 1e-4)

    def step() -> None:
        optimizer.zero_grad()
        reconstruction_loss(reconstruct(images), images).backward()
        optimizer.step()

    return step


def _row(
    network: nn.Module,
    reconstruct: Reconstruct,
    device: torch.device,
    inference: NDArray[np.float64],
    training: NDArray[np.float64],
    peak: float,
) -> dict[str, float]:
    gflop, seconds = count_gflop(reconstruct, device), float(np.median(inference))
    return {
        "weights": sum(weight.numel() for weight in network.parameters()),
        "gflop": gflop,
        "inference_ms": seconds * 1000,
        "training_step_ms": float(np.median(training)) * 1000,
        "roofline_ratio": seconds * peak / (gflop * 1e9),
    }
