"""Does each slice of the structure tensor hold its own ROI, and no other's?"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.measures.regions import overlap_iou
from l2sae.model import L2SAE

_RIDGE = 1e-3  # relative to the features' mean variance
_THRESHOLDS = 64
_BATCH = 32


@torch.inference_mode()
def matte_responses(model: L2SAE, structures: Tensor, generator: torch.Generator) -> Tensor:
    """How much each matte changes when one slice is perturbed: (R, R, S, S), slice by matte, mean over images.

    Each slice gets Gaussian noise of its own standard deviation, channel by channel.

    Args:
        model: the model.
        structures: (N, C, h, w), of at least two images.
        generator: CPU source of the noise.

    Returns:
        Mean absolute change of the mattes at each pixel, 0 or more.
    """
    scale = structures.std(dim=(0, 2, 3)).cpu()[:, None, None]
    responses = [torch.zeros((), dtype=torch.float64) for _ in model.roi_names]
    for chunk in structures.split(_BATCH):
        chunk = chunk.to(model.device)
        before = torch.cat(list(model.masks(chunk).values()), dim=1)
        for r, name in enumerate(model.roi_names):
            noise = torch.randn(chunk.shape, generator=generator) * scale
            perturbed, part = chunk.clone(), model.slices[name]
            perturbed[:, part] += noise[:, part].to(chunk)
            after = torch.cat(list(model.masks(perturbed).values()), dim=1)
            responses[r] = responses[r] + (after - before).abs().sum(dim=0).cpu()
    return (torch.stack(responses) / len(structures)).float()


def cross_talk(model: L2SAE, structures: Tensor, generator: torch.Generator) -> float:
    """Change of the other ROIs' mattes over that of the own, when a slice is perturbed; mean over slices.

    See :func:`matte_responses`. 0 is perfect, and what a mask predictor that sees one slice at a time reaches by
    construction; with a single ROI there is nothing to compare, and the result is 0.

    Args:
        model: the model.
        structures: (N, C, h, w), of at least two images.
        generator: CPU source of the noise.

    Returns:
        The ratio, 0 or more.
    """
    changes = matte_responses(model, structures, generator).sum(dim=(2, 3))
    own = changes.diagonal()
    others = (changes.sum(dim=1) - own) / max(1, len(changes) - 1)
    return float(torch.where(own > 0, others / own.clamp(min=1e-12), 0.0).mean())


def probe_figures(
    structures: Tensor, labels: Tensor, slices: Mapping[str, slice], rois: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Linear probes: how well each ROI can be read off its own slice, and off the best of the other slices.

    A probe is a ridge regression from the channels of one slice at a place to the ROI's presence there, with a
    threshold chosen on the images it was fitted to. Even images fit, odd images test.

    Args:
        structures: (N, C, h, w), N of 2 or more.
        labels: (N, H, W) ids 0..len(rois), at the size at which IoU is measured.
        slices: channels of each ROI and of ``context``.
        rois: names of the ROIs, label ids 1, 2, ...

    Returns:
        ``probe`` (own IoU minus the best other's), ``probe_own`` and ``probe_other``, each ROI -> figure. ROIs that
        either half of the images does not show are left out.
    """
    candidates = [name for name, part in slices.items() if part.stop > part.start]
    figures: dict[str, dict[str, float]] = {"probe": {}, "probe_own": {}, "probe_other": {}}
    scores = {name: _probe(structures[:, slices[name]], labels, len(rois)) for name in candidates}
    for i, roi in enumerate(rois):
        own = float(scores[roi][i])
        others = [float(scores[name][i]) for name in candidates if name != roi]
        if own != own or not others:
            continue
        figures["probe"][roi] = own - max(others)
        figures["probe_own"][roi] = own
        figures["probe_other"][roi] = max(others)
    return figures


def _probe(features: Tensor, labels: Tensor, rois: int) -> Tensor:
    """IoU on odd images of probes for every ROI from one slice (N, c, h, w); NaN where an ROI is absent. (rois,)."""
    targets = F.one_hot(labels.long(), rois + 1)[..., 1:].movedim(-1, 1).float()
    small = F.adaptive_avg_pool2d(targets, (features.shape[-2], features.shape[-1]))
    x = features.movedim(1, -1)
    weights = _ridge(x[::2].flatten(0, 2), small[::2].movedim(1, -1).flatten(0, 2))
    predictions = (x @ weights[:-1] + weights[-1]).movedim(-1, 1)
    predictions = F.interpolate(predictions, size=labels.shape[-2:], mode="bilinear")
    truth = targets > 0.5
    chosen = torch.stack([_best_threshold(predictions[::2, i], truth[::2, i]) for i in range(rois)])
    tested = overlap_iou(predictions[1::2] > chosen[:, None, None], truth[1::2])
    shown = truth[::2].any(dim=(0, 2, 3)) & truth[1::2].any(dim=(0, 2, 3))
    return torch.where(shown, tested, torch.nan)


def _ridge(x: Tensor, y: Tensor) -> Tensor:
    """Weights (c + 1, k) of the ridge regression from x (n, c) and a constant to y (n, k), in closed form."""
    x = torch.cat([x, torch.ones(len(x), 1)], dim=1).double()
    gram = x.T @ x / len(x)
    penalty = torch.eye(len(gram), dtype=gram.dtype) * _RIDGE * gram.diagonal()[:-1].mean()
    penalty[-1, -1] = 0
    return torch.linalg.solve(gram + penalty, x.T @ y.double() / len(x)).float()


def _best_threshold(predictions: Tensor, truth: Tensor) -> Tensor:
    """The threshold on predictions (any shape) that gives the highest IoU with truth (bool), one of 64."""
    low, high = predictions.aminmax()
    width = (high - low).clamp(min=1e-12) / _THRESHOLDS
    bins = ((predictions - low) / width).long().clamp(0, _THRESHOLDS - 1)
    above = torch.bincount(bins.flatten(), minlength=_THRESHOLDS).flip(0).cumsum(0).flip(0)
    both = torch.bincount(bins[truth], minlength=_THRESHOLDS).flip(0).cumsum(0).flip(0)
    return low + width * (both / (above + truth.sum() - both)).argmax()


def disentanglement(model: L2SAE, structures: Tensor, labels: Tensor, seed: int) -> dict[str, Any]:
    """The group ``disentanglement`` of the metrics, see :func:`cross_talk` and :func:`probe_figures`."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "cross_talk": cross_talk(model, structures, generator),
        **probe_figures(structures, labels, model.slices, model.roi_names),
    }
