"""What an editor opens with: a model, and a gallery of faces that exist on any machine."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from skimage.data import astronaut

from l2sae.data import PreparedError, open_split, render_faces
from l2sae.editing import EditError
from l2sae.editing.align import crop_reference
from l2sae.model import L2SAE, CheckpointError, load_model
from l2sae.pictures.display import as_pictures
from l2sae.pictures.reading import read_picture

MODEL_PATH = Path("models/l2sae.safetensors")
ASTRONAUT_FACE = (118, 8, 318, 208)  # left, top, right, bottom in the 512 x 512 portrait: framed as training faces are
RENDERED_SEED = 2207  # a series of its own: none of these faces is in a default data set


@dataclass(frozen=True, eq=False)
class Face:
    """A face to choose: its name, (H, W, 3) uint8 pixels, and the crop of its face where they show more."""

    name: str
    picture: NDArray[np.uint8]
    crop: NDArray[np.uint8] | None = None


def open_model(path: str | Path = MODEL_PATH, device: str = "auto") -> tuple[L2SAE, str]:
    """The trained model, or the shipped one where there is none; and a note that says which, empty for the former."""
    path = Path(path)
    if not path.is_file():
        return load_model(None, device), (
            f"No trained model at {path}: this is the small one that comes with the package. "
            "`make repro` (or `dvc repro train`) trains yours."
        )
    try:
        return load_model(path, device), ""
    except CheckpointError as error:
        return load_model(None, device), f"{error}. Until then, this is the small model that comes with the package."


def open_gallery(
    model: L2SAE, count: int = 14, prepared: str | Path = "data/prepared", photos: str | Path | None = None
) -> list[Face]:
    """Faces to begin with: photos of a folder if one is given, the astronaut, then the test split or rendered faces.

    Args:
        model: whose ROIs and size the test split has to fit.
        count: of faces from the test split, or rendered.
        prepared: folder of the prepared data set.
        photos: a folder of your own photos; those that cannot be read are left out.
    """
    left, top, right, bottom = ASTRONAUT_FACE
    faces = _own_photos(Path(photos), count) if photos is not None else []
    photo = astronaut()
    faces.append(Face("astronaut", photo, np.ascontiguousarray(photo[top:bottom, left:right])))
    try:
        split = open_split(prepared, "test", model.rois, model.image_size)
        names = split.names[:count]
        images = split.batch(range(len(names))).images
    except PreparedError:
        images = render_faces(count, model.image_size, RENDERED_SEED, rois=None).images
        names = tuple(f"rendered {index + 1}" for index in range(count))
    pictures = as_pictures(images)
    return faces + [Face(name, np.ascontiguousarray(picture)) for name, picture in zip(names, pictures, strict=True)]


def behind_voila() -> bool:
    """Whether Voila serves this kernel: its visitors name no files of this machine."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


def small(picture: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """A picture with its longer side reduced to ``side``; one that is smaller stays."""
    image = Image.fromarray(picture)
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3)
    return np.asarray(image)


def _own_photos(folder: Path, count: int) -> list[Face]:
    if not folder.is_dir():
        raise EditError(f"{folder}: no such folder of photos; check the path")
    faces: list[Face] = []
    for path in sorted(folder.iterdir())[: 4 * count]:
        try:
            if path.is_file() and len(faces) < count:
                photo = small(read_picture(path), 1024)
                faces.append(Face(path.stem, photo, crop_reference(photo, path.name)))
        except EditError as error:
            logging.getLogger(__name__).info("left out: %s", error)
    return faces
