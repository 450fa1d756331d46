"""From which score on a picture is called edited: set on unedited photos, checked on others, and what it costs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from l2sae.pictures.writing import through_jpeg
from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.detector.localiser import Localiser
from l2sae.provenance.detector.photo_edits import read_rgb

AIMED_SHARE = 0.01  # of unedited photos called edited: so few photos cannot say more surely that others keep to 2 %
Picture = NDArray[np.uint8]
TREATMENTS: dict[str, Callable[[Picture], Picture]] = {
    "none": lambda picture: picture,
    "jpeg_75": lambda picture: through_jpeg(picture, 75),
}
Scores = dict[str, NDArray[np.float64]]


def score_photos(localiser: Localiser, files: Sequence[Path]) -> Scores:
    """Scores of unedited photos by "folder.treatment": as they are, and after JPEG at quality 75."""
    scores: dict[str, list[float]] = {}
    for file in files:
        photo = read_rgb(file)
        for name, treat in TREATMENTS.items():
            scores.setdefault(f"{file.parent.name}.{name}", []).append(localiser(treat(photo))[0])
    return {name: np.array(values) for name, values in scores.items()}


def calibrate(localiser: Localiser, scores: Mapping[str, NDArray[np.float64]], share: float = AIMED_SHARE) -> Localiser:
    """The localiser with the lowest threshold that at most ``share`` of every group of unedited photos reaches.

    Args:
        localiser: a trained one.
        scores: of unedited photos, from :func:`score_photos`.
        share: of a group of photos; as a quantile between two scores it is the higher one.
    """
    highest = max(float(np.quantile(values, 1 - share, method="higher")) for values in scores.values())
    photos = sum(len(values) for values in scores.values()) // len(TREATMENTS)
    return replace(localiser, threshold=float(np.nextafter(highest, 2.0)), photos=photos)


def measure_calibration(
    localiser: Localiser, scores: Mapping[str, NDArray[np.float64]], edits: Sequence[EditedFace]
) -> dict[str, Any]:
    """On held-out photos: the share called edited by group, and what is found of edits, as they are and as JPEG.

    Args:
        localiser: a calibrated one.
        scores: of unedited photos that the threshold was not set on.
        edits: edits of such photos.
    """
    found: dict[str, Any] = {"threshold": localiser.threshold, "photos": localiser.photos, "called_edited": {}}
    for name, values in scores.items():
        called = int((values >= localiser.threshold).sum())
        high = float(stats.binomtest(called, len(values)).proportion_ci(0.95, method="exact").high)
        found["called_edited"][name] = {"share": called / len(values), "at_most": high, "photos": len(values)}
    for name, treat in TREATMENTS.items():
        photos = np.array([localiser(treat(face.photo))[0] for face in edits])
        edited = np.array([localiser(treat(face.edited))[0] for face in edits])
        auc = float(stats.mannwhitneyu(edited, photos).statistic) / (len(edits) ** 2)
        found[f"edits.{name}"] = {
            "recall": float((edited >= localiser.threshold).mean()),
            "auc": auc,
            "edits": len(edits),
        }
    return found
