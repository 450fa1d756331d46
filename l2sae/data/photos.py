"""Photos without labels become faces with weak ones: found, cropped, labelled, and kept in a cache.

A photo is done once: the cache's key is made of the photo's bytes, the size, the code that labels it, and the teacher.
"""

import functools
import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2sae.data import teacher, weak_labels
from l2sae.data.decode import Face
from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.data.sources import Entry, SourceError, portrait_digests
from l2sae.faces import dlib_faces as faces
from l2sae.params import DataParams
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import UnusableError
from l2sae.pictures.reading import read_photo

MIN_CONFIDENCE = 0.65
MAX_WORKERS = 2
_Kept = tuple[str, NDArray[np.uint8], NDArray[np.uint8], dict[str, float]]
_PARALLEL_FROM = 32  # photos: below, starting workers costs more than it saves


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A face's ``crop`` as ``image`` (S, S, 3), its ``parts`` (S, S), ids of scheme celebamask, and measurements."""

    image: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    crop: CropTransform
    measured: dict[str, float]


def label_photos(
    entries: Sequence[Entry], data: DataParams, owner: Mapping[str, int], cache: Path
) -> Iterator[tuple[Entry, Face | UnusableError]]:
    """Crop and label the largest face of each photo, in order.

    Args:
        entries: photos; their masks are ignored.
        data: ``image_size``, ``source`` and ``teacher`` are used; portraits have to be those of the committed digests.
        owner: part -> ROI id, from `l2sae.data.schemes.part_rois`.
        cache: folder of earlier results; made if absent.

    Raises:
        SourceError: the extra ``faces`` is not installed, or the teacher is not one.
    """
    if data.teacher:
        teacher.open_teacher.cache_clear()  # the file may be another than before
        teacher.open_teacher(data.teacher)
    if not faces.available():
        raise SourceError(f"data.source: {data.source}: photos without labels need the extra 'faces': {faces.INSTALL}")
    cache.mkdir(parents=True, exist_ok=True)
    table = np.array([owner.get(part, 0) for part in CELEBAMASK_PARTS], np.uint8)
    wanted = portrait_digests() if data.source == "portraits" else {}
    label = functools.partial(_label_cached, cache=cache, size=data.image_size, wanted=wanted, taught_by=data.teacher)
    paths = [entry.photo for entry in entries]
    for entry, found in zip(entries, _spread(label, paths), strict=True):
        if isinstance(found, str):
            yield entry, UnusableError(entry.photo, found)
            continue
        digest, image, parts, measured = found
        yield entry, Face(image, table[parts], {entry.photo: digest}, measured)


def label_photo(picture: NDArray[np.uint8], size: int, taught_by: teacher.Teacher | None = None) -> LabelledPhoto:
    """Find, crop and label a picture's largest face, at ``size`` pixels a side; a teacher adds what it believes.

    Raises:
        ValueError: no face, or one that cannot be labelled with confidence; the message is the reason.
    """
    found = faces.find_faces(picture)
    if not found:
        raise ValueError("no face found")
    crop = found[0].crop_transform()
    image = crop.crop(picture, size)
    belief = None if taught_by is None else taught_by.belief(image)
    landmarks, known = crop.to_crop(found[0].landmarks) * size, known_pixels(crop, picture, size)
    labels = weak_labels.weak_labels(image, landmarks, known, belief)
    if labels.confidence < MIN_CONFIDENCE:
        raise ValueError(f"low confidence: {labels.confidence:.3f}, at least {MIN_CONFIDENCE} is needed")
    measured = {"confidence": labels.confidence, "turn": yaw(found[0].landmarks), "roll": crop.angle}
    return LabelledPhoto(image, labels.parts, crop, measured)


def known_pixels(crop: CropTransform, picture: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Which pixels of a crop lie in the picture, (size, size) bool; the others repeat its edge."""
    u, v = np.meshgrid(*2 * [(np.arange(size) + 0.5) / size])
    places = crop.to_photo(np.stack([u.ravel(), v.ravel()], axis=-1))
    limits = (picture.shape[1], picture.shape[0])
    return np.asarray(((places >= 0) & (places < limits)).all(axis=1).reshape(size, size))


def yaw(landmarks: faces.Landmarks) -> float:
    """How far a face is turned, -1 to 1: where the nose's tip lies between the cheeks; 0 is frontal."""
    left, right, tip = landmarks[[1, 15, 30]]
    across = right - left
    return float(np.clip(2 * ((tip - left) @ across) / max(float(across @ across), 1e-9) - 1, -1, 1))


def _spread(label: Any, paths: Sequence[Path]) -> Iterator[Any]:
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    if len(paths) < _PARALLEL_FROM or workers == 1:
        yield from map(label, paths)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(label, paths, chunksize=8)


def _label_cached(
    path: Path, cache: Path, size: int, wanted: Mapping[str, str], taught_by: str | None = None
) -> str | _Kept:
    """The photo's digest, crop, parts and measurements, or the reason why there are none."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return f"unreadable file: {error.strerror}"
    if wanted and wanted.get(path.name) != digest:
        return "not the pinned portrait: sha256 differs"
    model = teacher.open_teacher(taught_by) if taught_by else None
    kept = cache / f"{_key(digest, size, model)}.npz"
    if not kept.is_file():
        try:
            done = label_photo(read_photo(path), size, model)
            _keep(kept, {"image": done.image, "parts": done.parts, "note": np.array(json.dumps(done.measured))})
        except UnusableError as error:
            return error.reason
        except ValueError as error:
            _keep(kept, {"note": np.array(json.dumps(str(error)))})
    with np.load(kept) as saved:
        note = json.loads(str(saved["note"]))
        return note if isinstance(note, str) else (digest, saved["image"], saved["parts"], note)


def _keep(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.npz")
    np.savez_compressed(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


def _key(digest: str, size: int, taught_by: teacher.Teacher | None) -> str:
    made_with = f"{size} {_code_digest()} {taught_by.digest if taught_by else ''}"
    return hashlib.sha256(f"{digest} {made_with}".encode()).hexdigest()[:32]


@functools.cache
def _code_digest() -> str:
    """sha256 of the modules whose change makes other labels."""
    files = (faces.__file__, weak_labels.__file__, teacher.__file__, __file__)
    return hashlib.sha256(b"".join(Path(file).read_bytes() for file in files)).hexdigest()
