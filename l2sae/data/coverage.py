"""Whom and what a split covers, and photos in it that are nearly the same: for the report of prepare."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab

from l2sae.data.dataset import FaceDataset

FEW = 30  # faces: below, a group's figures say little
TONES = {"very light": 55, "light": 41, "intermediate": 28, "tan": 10, "brown": -30, "dark": -91}
"""Skin tones and the ITA in degrees above which they lie (Del Bino and Bernerd, Br. J. Dermatol. 2013)."""

GREY_CHROMA = 3.0  # mean CIELAB chroma of the skin below which a photo has no colour to tell a tone by
SIDE_LIGHT = 12.0  # difference in mean L* between the halves of the skin
TURNED = 0.25  # of the column turn: l2sae.data.photos.yaw
ALIKE_BITS = 4  # of the 64 of a difference hash
_CHUNK = 256


def coverage_table(dataset: FaceDataset, skin: str = "skin", max_faces: int = 2000) -> pd.DataFrame:
    """Faces in each group of skin tone, light and, where it is known, pose; ``note`` marks groups of few.

    Tone and light are measured in the skin ROI, so they depend on the light that a photo was taken in; they show
    what is missing and are no judgement of a person. Without that ROI nothing but the pose is counted.

    Args:
        dataset: one split.
        skin: name of the skin ROI.
        max_faces: at most so many, the first ones.
    """
    groups = pd.DataFrame(index=range(min(len(dataset), max_faces)))
    if skin in dataset.rois:
        rows = [_tone_and_light(image, region) for image, region in _faces(dataset, skin, max_faces)]
        groups = pd.DataFrame(rows, columns=["skin tone", "light"])
    if "turn" in dataset.attributes:
        turned = dataset.attributes["turn"].astype(float).abs()[: len(groups)] > TURNED
        groups["pose"] = np.where(turned, "turned", "frontal")
    counted = groups.melt(var_name="attribute", value_name="group").value_counts(sort=False).rename("faces")
    table = counted.reset_index().sort_values(["attribute", "faces"], ascending=[True, False], ignore_index=True)
    table["note"] = np.where(table["faces"] < FEW, "too few to evaluate", "")
    return table


def near_duplicates(dataset: FaceDataset) -> list[tuple[str, str]]:
    """Names of pairs of photos whose difference hashes (64 bits) differ in at most `ALIKE_BITS`."""
    hashes = np.concatenate([_hashes(dataset, start) for start in range(0, len(dataset), _CHUNK)])
    signs = 2.0 * hashes.astype(np.float32) - 1
    pairs = []
    for start in range(0, len(signs), _CHUNK):
        differing = (64 - signs[start : start + _CHUNK] @ signs.T) / 2
        for row, column in np.argwhere(differing <= ALIKE_BITS):
            if start + row < column:
                pairs.append((dataset.names[start + row], dataset.names[column]))
    return pairs


def _faces(dataset: FaceDataset, skin: str, max_faces: int) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Images (S, S, 3) in [0, 1] with their skin region."""
    label = dataset.rois.index(skin) + 1
    count = min(len(dataset), max_faces)
    for start in range(0, count, _CHUNK):
        batch = dataset.batch(range(start, min(start + _CHUNK, count)))
        yield from zip((batch.images.permute(0, 2, 3, 1).numpy() + 1) / 2, batch.labels.numpy() == label, strict=True)


def _tone_and_light(image: NDArray[np.float32], region: NDArray[np.bool_]) -> tuple[str, str]:
    if not region.any():
        return "no skin seen", "no skin seen"
    lab = rgb2lab(image)[region]
    columns = np.nonzero(region)[1]
    left = columns < np.median(columns)
    sided = left.any() and abs(lab[left, 0].mean() - lab[~left, 0].mean()) > SIDE_LIGHT
    light = "from one side" if sided else "even"
    if np.hypot(lab[:, 1], lab[:, 2]).mean() < GREY_CHROMA:
        return "grey photo", light
    lightness, _, yellow = np.median(lab, axis=0)
    angle = np.degrees(np.arctan2(lightness - 50, max(float(yellow), 1e-3)))
    return next(name for name, lowest in TONES.items() if angle > lowest), light


def _hashes(dataset: FaceDataset, start: int) -> NDArray[np.bool_]:
    """Difference hashes (N, 64): whether each of 8 x 8 cells is brighter than its right neighbour."""
    images = dataset.batch(range(start, min(start + _CHUNK, len(dataset)))).images
    grey = ((images.mean(dim=1) + 1) * 127.5).byte().numpy()
    small = np.stack([np.asarray(Image.fromarray(one).resize((9, 8), Image.Resampling.BOX)) for one in grey])
    return np.asarray((small[:, :, :-1].astype(int) > small[:, :, 1:]).reshape(len(small), 64))
