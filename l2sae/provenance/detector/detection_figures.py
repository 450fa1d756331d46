"""Figures of the localiser: area under the ROC curve and pixel IoU, for each composition and attack."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2sae.measures.metric_files import put
from l2sae.measures.running_sums import interval, resampling_weights
from l2sae.provenance.attacks import Attack
from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.detector.localiser import Localiser

BATCH = 16
HEAT = 0.5
"""Heat from which a pixel counts as reported."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scores:
    """What the localiser says of N photos and of their edits under one attack.

    Attributes:
        photo: scores of the photos, (N,).
        edited: scores of their edits, (N,).
        both: pixels of the edit that the heat map reports, (N,).
        either: pixels that are edited or reported, (N,).
        rois: regions edited in each.
    """

    photo: Array
    edited: Array
    both: Array
    either: Array
    rois: tuple[tuple[str, ...], ...]


def score_faces(localiser: Localiser, faces: Sequence[EditedFace], attack: Attack) -> Scores:
    """Attack photos and edits alike, and look at both; the truth moves along with the pixels."""
    parts: dict[str, list[Array]] = {"photo": [], "edited": [], "both": [], "either": []}
    for start in range(0, len(faces), BATCH):
        batch = faces[start : start + BATCH]
        parts["photo"].append(localiser.look([attack(face.photo) for face in batch])[0])
        scores, maps = localiser.look([attack(face.edited) for face in batch])
        parts["edited"].append(scores)
        truths = [attack.moved(face.truth) for face in batch]
        reported = [heat >= HEAT for heat in maps]
        pairs = list(zip(truths, reported, strict=True))
        parts["both"].append(np.array([np.count_nonzero(t & r) for t, r in pairs], dtype=np.float64))
        parts["either"].append(np.array([np.count_nonzero(t | r) for t, r in pairs], dtype=np.float64))
    joined = {name: np.concatenate(values) for name, values in parts.items()}
    return Scores(**joined, rois=tuple(face.rois for face in faces))


def measure_detector(
    localiser: Localiser,
    faces: Mapping[str, Sequence[EditedFace]],
    attacks: Sequence[Attack],
    resamples: int,
    seed: int,
    progress: Callable[[str], object] = print,
) -> tuple[dict[str, Any], dict[tuple[str, str], Scores]]:
    """Figures ``<composition>.<attack>.auc`` and ``.iou``, with bootstrap intervals over faces under ``ci``.

    Args:
        localiser: a trained one.
        faces: composition -> edited faces that it has not seen.
        attacks: none of them may edit the picture locally, or the photos would be edited too.
        resamples: bootstrap resamples.
        seed: of the resampling.
        progress: called with one plain line at a time.

    Returns:
        Nested figures, and the scores by composition and attack for the ROC curves.
    """
    found = {}
    for compose, of_compose in faces.items():
        for attack in attacks:
            found[compose, attack.name] = score_faces(localiser, of_compose, attack)
        progress(f"provenance: localiser: {compose}: {len(of_compose)} edits under {len(attacks)} attacks")
    return summarise_scores(found, resamples, seed), found


def summarise_scores(found: Mapping[tuple[str, str], Scores], resamples: int, seed: int) -> dict[str, Any]:
    """Figures of scores by composition and attack, with their intervals."""
    figures: dict[str, Any] = {}
    for (compose, attack), scores in found.items():
        weights = resampling_weights(len(scores.photo), resamples, seed)
        for name, values in (("auc", weighted_auc(scores, weights)), ("iou", weighted_iou(scores, weights))):
            put(figures, f"{compose}.{attack}.{name}", float(values[0]))
            put(figures, f"ci.{compose}.{attack}.{name}", interval(values[1:]))
    return figures


def weighted_auc(scores: Scores, weights: Array) -> Array:
    """Area under the ROC curve under each row of weights (W, N) -> (W,).

    It is the chance that an edit scores higher than a photo, a tie counting half (Hanley and McNeil 1982,
    doi 10.1148/radiology.143.1.7063747); the photos are those of all the faces.
    """
    above = scores.edited[:, None] > scores.photo[None]
    level = scores.edited[:, None] == scores.photo[None]
    wins = above + 0.5 * level
    return np.einsum("wi,ij,wj->w", weights, wins, weights, optimize=True) / weights.sum(axis=1) ** 2


def weighted_iou(scores: Scores, weights: Array) -> Array:
    """Pixel IoU over all edits at once, under each row of weights (W, N) -> (W,); 0 where nothing is edited."""
    return (weights @ scores.both) / np.maximum(weights @ scores.either, 1)


def auc_by_rois(scores: Scores) -> dict[str, float]:
    """Area under the ROC curve for the edits of each set of regions, against all photos: which edits escape."""
    kinds = sorted(set(scores.rois), key=lambda rois: (len(rois), rois))
    result = {}
    for kind in kinds:
        rows = np.array([rois == kind for rois in scores.rois])
        edited = scores.edited[rows]
        wins = (edited[:, None] > scores.photo[None]) + 0.5 * (edited[:, None] == scores.photo[None])
        result["all" if len(kind) > 1 else kind[0]] = float(wins.mean())
    return result


def roc_curve(scores: Scores) -> tuple[Array, Array]:
    """False and true positive rates at every threshold, from (0, 0) to (1, 1)."""
    thresholds = np.unique(np.concatenate([scores.photo, scores.edited]))[::-1]
    false = np.array([0.0, *((scores.photo >= t).mean() for t in thresholds)])
    true = np.array([0.0, *((scores.edited >= t).mean() for t in thresholds)])
    return false, true
