"""The iterative baseline: the reference's style found by optimisation instead of by the encoder.

Methods without a style encoder invert a picture: they optimise a latent vector until the generator shows the picture
(image2stylegan, arXiv 1904.03189). Here Adam does so with the same generator, in one of three modes:

- ``style``: the style vector, from the mean style of the training faces; the structure is the encoder's;
- ``both``: style and structure, from the mean style and a mean structure: nothing comes from the encoder;
- ``warm``: style and structure, from the encoder's.

:func:`l2sae.measures.method_comparison.grid_search` chose the step sizes on the validation split. In every mode the
structure of the edited face comes from the encoder, which favours the baseline.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from l2sae.data import FaceDataset
from l2sae.editing import FaceEditor, Layer, Swap
from l2sae.measures.regions import region_means, to_lab
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.rois import roi_labels

PAIRS = 4
MODES = ("style", "both", "warm")
LEARNING_RATES = {"style": 0.1, "both": 0.3, "warm": 0.03}
"""Adam's step sizes, in standard deviations of styles and structures, as ``python -m l2sae.bench tune`` found them."""
ENOUGH_STEPS = {"style": 64, "both": 16, "warm": 2}
"""Steps after which transfer was within 1 % of its best, as the same command found them."""


@dataclass(frozen=True)
class Start:
    """Where an optimisation starts, and the scale of its steps: structures (B, C, h, w), styles (B, D)."""

    structure: Tensor
    style: Tensor
    structure_scale: Tensor
    style_scale: Tensor


@torch.no_grad()
def starting_point(model: L2SAE, images: Tensor, mode: str) -> Start:
    """The start of ``mode`` for images (B, 3, S, S); the mean structure is that of these images.

    Raises:
        ValueError: an unknown mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode={mode!r}: give one of {', '.join(MODES)}")
    encoded = model.encode(images)
    spread = encoded.structure.std(dim=(0, 2, 3), keepdim=True).expand_as(encoded.structure[:1])
    mean_style = model.style_mean.expand_as(encoded.style)
    style = encoded.style if mode == "warm" else mean_style
    mean_structure = encoded.structure.mean(dim=0, keepdim=True).expand_as(encoded.structure)
    structure = mean_structure if mode == "both" else encoded.structure
    return Start(structure.clone(), style.clone(), spread.clone(), model.style_scale.clone())


def optimise(
    model: L2SAE, images: Tensor, start: Start, mode: str, steps: int, rate: float
) -> Iterator[tuple[Tensor, Tensor]]:
    """Bring the decoded pictures near to ``images`` (B, 3, S, S), each by itself; L1, Adam.

    Args:
        model: in evaluation mode.
        images: what to invert.
        start: from :func:`starting_point`, of these images.
        mode: one of ``MODES``.
        steps: how many.
        rate: Adam's step size, in units of the start's scales.

    Yields:
        Structure (B, C, h, w) and style (B, D) after each step, detached.

    Raises:
        ValueError: the loss is no longer finite.
    """
    moves = {"style": torch.zeros_like(start.style, requires_grad=True)}
    if mode != "style":
        moves["structure"] = torch.zeros_like(start.structure, requires_grad=True)
    optimizer = torch.optim.Adam(moves.values(), rate)
    structure = start.structure
    for step in range(1, steps + 1):
        style = start.style + start.style_scale * moves["style"]
        if mode != "style":
            structure = start.structure + start.structure_scale * moves["structure"]
        loss = (model.decode(structure, style) - images).abs().mean(dim=(1, 2, 3)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if not np.isfinite(loss.item()):  # .item() also waits for the device
            raise ValueError(f"the inversion diverged at step {step} with step size {rate:g}: lower it")
        with torch.no_grad():
            moved = start.style + start.style_scale * moves["style"]
            still = structure if mode == "style" else start.structure + start.structure_scale * moves["structure"]
        yield still.detach(), moved.detach()


def invert_pairs(model: L2SAE, dataset: FaceDataset, roi: str, params: Params, edit_seconds: float) -> dict[str, float]:
    """Time the baseline on the first pairs of faces that both show ``roi``.

    Args:
        model: in evaluation mode.
        dataset: the faces.
        roi: the region to edit.
        params: ``benchmark.inversion_steps`` caps the optimisation; ``edit.compose`` is the composition.
        edit_seconds: time of one edit with the encoder.

    Returns:
        ``seconds`` (median time of one edit by optimisation), ``ratio`` to ``edit_seconds``, ``steps`` (mean), and
        ``reached``, the share of pairs that came as near as the encoder; others count with their time at the cap,
        so that below 1 the ratio is a lower bound.

    Raises:
        ValueError: fewer than two faces show the ROI.
    """
    shown = _showing(dataset, roi_labels(model.rois)[roi])
    if len(shown) < 2:
        raise ValueError(f"{len(shown)} test faces show {roi}: an edit to compare needs two; add test images")
    runs = [invert(model, dataset, roi, pair, params) for pair in pairwise(shown)]
    seconds = edit_seconds + float(np.median([run[0] for run in runs]))
    return {
        "seconds": seconds,
        "ratio": seconds / edit_seconds,
        "steps": float(np.mean([run[1] for run in runs])),
        "reached": float(np.mean([run[2] for run in runs])),
    }


def invert(
    model: L2SAE, dataset: FaceDataset, roi: str, pair: tuple[int, int], params: Params
) -> tuple[float, int, bool]:
    """Seconds and steps of one optimisation, and whether it came as near to the reference as the encoder's style.

    After every step the edit is made with the style found so far, until it comes as near to the reference's colour in
    the ROI as the edit with the encoded style does, or the cap is reached. The optimisation is timed, the rest is not.

    Args:
        model: in evaluation mode.
        dataset: the faces.
        roi: the region to edit.
        pair: indices of the content and the reference in ``dataset``.
        params: as for :func:`invert_pairs`.
    """
    batch = dataset.batch(pair)
    images = batch.images.to(model.device)
    region = (batch.labels == roi_labels(model.rois)[roi])[:, None].to(model.device)
    with torch.inference_mode():
        encoded = model.encode(images[1:])
        editor = FaceEditor(model, images[:1])
        target = region_means(to_lab(images[1:]), region[1:])

    def distance(style: Tensor) -> float:
        with torch.inference_mode():
            edited = editor.render([Layer({roi: Swap(style)})], params.edit.compose)
            return float((region_means(to_lab(edited), region[:1]) - target).norm())

    goal = distance(encoded.style)
    trajectory = optimise(
        model,
        images[1:],
        starting_point(model, images[1:], "style"),
        "style",
        params.benchmark.inversion_steps,
        LEARNING_RATES["style"],
    )
    seconds, step = 0.0, 0
    while True:
        begin = time.perf_counter()
        found = next(trajectory, None)
        if found is None:
            return seconds, step, False
        seconds, step = seconds + time.perf_counter() - begin, step + 1
        if distance(found[1]) <= goal:
            return seconds, step, True


def _showing(dataset: FaceDataset, label: int) -> Sequence[int]:
    """Indices of the first faces whose labels show a ROI."""
    found: list[int] = []
    for index in range(len(dataset)):
        if len(found) <= PAIRS and bool((dataset.batch([index]).labels == label).any()):
            found.append(index)
    return found
