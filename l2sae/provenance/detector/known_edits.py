"""Pictures whose edits are known to the pixel: what the localiser learns from and is measured on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from l2sae.data import FaceDataset
from l2sae.editing import FaceEditor, Layer, Style, Swap
from l2sae.model import L2SAE
from l2sae.pictures.display import as_pictures

Picture = NDArray[np.uint8]
Truth = NDArray[np.bool_]

CHANGED = 4
"""8-bit levels: a pixel counts as edited where a channel changed by at least this much."""
VISIBLE = 0.002
"""Share of the pixels: an edit that changes fewer is no edit that a viewer could see, and is left out."""
BATCH = 8


@dataclass(frozen=True)
class EditedFace:
    """A photo (H, W, 3) uint8, its edit, the pixels that changed, (H, W) bool, and the regions that were edited."""

    photo: Picture
    edited: Picture
    truth: Truth
    rois: tuple[str, ...]


def changed_pixels(photo: Picture, edited: Picture) -> Truth:
    """Where an edit shows: pixels (H, W) at which any channel differs by ``CHANGED`` levels or more."""
    apart = np.abs(photo.astype(np.int16) - edited.astype(np.int16))
    return apart.max(axis=2) >= CHANGED


@torch.inference_mode()
def edit_faces(
    model: L2SAE,
    dataset: FaceDataset,
    contents: Sequence[int],
    references: Sequence[int],
    rois: tuple[str, ...],
    compose: str,
    strength: float = 1.0,
) -> list[EditedFace]:
    """Swap the style of ``rois`` in some faces for that of others; the pictures carry no mark.

    With ``strength=0`` every picture comes back bit-identical, by the same path: these are the negatives.

    Args:
        model: makes the edits.
        dataset: the faces.
        contents: indices of the faces to edit.
        references: as many indices of the faces to take styles from.
        rois: regions to edit at once.
        compose: ``detail`` or ``replace``.
        strength: 1 is the full edit.

    Returns:
        One entry a face, in order, also where the face lacks the region and nothing changed.
    """
    made = []
    for start in range(0, len(contents), BATCH):
        rows = slice(start, start + BATCH)
        images = dataset.batch(contents[rows]).images.to(model.device)
        vectors = model.encode(dataset.batch(references[rows]).images.to(model.device)).style
        style: Style = Swap(vectors)
        edited = FaceEditor(model, images).render([Layer(dict.fromkeys(rois, style), strength)], compose)
        for before, after in zip(as_pictures(images), as_pictures(edited), strict=True):
            made.append(EditedFace(before, after, changed_pixels(before, after), rois))
    return made


def training_edits(model: L2SAE, dataset: FaceDataset, count: int, seed: int) -> list[EditedFace]:
    """Edits to learn from: one of each of ``count`` faces, at strengths of 0.6 to 1.2.

    Half of them are of one region, which is harder to tell, the others of two or three; two of three are ``detail``
    edits, which are harder too. Where the split is smaller, all of it is used.
    """
    rng = np.random.default_rng(seed)
    contents = rng.permutation(len(dataset))[:count]
    made: list[EditedFace] = []
    for number, start in enumerate(range(0, len(contents), BATCH)):
        batch = contents[start : start + BATCH].tolist()
        references = rng.integers(len(dataset), size=len(batch)).tolist()
        regions = min(int(rng.choice((1, 1, 2, 3))), len(model.roi_names))
        rois = rng.permutation(model.roi_names)[:regions].tolist()
        compose = "replace" if number % 3 == 2 else "detail"
        made += edit_faces(model, dataset, batch, references, tuple(rois), compose, float(rng.uniform(0.6, 1.2)))
    return visible(made)


def measured_edits(model: L2SAE, dataset: FaceDataset, count: int, compose: str) -> list[EditedFace]:
    """Edits to measure on: full swaps over the pairs (i, i + k), k = 1..4, of each region in turn and of all at once.

    Raises:
        ValueError: the split has fewer than two faces.
    """
    if len(dataset) < 2:
        raise ValueError(f"the test split has {len(dataset)} face, a swap needs two: change data.split or data.count")
    kinds: list[tuple[str, ...]] = [*((roi,) for roi in model.roi_names), model.roi_names]
    made: list[EditedFace] = []
    for number, rois in enumerate(kinds):
        contents = list(range(number, min(count, len(dataset)), len(kinds)))
        references = [(i + 1 + i // len(kinds) % 4) % len(dataset) for i in contents]
        made += edit_faces(model, dataset, contents, references, rois, compose)
    return visible(made)


def visible(faces: Sequence[EditedFace]) -> list[EditedFace]:
    """Those whose edit can be seen; all of them where none can, as with a model that has learned nothing."""
    return [face for face in faces if face.truth.mean() >= VISIBLE] or list(faces)
