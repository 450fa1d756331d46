"""The iterative baseline: the reference's style found by optimisation instead of by the encoder.

Methods without a style encoder invert a picture: they optimise a latent vector until the generator shows the picture
(image2stylegan, arXiv 1904.03189). Here the style vector is optimised by Adam, from the mean style of the training
faces, so that the decoder reproduces the reference; after every step the edit is made with it, until it comes as near
to the reference's colour in the ROI as the edit with the encoded style does, or the cap is reached. The optimisation is
timed, the comparison is not.
"""

import time
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from l2sae.data import FaceDataset
from l2sae.editing import FaceEditor, Layer, Swap
from l2sae.evaluation.regions import region_means, to_lab
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.rois import roi_labels

PAIRS = 4
LEARNING_RATE = 0.1  # in units of the styles' standard deviation


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
    structure, mean, scale = (x.clone() for x in (encoded.structure, model.style_mean, model.style_scale))
    offset = torch.zeros_like(mean, requires_grad=True)
    optimizer = torch.optim.Adam([offset], LEARNING_RATE)
    seconds = 0.0
    for step in range(1, params.benchmark.inversion_steps + 1):
        start = time.perf_counter()
        loss = (model.decode(structure, (mean + scale * offset)[None]) - images[1:]).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        value = loss.item()  # waits for the device
        seconds += time.perf_counter() - start
        if not np.isfinite(value):
            raise ValueError(f"the inversion of face {pair[1]} diverged at step {step}")
        if distance((mean + scale * offset.detach())[None]) <= goal:
            return seconds, step, True
    return seconds, params.benchmark.inversion_steps, False


def _showing(dataset: FaceDataset, label: int) -> Sequence[int]:
    """Indices of the first faces whose labels show a ROI."""
    found: list[int] = []
    for index in range(len(dataset)):
        if len(found) <= PAIRS and bool((dataset.batch([index]).labels == label).any()):
            found.append(index)
    return found
