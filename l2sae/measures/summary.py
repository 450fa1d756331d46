"""From sums over images to the figures of ``metrics/evaluate.json``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2sae.measures.metric_files import put
from l2sae.measures.running_sums import Array, interval, resampling_weights, weighted_totals

COMPOSITIONS = ("detail", "replace")
Figures = dict[str, Array]


def summarise(
    columns: Mapping[str, Array], rois: Sequence[str], compose: str, resamples: int, seed: int
) -> dict[str, Any]:
    """All figures that are functions of per-image statistics, with their bootstrap intervals under ``ci``.

    Args:
        columns: columns of the evaluation's tally.
        rois: names of the ROIs, in the order of the columns' second axis.
        compose: the default composition, whose figures are those of ``style.transfer``.
        resamples: bootstrap resamples over images.
        seed: of the resampling.

    Returns:
        Nested figures. A figure that is undefined, such as the IoU of an ROI that no image shows, is left out.
    """
    images = len(next(iter(columns.values())))
    totals = weighted_totals(columns, resampling_weights(images, resamples, seed))
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = _quality(totals) | _masks(totals, rois) | _style(totals, rois, compose)
        figures |= _locality(totals) | {"structure.edge_correlation": _over_rois(_mean(totals, "edges"))}
    defined = {key: value for key, value in figures.items() if np.isfinite(value[0])}
    result: dict[str, Any] = {}
    for key, value in defined.items():
        put(result, key, float(value[0]))
        put(result, f"ci.{key}", interval(value[1:]))
    _pairs(result, totals, rois)
    return result


def robustness_figures(columns: Mapping[str, Array], weights: Array) -> Figures:
    """Figures of one set of images under each row of weights: name -> (W,), NaN where a figure is undefined.

    Args:
        columns: ``overlap`` (N, R, 3), ``left``, ``way`` and ``outside_share`` (N, R), ``psnr`` (N,), with their
            counts, as a tally gives them.
        weights: (W, N), how often each image counts.

    Returns:
        ``miou``, ``transfer``, ``psnr``, ``outside_share``, defined as in ``metrics/evaluate.json``.
    """
    totals = weighted_totals(columns, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou, _ = _overlap(totals, "overlap")
        return {
            "miou": _over_rois(iou),
            "transfer": _over_rois(_travelled(totals, "left", "way")),
            "psnr": _mean(totals, "psnr"),
            "outside_share": totals["outside_share"].sum(axis=1) / totals["outside_share/n"].sum(axis=1),
        }


def _mean(totals: Mapping[str, Array], name: str) -> Array:
    return totals[name] / totals[f"{name}/n"]


def _quality(totals: Mapping[str, Array]) -> Figures:
    keys = {
        "reconstruction.psnr": "psnr",
        "reconstruction.ssim": "ssim",
        "reconstruction.l1": "l1",
        "baseline.blur.psnr": "blur",
    }
    return {key: _mean(totals, name) for key, name in keys.items()}


def _locality(totals: Mapping[str, Array]) -> Figures:
    keys = {"outside_mean": "outside", "outside_share": "outside_share", "inside_mean": "inside"}
    return {f"locality.{key}": totals[name].sum(axis=1) / totals[f"{name}/n"].sum(axis=1) for key, name in keys.items()}


def _overlap(totals: Mapping[str, Array], name: str) -> tuple[Array, Array]:
    """IoU and F1 of each ROI, (W, R) each, from intersection, prediction and truth."""
    both, predicted, truth = np.moveaxis(totals[name], -1, 0)
    return both / (predicted + truth - both), 2 * both / (predicted + truth)


def _masks(totals: Mapping[str, Array], rois: Sequence[str]) -> Figures:
    iou, f1 = _overlap(totals, "overlap")
    constant, _ = _overlap(totals, "constant")
    edited, _ = _overlap(totals, "edited")
    miou = _over_rois(iou)
    return {
        **_by_roi("masks.iou", iou, rois),
        "masks.miou": miou,
        **_by_roi("masks.f1", f1, rois),
        "masks.mean_f1": _over_rois(f1),
        "masks.boundary_f1": _over_rois(_mean(totals, "boundary")),
        "structure.miou_drop": miou - _over_rois(edited),
        "baseline.constant_mask.miou": _over_rois(constant),
    }


def _style(totals: Mapping[str, Array], rois: Sequence[str], compose: str) -> Figures:
    figures: Figures = {}
    for name in COMPOSITIONS:
        transfer = _travelled(totals, f"left_{name}", "way")
        figures |= _by_roi(f"style.transfer_{name}", transfer, rois)
        figures[f"style.transfer_{name}.mean"] = _over_rois(transfer)
        if name == compose:
            figures |= _by_roi("style.transfer", transfer, rois)
            figures["style.transfer.mean"] = _over_rois(transfer)
    figures |= _by_roi("style.texture", _travelled(totals, "texture_left", "texture_way"), rois)
    figures |= _by_roi("style.noise_diversity", _mean(totals, "diversity"), rois)
    figures["baseline.reinhard.transfer"] = _over_rois(_travelled(totals, "left_reinhard", "way"))
    return figures


def _travelled(totals: Mapping[str, Array], left: str, way: str) -> Array:
    """1 - (distance left to the reference) / (distance at first), sums over pairs; (W, R)."""
    return 1 - totals[left] / totals[way]


def _over_rois(values: Array) -> Array:
    """Mean over the ROIs, (W, R) -> (W,), those left out that are undefined."""
    valid = np.isfinite(values)
    return np.where(valid, values, 0).sum(axis=1) / valid.sum(axis=1)


def _by_roi(prefix: str, values: Array, rois: Sequence[str]) -> Figures:
    return {f"{prefix}.{name}": values[:, i] for i, name in enumerate(rois)}


def _pairs(result: dict[str, Any], totals: Mapping[str, Array], rois: Sequence[str]) -> None:
    for i, name in enumerate(rois):
        put(result, f"style.transfer.pairs.{name}", int(totals["way/n"][0, i]))
