"""Photos without masks become labelled faces: found, cropped, labelled, and kept in a cache.

A photo is done once: the cache's key is made of the bytes of photo and template, the size, the code that labels it, and
the teacher.
"""

import functools
import hashlib
import json
import math
import multiprocessing
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae.data import outlines, teacher, turned_heads, weak_labels, webmorph
from l2sae.data.decode import Face
from l2sae.data.listing import Entry
from l2sae.data.outlines import Points, mesh_outlines, template_outlines
from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.faces import finding, weights
from l2sae.faces import landmarks as mesh
from l2sae.faces.finding import find_faces, head_crop, mesh_depths
from l2sae.faces.silhouette import person_mask
from l2sae.model.threads import one_thread
from l2sae.params import DataParams
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import UnusableError
from l2sae.pictures.reading import read_photo

MIN_CONFIDENCE = 0.65
FRONTAL = 0.4  # `yaw` of the heads that may be turned further, at most
LEAST_TURN = 1 / 3  # of the largest
ROOM = 1.6  # side of the crop that a head is turned in, in sides of the crop that is cut from it
HEAD_BOX = 1.2  # side of the crop around a turned head, in sides of its bounding box
MAX_WORKERS = 2
SEEN_SIDE = 256  # pixels at which the silhouette is found
NOT_HEAD = ("background", "neck", "cloth")
_Kept = tuple[NDArray[np.uint8], NDArray[np.uint8], dict[str, float]]
_PARALLEL_FROM = 32  # photos: below, starting workers costs more than it saves


@dataclass(frozen=True, eq=False)
class LabelledPhoto:
    """A face's ``crop`` as ``image`` (S, S, 3), its ``parts`` (S, S), ids of scheme celebamask, and measurements."""

    image: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    crop: CropTransform
    measured: dict[str, float]


@dataclass(frozen=True)
class PhotoLabeller:
    """Labels the photos of a data set, and keeps the results in ``cache``; goes to the workers."""

    cache: Path
    size: int
    taught_by: str | None
    scale: float = 1.0
    max_yaw: float = 0.0

    def __call__(self, entry: Entry) -> str | tuple[dict[Path, str], _Kept]:
        """The files' digests and what came of the photo, or the reason why nothing did."""
        files: dict[Path, bytes] = {}
        digests: dict[Path, str] = {}
        for path in (entry.photo, *([entry.template] if entry.template else [])):
            try:
                files[path] = path.read_bytes()
            except OSError as error:
                return f"unreadable file: {error.strerror}"
            digests[path] = hashlib.sha256(files[path]).hexdigest()
            if (accepted := entry.pinned.get(path)) and digests[path] not in accepted:
                return f"not the pinned file: sha256 of {path.name} differs"
        model = teacher.open_teacher(self.taught_by) if self.taught_by else None
        kept = self.place(list(digests.values()))
        if not kept.is_file():
            try:
                points = webmorph.read_template(entry.template, files[entry.template]) if entry.template else None
                with one_thread():
                    photo = read_photo(entry.photo)
                    turn = self.turn(digests[entry.photo])
                    done = label_photo(photo, self.size, model, points, self.scale, turn)
                _keep(kept, {"image": done.image, "parts": done.parts, "note": np.array(json.dumps(done.measured))})
            except UnusableError as error:
                return error.reason
            except ValueError as error:
                _keep(kept, {"note": np.array(json.dumps(str(error)))})
        with np.load(kept) as saved:
            note = json.loads(str(saved["note"]))
            return note if isinstance(note, str) else (digests, (saved["image"], saved["parts"], note))

    def turn(self, digest: str) -> float:
        """The degrees that the photo with this sha256 digest is turned by; half of the photos turn to the right."""
        if not self.max_yaw:
            return 0.0
        drawn = 2 * int(digest[:8], 16) / 0xFFFFFFFF - 1
        return math.copysign(self.max_yaw * (LEAST_TURN + (1 - LEAST_TURN) * abs(drawn)), drawn)

    def place(self, digests: Sequence[str]) -> Path:
        """Where the result is kept for files, photo first, of these sha256 digests."""
        model = teacher.open_teacher(self.taught_by) if self.taught_by else None
        turned = f" {self.max_yaw:g}" if self.max_yaw else ""
        made_with = f"{self.size} {self.scale:g} {code_digest()} {model.digest if model else ''}{turned}"
        key = hashlib.sha256(f"{' '.join(digests)} {made_with}".encode()).hexdigest()[:32]
        return self.cache / f"{key}.npz"


def label_photos(
    entries: Sequence[Entry], data: DataParams, owner: Mapping[str, int], cache: Path
) -> Iterator[tuple[Entry, Face | UnusableError]]:
    """Crop and label the largest face of each photo, in order.

    Args:
        entries: photos, with or without a template; their masks are ignored.
        data: ``image_size``, ``crop_scale``, ``max_yaw`` and ``teacher`` are used.
        owner: part -> ROI id, from `l2sae.data.schemes.part_rois`.
        cache: folder of earlier results; made if absent.

    Raises:
        SourceError: the teacher is not one.
    """
    if data.teacher:
        teacher.open_teacher.cache_clear()  # the file may be another than before
        teacher.open_teacher(data.teacher)
    cache.mkdir(parents=True, exist_ok=True)
    table = np.array([owner.get(part, 0) for part in CELEBAMASK_PARTS], np.uint8)
    for entry, found in zip(
        entries,
        _spread(PhotoLabeller(cache, data.image_size, data.teacher, data.crop_scale, data.max_yaw), entries),
        strict=True,
    ):
        if isinstance(found, str):
            yield entry, UnusableError(entry.photo, found)
            continue
        digests, (image, parts, measured) = found
        yield entry, Face(image, table[parts], digests, measured)


def label_photo(
    picture: NDArray[np.uint8],
    size: int,
    taught_by: teacher.Teacher | None = None,
    template: Points | None = None,
    scale: float = 1.0,
    turn: float = 0.0,
) -> LabelledPhoto:
    """Find, crop and label a picture's largest face.

    A looser crop is labelled at the resolution that a face's own crop would have, and then made smaller.

    Args:
        picture: (H, W, 3) uint8.
        size: side of the crop in pixels.
        taught_by: adds what it believes of hair and face.
        template: the points that people set on the photo, (189, 2) in its pixels; they outline the parts instead of
            the mesh's.
        scale: how much larger the crop is than the face's own.
        turn: degrees by which the labelled head is turned to a side; see `l2sae.data.turned_heads`.

    Raises:
        ValueError: no face, or one that cannot be labelled with confidence or turned; the message is the reason.
    """
    found = find_faces(picture)
    if not found:
        raise ValueError("no face found")
    face, room = found[0], ROOM if turn else 1.0
    crop = head_crop(face.crop_transform(), room * scale)
    image, labels = _label_crop(picture, face, crop, round(room * scale * size), taught_by, template)
    if labels.confidence < MIN_CONFIDENCE:
        raise ValueError(f"low confidence: {labels.confidence:.3f}, at least {MIN_CONFIDENCE} is needed")
    measured = {"confidence": labels.confidence, "turn": yaw(face.landmarks), "roll": crop.angle}
    done = LabelledPhoto(image, labels.parts, crop, measured)
    if turn:
        done = _turned(done, face, mesh_depths(picture, face), turn, scale, size)
    image, parts = (
        np.asarray(Image.fromarray(values).resize((size, size), how))
        for values, how in ((done.image, Image.Resampling.BOX), (done.parts, Image.Resampling.NEAREST))
    )
    return replace(done, image=image, parts=parts)


def _label_crop(
    picture: NDArray[np.uint8],
    face: finding.Face,
    crop: CropTransform,
    size: int,
    taught_by: teacher.Teacher | None,
    template: Points | None,
) -> tuple[NDArray[np.uint8], weak_labels.WeakLabels]:
    """The crop at ``size`` pixels a side, and its labels."""
    image = crop.crop(picture, size)
    belief = None if taught_by is None else taught_by.belief(image)
    method = Image.Resampling.BOX if size < SEEN_SIDE else Image.Resampling.BILINEAR
    person = Image.fromarray(person_mask(crop.crop(picture, SEEN_SIDE))).resize((size, size), method)
    if template is None:
        outlined = mesh_outlines(crop.to_crop(face.landmarks) * size)
    else:
        outlined = template_outlines(crop.to_crop(template) * size)
    known = known_pixels(crop, picture, size)
    return image, weak_labels.weak_labels(image, outlined, np.asarray(person), known, belief)


def _turned(
    done: LabelledPhoto, face: finding.Face, depths: Points, turn: float, scale: float, size: int
) -> LabelledPhoto:
    """A labelled photo of a head with room around it, with the head turned, in the crop for ``scale`` and ``size``.

    Heads that turn to the left are framed as edits frame faces, those that turn to the right by their bounding box.

    Raises:
        ValueError: the head is turned already.
    """
    if abs(yaw(face.landmarks)) > FRONTAL:
        raise ValueError("the head is turned already")
    side = len(done.image)
    flat = done.crop.to_crop(face.landmarks[: mesh.MESH_POINTS]) * side
    points = np.column_stack([flat, depths * (side / done.crop.side)])
    turned = turned_heads.turn_head(done.image, done.parts, points, turn)
    if turn > 0:
        crop = head_crop(finding.Face(turned.points, face.score).crop_transform(), scale)
    else:
        crop = _around_head(turned.parts, scale)
    cut = round(scale * size)
    x, y = np.floor(crop.pixels(cut)).astype(int).T
    inside = (np.minimum(x, y) >= 0) & (np.maximum(x, y) < side)
    parts = np.where(inside, turned.parts[y.clip(0, side - 1), x.clip(0, side - 1)], 0).reshape(cut, cut)
    pixel = done.crop.side / side
    centre = done.crop.to_photo(np.array([[crop.x, crop.y]]) / side)[0]
    where = CropTransform(float(centre[0]), float(centre[1]), crop.side * pixel, done.crop.angle + crop.angle)
    return LabelledPhoto(crop.crop(turned.image, cut), parts, where, done.measured | {"yaw": turn})


def _around_head(parts: NDArray[np.uint8], scale: float) -> CropTransform:
    """The square around what belongs to the head in labels (S, S), and some of what is beside it."""
    ids = [CELEBAMASK_PARTS.index(part) for part in NOT_HEAD]
    rows, columns = np.nonzero(~np.isin(parts, ids))
    low, high = np.array([columns.min(), rows.min()]), np.array([columns.max(), rows.max()]) + 1
    x, y = (low + high) / 2
    return CropTransform(float(x), float(y), scale * HEAD_BOX * float((high - low).max()))


def known_pixels(crop: CropTransform, picture: NDArray[np.uint8], size: int) -> NDArray[np.bool_]:
    """Which pixels of a crop lie in the picture, (size, size) bool; the others repeat its edge."""
    places = crop.pixels(size)
    limits = (picture.shape[1], picture.shape[0])
    return np.asarray(((places >= 0) & (places < limits)).all(axis=1).reshape(size, size))


def yaw(landmarks: Points) -> float:
    """How far a face is turned, -1 to 1: where the nose's tip lies between the cheeks; 0 is frontal."""
    left, right, tip = landmarks[[*mesh.CHEEKS, mesh.NOSE_TIP]]
    across = right - left
    return float(np.clip(2 * ((tip - left) @ across) / max(float(across @ across), 1e-9) - 1, -1, 1))


def _spread(label: PhotoLabeller, entries: Sequence[Entry]) -> Iterator[Any]:
    workers = min(MAX_WORKERS, os.cpu_count() or 1)
    if len(entries) < _PARALLEL_FROM or workers == 1:
        yield from map(label, entries)
        return
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(label, entries, chunksize=8)


def _keep(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.npz")
    np.savez_compressed(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(path)


@functools.cache
def code_digest() -> str:
    """sha256 of the files whose change makes other labels."""
    modules = (outlines, weak_labels, teacher, turned_heads, webmorph, finding)
    asset = Path(weights.__file__).parents[1] / weights.ASSET
    files = [*(Path(str(module.__file__)) for module in modules), Path(__file__), outlines.BROW_SHIFT, asset]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
