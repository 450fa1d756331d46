"""How good weak labels are: against human ones, on the crops that training would see."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from l2sae.data.decode import load_pair
from l2sae.data.photos import MIN_CONFIDENCE, label_photo
from l2sae.data.schemes import CELEBAMASK_PARTS, get_scheme, part_rois
from l2sae.data.sources import list_source
from l2sae.data.teacher import open_teacher
from l2sae.measures.regions import one_hot, overlap_iou
from l2sae.params import DataParams
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import UnusableError
from l2sae.rois import Roi

FASSEG_ROIS = (  # as FASSEG is annotated: brows are hair, neck and ears are skin
    Roi(name="hair", channels=1, parts=("hair", "l_brow", "r_brow")),
    Roi(name="skin", channels=1, parts=("skin", "neck", "l_ear", "r_ear")),
    Roi(name="eyes", channels=1, parts=("l_eye", "r_eye")),
    Roi(name="nose", channels=1, parts=("nose",)),
    Roi(name="lips", channels=1, parts=("u_lip", "l_lip", "mouth")),
)


def measure_weak_labels(data: DataParams, rois: Sequence[Roi]) -> dict[str, Any]:
    """Compare weak labels with the human ones of a labelled folder.

    Args:
        data: the labelled photos; ``image_size`` is that of the comparison, and ``teacher`` improves the weak labels.
        rois: in the parts of the data set's own scheme; parts that it lacks count where weak labels have them.

    Returns:
        Counts, ``coverage`` (share of the photos whose weak labels are confident enough to be used), ``miou`` and
        ``iou.<roi>`` (data-set level) over those, ``baseline.constant_mask.miou``: the mean human mask on the same
        crops, and for each photo left out the reason.
    """
    listing, scheme = list_source(data)
    owner, weak_owner = part_rois(scheme, rois), part_rois(get_scheme("celebamask"), rois)
    root = Path(data.root or "")
    left_out: dict[str, str] = {}
    teacher = open_teacher(data.teacher) if data.teacher else None
    pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]] = []  # weak, human, inside the photo
    table = np.array([weak_owner.get(part, 0) for part in CELEBAMASK_PARTS], np.uint8)
    for entry in listing.entries:
        try:
            photo, labels = load_pair(entry, scheme, owner, {})
            labelled = label_photo(np.asarray(photo), data.image_size, teacher)
            pairs.append((table[labelled.parts], *_cropped(labels, photo.size, labelled.crop, data.image_size)))
        except (UnusableError, ValueError) as error:
            reason = error.reason if isinstance(error, UnusableError) else str(error)
            left_out[entry.photo.relative_to(root).as_posix()] = reason
    weak, human, known = (torch.from_numpy(np.stack(arrays)) for arrays in zip(*pairs, strict=True))
    inside = known[:, None]
    truth, predicted = one_hot(human, len(rois)).bool() & inside, one_hot(weak, len(rois)).bool() & inside
    constant = (truth.float().mean(dim=0, keepdim=True) >= 0.5).expand_as(truth) & inside
    iou, baseline = (overlap_iou(masks, truth).nan_to_num() for masks in (predicted, constant))
    return {
        "photos": len(listing.entries),
        "coverage": len(pairs) / len(listing.entries),
        "min_confidence": MIN_CONFIDENCE,
        "miou": float(iou.mean()),
        "iou": {roi.name: float(value) for roi, value in zip(rois, iou, strict=True)},
        "baseline": {"constant_mask": {"miou": float(baseline.mean())}},
        "left_out": left_out,
    }


def _cropped(
    labels: NDArray[np.uint8], photo: tuple[int, int], crop: CropTransform, size: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """ROI ids (size, size) of a photo's crop, from labels over the whole photo, and which of them lie inside it."""
    places = crop.pixels(size) / photo  # 0 to 1 over the photo
    inside = ((places >= 0) & (places < 1)).all(axis=1).reshape(size, size)
    columns, rows = (places.clip(0, 1 - 1e-9) * labels.shape[::-1]).astype(int).T
    return np.where(inside, labels[rows, columns].reshape(size, size), 0).astype(np.uint8), inside
