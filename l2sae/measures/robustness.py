"""The robustness stage: quality under growing difficulty, and by group of faces; ``metrics/robustness.json``.

Any model that offers the four methods of :class:`RobustnessSubject` can be measured. Figures are those of
``metrics/evaluate.json``: mIoU of the mattes against the truth, style transfer of single-ROI swaps to the next face's
undisturbed picture, PSNR of the reconstruction against the picture that was given, and the share of pixels outside the
edited ROI that change.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from l2sae.data import FaceDataset
from l2sae.editing import FaceEditor, Swap
from l2sae.measures.face_groups import group_figures, known_of_faces
from l2sae.measures.figures_from_sums import robustness_figures
from l2sae.measures.metric_files import put
from l2sae.measures.parallel import batches, side_by_side
from l2sae.measures.reconstruction import eight_bit, resized
from l2sae.measures.region_edits import RegionEdits, where_visible
from l2sae.measures.region_match import match_regions
from l2sae.measures.regions import one_hot, overlap_counts, region_means, to_lab
from l2sae.measures.robustness_conditions import (
    CONDITIONS,
    NEEDS_RENDERING,
    SEVERITIES,
    Condition,
    FacePictures,
    FaceSource,
)
from l2sae.measures.running_sums import Array, Tally, interval, resampling_weights
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.fidelity import psnr
from l2sae.rois import Roi

HALVED = ("miou", "transfer")  # figures whose half is a statement; half the decibels is none
SMALLEST_SIZE = 128
_BATCH = 16

Progress = Callable[[str], object]
Columns = dict[str, Tensor]


class RobustnessSubject(Protocol):
    """What is measured: anything that segments faces, reconstructs them, and swaps the style of single ROIs.

    Images are (B, 3, S, S) in [-1, 1] at the figures' size S; codes are the subject's own affair.
    """

    @property
    def roi_names(self) -> tuple[str, ...]:
        """Names of the ROIs, in the order of the label ids 1, 2, ..."""

    @property
    def device(self) -> torch.device:
        """Where images are expected."""

    def encode(self, images: Tensor) -> Any:
        """What the other methods need to know of these images."""

    def reconstruct(self, code: Any) -> Tensor:
        """The images that ``code`` stands for, (B, 3, S, S)."""

    def mask(self, code: Any) -> Tensor:
        """Mattes of all ROIs, (B, R, S, S) in [0, 1]."""

    def edit(self, code: Any, reference: Any, roi: str) -> Tensor:
        """The images with the style of ``reference``, a code of as many images, in one ROI; (B, 3, S, S)."""


@dataclass(frozen=True)
class EncodedFaces:
    """A batch as :class:`L2SAESubject` knows it: an editor, and the swap to these faces' styles."""

    editor: FaceEditor
    swap: Swap


class L2SAESubject:
    """L2SAE as a subject of the benchmark: edits are those of :func:`l2sae.edit` in the composition ``compose``."""

    def __init__(self, model: L2SAE, compose: str = "detail", rois: Sequence[Roi] | None = None) -> None:
        self.model, self.compose = model, compose
        self.match = match_regions(model, rois or model.rois)

    @property
    def roi_names(self) -> tuple[str, ...]:
        """Names of the ROIs: ``rois``, or the model's own."""
        return self.match.names

    @property
    def device(self) -> torch.device:
        """Device of the model."""
        return self.model.device

    def encode(self, images: Tensor) -> EncodedFaces:
        """Images (B, 3, S, S) as an editor of them, and the swap to their styles."""
        editor = FaceEditor(self.model, images)
        return EncodedFaces(editor, Swap(editor.latents.style))

    def reconstruct(self, code: EncodedFaces) -> Tensor:
        """Decoded images (B, 3, S, S)."""
        latents = code.editor.latents
        return resized(self.model.decode(latents.structure, latents.style, latents.mattes), code.editor.photo.shape[-1])

    def mask(self, code: EncodedFaces) -> Tensor:
        """Predicted mattes (B, R, S, S)."""
        mattes = torch.cat(list(code.editor.mattes().values()), dim=1)
        return self.match.mattes(resized(mattes, code.editor.photo.shape[-1]))

    def edit(self, code: EncodedFaces, reference: EncodedFaces, roi: str) -> Tensor:
        """Swap of one ROI at full strength, (B, 3, S, S)."""
        return code.editor.render([self.match.layer(self.match.names.index(roi), reference.swap)], self.compose)


def robustness(
    subject: RobustnessSubject, dataset: FaceDataset, params: Params, labels: str, progress: Progress = print
) -> dict[str, Any]:
    """Compute the figures of ``metrics/robustness.json``.

    Args:
        subject: the model.
        dataset: the test split.
        params: ``robustness``, ``data``, ``rois`` and ``seed`` are used.
        labels: kind of the labels: ``human``, ``rendered`` or ``weak``.
        progress: called with one plain line at a time.

    Returns:
        Each condition has a list of {severity, level, miou, transfer, psnr, outside_share}, or None with a reason
        beside it. ``undisturbed`` holds the same at severity 0, ``half`` where a figure falls to half of that, and
        ``groups`` the same figures by skin tone, pose, and so on. ``ci`` repeats the nesting with [low, high].
        Undefined figures are left out.

    Raises:
        ValueError: the split has fewer than two images, so that nothing can be swapped.
    """
    if len(dataset) < 2:
        raise ValueError(f"the test split has {len(dataset)} image: swaps need two; change data.split or data.count")
    size = max(SMALLEST_SIZE, dataset.image_size)
    count = min(len(dataset), params.robustness.faces)
    source = FaceSource(dataset, params, size, count)
    weights = resampling_weights(count, params.robustness.bootstrap, params.seed)
    figures: dict[str, Any] = {"labels": labels, "counts": {"faces": count}, "ci": {"undisturbed": {}}}
    figures |= {"undisturbed": {}, "half": {}}
    for name, condition in CONDITIONS.items():
        if not source.offers(condition):
            figures |= {name: None, f"{name}_reason": NEEDS_RENDERING}
            continue
        rows, bounds = _condition_figures(subject, source, condition, weights)
        figures["undisturbed"][name], figures["ci"]["undisturbed"][name] = rows[0], bounds[0]
        levels = zip(SEVERITIES, condition.levels, rows[1:], strict=True)
        figures[name] = [{"severity": severity, "level": level, **row} for severity, level, row in levels]
        figures["ci"][name] = bounds[1:]
        figures["half"][name] = half_points(rows, condition.levels)
        put(figures, f"units.{name}", condition.unit)
        progress(f"robustness: {name}: {count} faces at {len(SEVERITIES)} severities")
    groups = measure_groups(subject, dataset, params, size)
    figures["groups"], figures["ci"]["groups"] = groups
    progress(f"robustness: {len(groups[0])} attributes of {min(len(dataset), params.robustness.group_faces)} faces")
    return figures


def measure(subject: RobustnessSubject, faces: FacePictures, references: FacePictures, wanted: Any) -> Columns:
    """Columns of per-image statistics for :func:`l2sae.measures.figures_from_sums.robustness_figures`.

    Args:
        subject: the model.
        faces: B faces, as the condition left them.
        references: B undisturbed faces, whose styles the edits take.
        wanted: the references' code.
    """
    rois = subject.roi_names
    photos = faces.photos.to(subject.device)
    regions = one_hot(faces.labels, len(rois)).to(subject.device)
    target = region_means(
        to_lab(references.photos.to(subject.device)), one_hot(references.labels, len(rois)).to(photos)
    )
    code = subject.encode(photos)
    edits = RegionEdits(photos, regions)
    rows = []
    for r, roi in enumerate(rois):
        edited = eight_bit(subject.edit(code, wanted, roi))
        before, after = (edits.distance(images, r, target[:, r]) for images in (photos, edited))
        share = edits.changes(edited, r)["outside_share"]
        rows.append((where_visible(before, before), where_visible(after, before), share))
    before, after, share = (torch.stack(values, dim=1) for values in zip(*rows, strict=True))
    return {
        "overlap": overlap_counts(subject.mask(code) > 0.5, regions),
        "psnr": psnr(subject.reconstruct(code), photos),
        "distance_before": before,
        "distance_after": after,
        "outside_share": share,
    }


def half_points(rows: Sequence[Mapping[str, float]], levels: Sequence[float]) -> dict[str, dict[str, Any]]:
    """Where mIoU and style transfer fall to half of what they are at severity 0.

    Args:
        rows: figures at severities 0, 1, 2, ...
        levels: of severities 1, 2, ...

    Returns:
        Figure -> ``reached``, and the ``severity`` and ``level`` at which the line through the measured points first
        crosses the half; where it is not reached, those of the last point. Before severity 1 there is no level: it is
        left out.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in HALVED:
        if name not in rows[0] or rows[0][name] <= 0:
            continue
        points = [(severity, row[name]) for severity, row in enumerate(rows) if name in row]
        found[name] = {"reached": False, "severity": points[-1][0]}
        half = rows[0][name] / 2
        for (before, high), (after, low) in pairwise(points):
            if low <= half:
                crossed = before + (after - before) * (high - half) / (high - low)
                found[name] = {"reached": True, "severity": crossed}
                break
        if found[name]["severity"] >= 1:
            found[name]["level"] = float(np.interp(found[name]["severity"], range(1, len(levels) + 1), levels))
    return found


def _condition_figures(
    subject: RobustnessSubject, source: FaceSource, condition: Condition, weights: Array
) -> tuple[list[dict[str, float]], list[dict[str, list[float]]]]:
    """Figures and their intervals at severities 0 to 5."""
    tallies = [Tally() for _ in (0, *SEVERITIES)]
    work = partial(_measure_severities, subject, source, condition)
    for of_batch in side_by_side(work, batches(source.count, _BATCH), subject.device):
        for tally, columns in zip(tallies, of_batch, strict=True):
            tally.add_all(columns)
    results = [_with_intervals(robustness_figures(tally.columns(), weights)) for tally in tallies]
    return [values for values, _ in results], [bounds for _, bounds in results]


def _measure_severities(
    subject: RobustnessSubject, source: FaceSource, condition: Condition | None, indices: tuple[int, ...]
) -> list[Columns]:
    """Columns of one batch at severity 0 and, under a condition, at 1 to 5."""
    faces, references = source.with_references(indices, condition)
    wanted = subject.encode(references.photos.to(subject.device))
    columns = [measure(subject, faces, references, wanted)]
    for severity in SEVERITIES if condition else ():
        columns.append(measure(subject, source.at(indices, condition, severity), references, wanted))
    return columns


def measure_groups(
    subject: RobustnessSubject, dataset: FaceDataset, params: Params, size: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Figures of the faces by what is recorded of them, and by the tone of their skin; see `group_figures`."""
    count = min(len(dataset), params.robustness.group_faces)
    source = FaceSource(dataset, params, size, count)
    tally = Tally()
    work = partial(_measure_severities, subject, source, None)
    for [columns] in side_by_side(work, batches(count, _BATCH), subject.device):
        tally.add_all(columns)
    weights = resampling_weights(count, params.robustness.bootstrap, params.seed)
    return group_figures(tally.columns(), known_of_faces(dataset, count), weights)


def _with_intervals(samples: Mapping[str, Array]) -> tuple[dict[str, float], dict[str, list[float]]]:
    defined = {name: values for name, values in samples.items() if np.isfinite(values[0])}
    return {name: float(v[0]) for name, v in defined.items()}, {name: interval(v[1:]) for name, v in defined.items()}
