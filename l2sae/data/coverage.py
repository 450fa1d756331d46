"""Whom and what a split covers, and photos in it that are nearly the same: for the report of prepare."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from skimage.color import rgb2lab

from l2sae.data.dataset import FaceDataset
from l2sae.pictures.conversions import HALF
from l2sae.render.factors import OCCLUDERS

_FACTORS: dict[str, tuple[str, tuple[str, ...]]] = {
    "monk_tone": ("Monk skin tone", tuple(f"Monk {tone}" for tone in range(1, 11))),
    "occlusion": ("occlusion", ("none", *OCCLUDERS)),
    "glasses": ("glasses", ("no glasses", "glasses")),
}
"""Recorded factor of rendered faces -> attribute, and the groups that there should be."""
_BINNED: dict[str, tuple[str, tuple[float, ...], tuple[str, ...]]] = {
    "yaw": ("pose", (10, 25), ("frontal", "turned 10 to 25 degrees", "turned more")),
    "light_azimuth": ("light direction", (20, 45), ("front", "oblique, 20 to 45 degrees", "side")),
    "hidden": ("share of the face hidden", (1e-3, 0.1, 0.3), ("nothing", "under 10 %", "10 to 30 %", "over 30 %")),
    "head_height": ("framing", (0.65, 0.78), ("head under 65 % of the picture", "65 to 78 %", "close")),
}
"""Recorded factor -> attribute, limits of its absolute value, and names of the groups between them."""

FEW = 30  # faces: below, a group's figures say little
TONES = {"very light": 55, "light": 41, "intermediate": 28, "tan": 10, "brown": -30, "dark": -91}
"""Skin tones and the ITA in degrees above which they lie (Del Bino and Bernerd, Br. J. Dermatol. 2013)."""

GREY_CHROMA = 3.0  # mean CIELAB chroma of the skin below which a photo has no colour to tell a tone by
SIDE_LIGHT = 12.0  # difference in mean L* between the halves of the skin
TURNED = 0.25  # of the column turn: l2sae.data.photos.yaw
ALIKE_BITS = 4  # of the 64 of a difference hash
MOST_FACES = 2000  # the first of a split
_CHUNK = 256


def coverage_table(dataset: FaceDataset, skin: str = "skin") -> pd.DataFrame:
    """Faces in each group of skin tone, light and whatever else is known; ``note`` marks groups of few or none.

    Tone and light are measured in the skin ROI, so they depend on the light that a photo was taken in; they show
    what is missing and are no judgement of a person. Without that ROI they are not counted. Photos whose landmarks
    were found have a pose; rendered faces have all that was drawn: Monk skin tone, pose, light, occlusion, framing.

    Args:
        dataset: one split.
        skin: name of the skin ROI.
    """
    groups = pd.DataFrame(index=range(min(len(dataset), MOST_FACES)))
    if skin in dataset.rois:
        rows = [_tone_and_light(image, region) for image, region in _faces(dataset, skin)]
        groups = pd.DataFrame(rows, columns=["skin tone", "light"])
    if "turn" in dataset.attributes:
        turned = dataset.attributes["turn"].astype(float).abs()[: len(groups)] > TURNED
        groups["pose"] = np.where(turned, "turned", "frontal")
    expected = _add_recorded(groups, dataset.attributes)
    counted = groups.melt(var_name="attribute", value_name="group").value_counts(sort=False).rename("faces")
    absent = [(*pair, 0) for pair in expected if pair not in counted.index]
    counted = pd.concat([counted.reset_index(), pd.DataFrame(absent, columns=["attribute", "group", "faces"])])
    table = counted.astype({"faces": int})
    # Groups with an order of their own keep it; the others come by size.
    places = {pair: place for place, pair in enumerate(expected)}
    table["place"] = [places.get((row.attribute, row.group), -row.faces) for row in table.itertuples()]
    table = table.sort_values(["attribute", "place", "group"], ignore_index=True).drop(columns="place")
    table["note"] = np.select([table["faces"] == 0, table["faces"] < FEW], ["none", "too few to evaluate"], "")
    return table


def coverage_warnings(table: pd.DataFrame) -> list[str]:
    """A sentence for each attribute with groups too small to evaluate, from the table of `coverage_table`."""
    small = table[table["note"] != ""]
    return [
        f"{attribute}: fewer than {FEW} faces in "
        + ", ".join(f"{group} ({faces})" for group, faces in zip(rows["group"], rows["faces"], strict=True))
        for attribute, rows in small.groupby("attribute")
    ]


def _add_recorded(groups: pd.DataFrame, attributes: pd.DataFrame) -> list[tuple[str, str]]:
    """Add a column for each known factor to ``groups``; returns the (attribute, group) pairs that there should be."""
    expected = []
    rows = attributes.iloc[: len(groups)]
    for factor, (attribute, names) in _FACTORS.items():
        if factor in rows:
            values = rows[factor]
            if factor == "monk_tone":
                values = "Monk " + values.astype(int).astype(str)
            elif factor == "glasses":
                values = np.where(values.astype(str) == "True", "glasses", "no glasses")
            groups[attribute] = np.asarray(values).astype(str)
            expected += [(attribute, name) for name in names]
    for factor, (attribute, limits, names) in _BINNED.items():
        if factor in rows:
            groups[attribute] = np.array(names)[np.digitize(rows[factor].astype(float).abs(), limits)]
            expected += [(attribute, name) for name in names]
    return expected


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


def _faces(dataset: FaceDataset, skin: str) -> Iterator[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Images (S, S, 3) in [0, 1] with their skin region."""
    label = dataset.rois.index(skin) + 1
    count = min(len(dataset), MOST_FACES)
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
    grey = ((images.mean(dim=1) + 1) * HALF).byte().numpy()
    small = np.stack([np.asarray(Image.fromarray(one).resize((9, 8), Image.Resampling.BOX)) for one in grey])
    return np.asarray((small[:, :, :-1].astype(int) > small[:, :, 1:]).reshape(len(small), 64))
