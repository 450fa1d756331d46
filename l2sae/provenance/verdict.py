"""The provenance stage: every figure of ``metrics/provenance.json``, and what its pictures are drawn from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from l2sae.data import FaceDataset
from l2sae.editing.compose import COMPOSITIONS
from l2sae.measures.metric_files import put
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.display import as_pictures
from l2sae.provenance.attack_table import as_exported, measure_manifest, measure_watermark, second_edit
from l2sae.provenance.attacks import SECOND_EDIT, Attack, get_attack
from l2sae.provenance.detector.detection_figures import Scores, auc_by_rois, measure_detector
from l2sae.provenance.detector.known_edits import EditedFace, Picture, measured_edits, training_edits
from l2sae.provenance.detector.localiser import SHIPPED, Localiser, load_localiser
from l2sae.provenance.detector.localiser_training import FINE_TUNING_RATE, LEARNING_RATE, Schedule, train_localiser
from l2sae.provenance.pattern_mark import PatternMark

Progress = Callable[[str], object]


@dataclass(frozen=True)
class DetectorResult:
    """Figures of the localiser, the edits that it was measured on, and its scores by composition and attack."""

    figures: dict[str, Any]
    faces: dict[str, list[EditedFace]]
    scores: dict[tuple[str, str], Scores]


def fit_localiser(model: L2SAE, train: FaceDataset, params: Params, progress: Progress = print) -> Localiser:
    """Train the localiser on edits that ``model`` makes of the training split.

    It goes on from the shipped one, or begins anew, as ``provenance.localiser_init`` says.
    """
    given = params.provenance
    faces = training_edits(model, train, given.localiser_faces, params.seed)
    progress(f"provenance: localiser: {len(faces)} edited faces to learn from")
    init = None if given.localiser_init is None else load_localiser(SHIPPED).net
    schedule = Schedule(given.localiser_steps, learning_rate=LEARNING_RATE if init is None else FINE_TUNING_RATE)
    return train_localiser(faces, schedule, params.seed, progress, init, str(model.device))


def evaluate_localiser(
    localiser: Localiser,
    model: L2SAE,
    test: FaceDataset,
    params: Params,
    other: L2SAE | None = None,
    progress: Progress = print,
) -> DetectorResult:
    """Measure the localiser on edits of faces, and with styles, that it has not seen.

    Args:
        localiser: a trained one.
        model: makes the edits.
        test: the test split.
        params: ``provenance`` and ``seed`` are used.
        other: the shipped model. The figures under ``other_model``, without attacks, are of a localiser against edits
            of a model that it has not seen. A localiser that was trained on ``model`` alone looks at the edits of
            ``other``. One that went on from the shipped localiser has seen both; so the shipped localiser, which has
            seen ``other`` alone, looks at the edits of ``model``. None and models for other ROIs or sizes are left
            out.
        progress: called with one plain line at a time.
    """
    given = params.provenance
    attacks = photo_attacks(given.attacks)
    faces = {compose: measured_edits(model, test, given.edits, compose) for compose in COMPOSITIONS}
    figures, scores = measure_detector(localiser, faces, attacks, given.bootstrap, params.seed, progress)
    for compose in COMPOSITIONS:
        figures[compose]["edits"] = len(faces[compose])
        unharmed = scores.get((compose, "none"))
        for rois, auc in (auc_by_rois(unharmed) if unharmed else {}).items():
            put(figures, f"{compose}.by_roi.{rois}.auc", auc)
    if other is not None and comparable(other, model):
        watcher, unseen = load_localiser(SHIPPED), faces
        if given.localiser_init is None:
            watcher = localiser
            unseen = {compose: measured_edits(other, test, given.edits, compose) for compose in COMPOSITIONS}
        clean = [get_attack("none")]
        seen, _ = measure_detector(watcher, unseen, clean, given.bootstrap, params.seed, progress)
        figures["ci"]["other_model"] = seen.pop("ci")
        figures["other_model"] = seen
    return DetectorResult(figures, faces, scores)


def photo_attacks(names: Sequence[str]) -> list[Attack]:
    """The attacks called ``names`` that leave a photo unedited: all but a second edit."""
    return [get_attack(name) for name in names if name != SECOND_EDIT]


def comparable(one: L2SAE, other: L2SAE) -> bool:
    """Whether two different models edit the same ROIs at the same size."""
    if one.roi_names != other.roi_names or one.image_size != other.image_size:
        return False
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=False)
    return any(a.shape != b.shape or not torch.equal(a.cpu(), b.cpu()) for a, b in pairs)


def first_pictures(dataset: FaceDataset, count: int) -> list[Picture]:
    """The first ``count`` faces of a split, or all where there are fewer, as (S, S, 3) uint8."""
    return as_pictures(dataset.batch(range(min(count, len(dataset)))).images)


def measure_marks(
    test: FaceDataset, model: L2SAE, params: Params, folder: Path, progress: Progress = print
) -> dict[str, Any]:
    """Figures of watermark and manifest on the test split.

    Args:
        test: the test split; its first faces are marked, others stay unmarked.
        model: makes the second edit, where that is among the attacks.
        params: ``provenance``, ``edit`` and ``seed`` are used.
        folder: an empty one, for files that are of no use afterwards.
        progress: called with one plain line at a time.

    Returns:
        Nested figures ``watermark``, ``manifest`` and ``counts``, with intervals under ``ci``.
    """
    given, watermark = params.provenance, PatternMark()
    pictures = [as_exported(picture) for picture in first_pictures(test, given.images)]
    unmarked = [as_exported(picture) for picture in first_pictures(test, given.unmarked)]
    again = second_edit(model, pictures[-1], params.edit.compose)
    attacks = [get_attack(name, again) for name in given.attacks]
    mark, marked = measure_watermark(watermark, pictures, unmarked, attacks, given.bootstrap, params.seed, progress)
    manifest = measure_manifest(marked, watermark, folder)
    progress(f"provenance: manifest: {len(marked)} pictures signed")
    counts = {"marked": len(pictures), "unmarked": len(unmarked)}
    return join_figures({"counts": counts}, watermark=mark, manifest=manifest)


def join_figures(figures: Mapping[str, Any], **groups: Mapping[str, Any]) -> dict[str, Any]:
    """Join groups of figures to ``figures``; the intervals under each group's ``ci`` are joined under one ``ci``."""
    joined = dict(figures)
    intervals = dict(figures.get("ci", {}))
    for name, group in groups.items():
        joined[name] = {key: value for key, value in group.items() if key != "ci"}
        intervals[name] = group["ci"]
    return joined | {"ci": intervals}
