"""Real photos for the localiser: split by name, edited by the model, so that it does not learn rendered faces alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae.data.splits import unit_hash
from l2sae.editing import FaceEditor, Layer, Swap
from l2sae.editing.compose import Composition
from l2sae.model import L2SAE
from l2sae.pictures.conversions import as_rgb
from l2sae.pictures.errors import FaceNotFoundError
from l2sae.pictures.reading import read_picture
from l2sae.provenance.detector.known_edits import EditedFace, changed_pixels, visible
from l2sae.provenance.export_errors import ProvenanceError

SUFFIXES = (".jpg", ".jpeg", ".png")
SIDE = 224  # pixels, of the squares that are learned from
LEARNED, CALIBRATED = 0.5, 0.75  # of the photos, by the hash of their names: up to here, and the rest is held out

Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class PhotoSplit:
    """Files to learn from, to set the threshold on, and to measure on; no photo is in two of them."""

    learn: tuple[Path, ...]
    calibrate: tuple[Path, ...]
    measure: tuple[Path, ...]


def split_photos(folders: Sequence[Path]) -> PhotoSplit:
    """The photos below some folders, split by the hash of the part of their names before "_", which is the person.

    Raises:
        ProvenanceError: fewer than 20 photos.
    """
    found = sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if len(found) < 20:
        raise ProvenanceError(f"{', '.join(map(str, folders))}: {len(found)} photos: 20 are needed at least")
    places = {path: unit_hash(path.stem.split("_")[0]) for path in found}
    return PhotoSplit(
        tuple(path for path in found if places[path] < LEARNED),
        tuple(path for path in found if LEARNED <= places[path] < CALIBRATED),
        tuple(path for path in found if places[path] >= CALIBRATED),
    )


def read_rgb(path: Path) -> Picture:
    """A photo as (H, W, 3) uint8."""
    return as_rgb(read_picture(path))[0].copy()


def square(photo: Picture, rng: np.random.Generator) -> Picture:
    """A square of ``SIDE`` pixels: as large a part of the photo as possible, or down to three fifths of that."""
    height, width = photo.shape[:2]
    side = max(min(height, width, SIDE), round(min(height, width) * rng.uniform(0.6, 1.0)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    cut = photo[top : top + side, left : left + side]
    return np.asarray(Image.fromarray(cut).resize((SIDE, SIDE), Image.Resampling.BICUBIC)) if side != SIDE else cut


def edit_photos(
    model: L2SAE,
    photos: Sequence[Picture],
    seed: int,
    cut: bool = False,
    progress: Callable[[str], object] = print,
) -> list[EditedFace]:
    """One edit of each photo with the style of another, as `known_edits.training_edits` draws them.

    Args:
        model: makes the edits.
        photos: (H, W, 3) uint8, of any sizes.
        seed: of regions, strengths, references and squares.
        cut: whether squares of ``SIDE`` pixels are edited, as they are learned from, or whole photos.
        progress: called with one plain line at a time.

    Returns:
        The edits that can be seen; photos whose reference lacks the region are left out.
    """
    rng, made = np.random.default_rng(seed), []
    for number, photo in enumerate(photos):
        before = np.ascontiguousarray(square(photo, rng)) if cut else photo
        rois = rng.permutation(model.roi_names)[: int(rng.choice((1, 1, 2, 3)))].tolist()
        style = Swap(photos[int(rng.integers(len(photos)))])
        layer = Layer(dict.fromkeys(rois, style), float(rng.uniform(0.6, 1.2)))
        compose: Composition = "replace" if number % 3 == 2 else "detail"
        try:
            edited = FaceEditor(model, before.copy()).render([layer], compose).numpy()
        except FaceNotFoundError:  # the other photo lacks the region
            continue
        made.append(EditedFace(before, edited, changed_pixels(before, edited), tuple(rois)))
        if (number + 1) % 50 == 0:
            progress(f"localiser: {number + 1} of {len(photos)} photos edited")
    return visible(made)
