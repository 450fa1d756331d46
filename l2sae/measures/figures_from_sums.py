"""From sums over images to the figures of ``metrics/evaluate.json``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2sae.editing.compose import COMPOSITIONS
from l2sae.measures.metric_files import put
from l2sae.measures.registry import entries
from l2sae.measures.running_sums import Array, interval, resampling_weights, weighted_medians, weighted_totals

CONDITION_FIGURES = {
    "miou": "masks.miou", "transfer": "style.transfer.mean", "psnr": "reconstruction.psnr",
    "outside_share": "locality.outside_share",
}  # fmt: skip
"""Figures of each condition and group -> the figures of the registry that they are."""
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
    weights = resampling_weights(images, resamples, seed)
    totals = weighted_totals(columns, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        figures = {one.key: _mean(totals, one.key) for one in entries("evaluate") if one.key in totals}
        figures |= _masks(totals, rois) | _style(totals, rois, compose) | _hues(columns, weights, rois)
        for name in ("outside_mean", "outside_share", "inside_mean"):
            figures[f"locality.{name}"] = totals[name].sum(axis=1) / totals[f"{name}/n"].sum(axis=1)
        figures["structure.edge_correlation"] = _over_rois(_mean(totals, "edges"))
    result = with_intervals(figures)
    for i, name in enumerate(rois):
        put(result, f"style.transfer.pairs.{name}", int(totals["distance_before/n"][0, i]))
    return result


def with_intervals(figures: Figures) -> dict[str, Any]:
    """Nested figures, the first of each key's samples, and intervals under ``ci``; undefined ones are left out."""
    result: dict[str, Any] = {}
    for key, value in figures.items():
        if np.isfinite(value[0]):
            put(result, key, float(value[0]))
            put(result, f"ci.{key}", interval(value[1:]))
    return result


def counterfactual_figures(
    columns: Mapping[str, Array], rois: Sequence[str], methods: Sequence[str], prefix: str, resamples: int, seed: int
) -> dict[str, Any]:
    """Figures of edits against true pictures, with their intervals under ``ci``.

    Args:
        columns: from :func:`l2sae.measures.counterfactuals.measure_counterfactuals`.
        rois: names of the ROIs, in the order of the columns' second axis.
        methods: whose edits were measured.
        prefix: of the keys.
        resamples: bootstrap resamples over faces.
        seed: of the resampling.
    """
    weights = resampling_weights(len(columns["patches.none"]), resamples, seed)
    totals = weighted_totals(columns, weights)
    figures: Figures = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for method in methods:
            found = {name: _mean(totals, f"{name}.{method}") for name in ("psnr", "delta_e")}
            found["texture"] = _travelled(totals, f"patches.{method}", "patches.none")
            found["transfer"] = _travelled(totals, f"distance.{method}", "distance.none")
            for name, values in found.items():
                for roi, key in [*enumerate(rois), (None, "mean")]:
                    value = _over_rois(values) if roi is None else values[:, roi]
                    figures[f"{prefix}.{method}.{key}.{name}"] = value
        travelled = _travelled(totals, "distance.truth", "distance.none")
        figures[f"{prefix}.truth.mean.transfer"] = _over_rois(travelled)
    result = with_intervals(figures)
    for i, name in enumerate(rois):
        put(result, f"{prefix}.pairs.{name}", int(totals["patches.none/n"][0, i]))
    return result


def robustness_figures(columns: Mapping[str, Array], weights: Array) -> Figures:
    """Figures of one set of images under each row of weights: name -> (W,), NaN where a figure is undefined.

    Args:
        columns: ``overlap`` (N, R, 3), ``distance_after``, ``distance_before`` and ``outside_share`` (N, R), ``psnr``
            (N,), with their counts, as a tally gives them.
        weights: (W, N), how often each image counts.

    Returns:
        ``miou``, ``transfer``, ``psnr``, ``outside_share``, defined as in ``metrics/evaluate.json``.
    """
    totals = weighted_totals(columns, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou, _ = _overlap(totals, "overlap")
        return {
            "miou": _over_rois(iou),
            "transfer": _over_rois(_travelled(totals, "distance_after", "distance_before")),
            "psnr": _mean(totals, "psnr"),
            "outside_share": totals["outside_share"].sum(axis=1) / totals["outside_share/n"].sum(axis=1),
        }


def _mean(totals: Mapping[str, Array], name: str) -> Array:
    return totals[name] / totals[f"{name}/n"]


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
        transfer = _travelled(totals, f"distance_after_{name}", "distance_before")
        figures |= _with_mean(f"style.transfer_{name}", transfer, rois)
        if name == compose:
            figures |= _with_mean("style.transfer", transfer, rois)
    figures |= _by_roi("style.noise_diversity", _mean(totals, "diversity"), rois)
    for name in ("texture", "patches"):
        figures |= _with_mean(f"style.{name}", _travelled(totals, f"{name}_after", f"{name}_before"), rois)
        reached = _travelled(totals, f"{name}_after_reinhard", f"{name}_before")
        figures |= _with_mean(f"baseline.reinhard.{name}", reached, rois)
    reached = _travelled(totals, "distance_after_reinhard", "distance_before")
    return figures | _with_mean("baseline.reinhard.transfer", reached, rois)


def _hues(columns: Mapping[str, Array], weights: Array, rois: Sequence[str]) -> Figures:
    """Median hue errors in degrees, of the default composition and of Reinhard's method."""
    figures: Figures = {}
    for name, key in (("hue", "style.hue_error"), ("hue_reinhard", "baseline.reinhard.hue_error")):
        values, valid = columns[name], columns[f"{name}/n"]
        medians = [weighted_medians(values[..., r], valid[..., r], weights) for r in range(len(rois))]
        figures |= _with_mean(key, np.stack(medians, axis=1), rois)
    return figures


def _travelled(totals: Mapping[str, Array], after: str, before: str) -> Array:
    """1 - (distance to the reference after the edit) / (distance before it), sums over pairs; (W, R)."""
    return 1 - totals[after] / totals[before]


def _over_rois(values: Array) -> Array:
    """Mean over the ROIs with a defined value, (W, R) -> (W,)."""
    valid = np.isfinite(values)
    return np.where(valid, values, 0).sum(axis=1) / valid.sum(axis=1)


def _by_roi(prefix: str, values: Array, rois: Sequence[str]) -> Figures:
    return {f"{prefix}.{name}": values[:, i] for i, name in enumerate(rois)}


def _with_mean(prefix: str, values: Array, rois: Sequence[str]) -> Figures:
    """Figures of each ROI, (W, R) values, and their mean."""
    return {**_by_roi(prefix, values, rois), f"{prefix}.mean": _over_rois(values)}
