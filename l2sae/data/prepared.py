"""The prepare stage: any source to the canonical data set of `l2sae.data.dataset`, in one atomic step."""

import errno
import functools
import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from l2sae.data.blocks import DecodedBlocks
from l2sae.data.dataset import MANIFEST, FaceBatch, FaceDataset, SplitWriter, describe_rois, open_split
from l2sae.data.decode import Face, load_face
from l2sae.data.listing import SPLITS, Entry, Listing, SourceError, relative
from l2sae.data.photos import label_photos
from l2sae.data.schemes import Scheme, part_rois
from l2sae.data.sources import SOURCES, list_source
from l2sae.data.splits import assign_splits, contiguous_counts, hold_out_next
from l2sae.data.teacher import open_teacher
from l2sae.data.walk_folder import Skipped
from l2sae.params import DataParams, Params, SplitRatios
from l2sae.pictures.conversions import values_to_levels
from l2sae.pictures.errors import UnusableError
from l2sae.render.rendered_faces import render_faces
from l2sae.rois import Roi

__all__ = ["FaceBatch", "FaceDataset", "PrepareError", "open_split", "prepare"]

_RENDER_CHUNK = 256
_DECODE_WINDOW = 64  # faces decoded ahead of the writer; bounds the memory
_PROGRESS_SECONDS = 10.0
CACHE = "weak_labels"  # folder beside the prepared one: labels of photos that have none, so that a second run is quick
_RENDERED = "Rendered by this package; holds no third-party material."

Progress = Callable[[str], object]
_Made = tuple[float, float]  # crop_scale and max_yaw of a picture


class PrepareError(ValueError):
    """The source cannot be turned into a data set: too many bad files, or an empty split."""


def prepare(params: Params, out: str | Path, progress: Progress = print) -> dict[str, Any]:
    """Write the canonical data set of ``params.data`` to ``out`` and return its manifest.

    Everything is written beside ``out`` first; an existing ``out`` is replaced only after success. Photos that were
    decoded before a run was killed or interrupted are not decoded again by the next.

    Args:
        params: resolved parameters; ``data``, ``rois`` and ``seed`` are used.
        out: the folder to make.
        progress: called with one plain line at a time.

    Raises:
        SourceError, SchemeError: the folder, its layout or the scheme does not serve; nothing was written.
        PrepareError: more than ``data.max_skipped`` of the files are bad, a split is empty, or the disk is full.
    """
    out = Path(out)
    partial = out.with_name(f".{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        if params.data.source == "rendered":
            manifest = _render(params, partial, progress)
        else:
            manifest = _import(params, partial, _decoded_folder(out), progress)
        (partial / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        _replace(out, partial)
    except Exception as error:
        shutil.rmtree(_decoded_folder(out), ignore_errors=True)  # a run that was interrupted leaves them to the next
        if not isinstance(error, OSError):
            raise
        # NumPy reports a write that the disk cut short without the system's error number.
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) and " written" not in str(error):
            raise
        raise PrepareError(
            f"{out}: the disk is full ({error.strerror or error}) while the shards were written; "
            "free space on that disk, or lower data.image_size or data.count; what was there before is unchanged"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(_decoded_folder(out), ignore_errors=True)
    return manifest


def _decoded_folder(out: Path) -> Path:
    return out.with_name(f".{out.name}.decoded")


def _replace(out: Path, new: Path) -> None:
    old = out.with_name(f".{out.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    new.rename(out)
    shutil.rmtree(old, ignore_errors=True)


def _manifest(
    params: Params, writers: Mapping[str, SplitWriter], items: Mapping[str, list[dict[str, Any]]], **more: Any
) -> dict[str, Any]:
    shares = {}
    for split, writer in writers.items():
        total = max(1, int(writer.pixels.sum()))
        shares[split] = {
            roi.name: round(int(count) / total, 6) for roi, count in zip(params.rois, writer.pixels[1:], strict=True)
        }
    return {
        "source": params.data.source,
        "licence": _licence(params.data),
        "labels": _labels(params.data),
        "image_size": params.data.image_size,
        "seed": params.seed,
        "rois": describe_rois(params.rois),
        "counts": {split: writer.count for split, writer in writers.items()},
        "roi_pixel_shares": shares,
        **more,
        "items": dict(items),
    }


def _licence(data: DataParams) -> str:
    if data.source in SOURCES:
        return SOURCES[data.source].licence
    return _RENDERED if data.source == "rendered" else "Those of the sources."


def _labels(data: DataParams) -> str:
    """Who made a data set's labels; where sources differ, the kind that is furthest from a person's work."""
    if data.source == "rendered":
        return "rendered"
    kinds = {SOURCES[one.source].labels for one in data.sources or (data,)}
    return next(kind for kind in ("weak", "template", "human") if kind in kinds)


# --- rendered faces -------------------------------------------------------------------------------------------------


def _render(params: Params, out: Path, progress: Progress) -> dict[str, Any]:
    """Render ``data.count`` faces; the splits are ranges of one numbering."""
    data = params.data
    if not isinstance(data.split, SplitRatios):
        raise PrepareError("data.split: rendered faces are split by ratios {train, val, test}")
    counts = contiguous_counts(data.count, data.split)
    _refuse_empty(counts, [split for split in SPLITS if getattr(data.split, split) > 0])
    writers = {split: SplitWriter(out / split, data.image_size, len(params.rois)) for split in SPLITS}
    items: dict[str, list[dict[str, Any]]] = {}
    first = 0
    for split, writer in writers.items():
        names = [f"rendered-{index:06d}" for index in range(first, first + counts[split])]
        items[split] = [{"name": name} for name in names]
        for start in range(0, counts[split], _RENDER_CHUNK):
            chunk = names[start : start + _RENDER_CHUNK]
            _render_chunk(params, writer, chunk, first + start)
            progress(f"prepare: {split}: {start + len(chunk)} of {len(names)} faces rendered")
        writer.close()
        first += counts[split]
    return _manifest(params, writers, items, skipped=[])


def _render_chunk(params: Params, writer: SplitWriter, names: Sequence[str], first: int) -> None:
    try:
        faces = render_faces(
            len(names), params.data.image_size, params.seed, rois=params.rois, start=first, factors=params.data.held
        )
    except ValueError as error:
        raise PrepareError(f"data.held or rois: {error}") from None
    images = values_to_levels(faces.images).permute(0, 2, 3, 1).cpu().numpy()
    attributes = pd.DataFrame({"name": names, **{key: np.asarray(value) for key, value in faces.factors.items()}})
    writer.add(images, faces.labels.byte().cpu().numpy(), attributes)


# --- imported faces -------------------------------------------------------------------------------------------------


@dataclass
class _Part:
    """One source of an import: all of it, or one of those that ``data.sources`` puts together."""

    data: DataParams
    listing: Listing
    scheme: Scheme
    owner: dict[str, int]
    splits: dict[str, list[Entry]]
    prefix: str
    taken: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))

    @property
    def root(self) -> Path:
        return Path(self.data.root or "")


def _open_part(data: DataParams, rois: Sequence[Roi], prefix: str) -> _Part:
    if data.teacher and not SOURCES[data.source].labelled_here:
        raise SourceError(
            f"data.teacher improves weak labels, and data.source {data.source} has others: set it to null"
        )
    for key, off in (("crop_scale", 1), ("max_yaw", 0)):
        if getattr(data, key) != off and not SOURCES[data.source].labelled_here:
            raise SourceError(f"data.{key}: photos of data.source {data.source} are cropped already: set it to {off}")
    listing, scheme = list_source(data)
    return _Part(data, listing, scheme, part_rois(scheme, rois), assign_splits(listing.entries, data.split), prefix)


def _open_parts(params: Params) -> list[_Part]:
    data = params.data
    if data.source != "mixed":
        return [_open_part(data, params.rois, "")]
    parts = []
    for index, one in enumerate(data.sources):
        kind = (one.source, one.crop_scale, one.max_yaw)
        alike = [(other.source, other.crop_scale, other.max_yaw) for other in data.sources].count(kind) > 1
        made = "" if one.crop_scale == 1 else f"-{one.crop_scale:g}x"
        made += "" if one.max_yaw == 0 else f"-{one.max_yaw:g}deg"
        prefix = f"{one.source}{made}{f'-{index}' if alike else ''}/"
        teacher = data.teacher if SOURCES[one.source].labelled_here else None
        given = one.model_dump(exclude={"split"}) | {
            "split": one.split or data.split,
            "teacher": teacher,
            "sources": (),
        }
        parts.append(_open_part(data.model_copy(update=given), params.rois, prefix))
    return parts


def _import(params: Params, out: Path, blocks: Path, progress: Progress) -> dict[str, Any]:
    """Decode every listed face. The test split comes first: where photos are equal, the one in test stays.

    A photo may come once at each ``crop_scale`` and ``max_yaw``, in one split.

    Decoded faces are kept in ``blocks`` meanwhile.
    """
    size = params.data.image_size
    parts = _open_parts(params)
    writers = {split: SplitWriter(out / split, size, len(params.rois)) for split in SPLITS}
    items: dict[str, list[dict[str, Any]]] = {split: [] for split in SPLITS}
    seen: dict[str, dict[_Made, tuple[str, str]]] = {}
    pace = _Pace(progress, sum(len(entries) for part in parts for entries in part.splits.values()))
    kept = 0

    def take(part: _Part, split: str, faces: Iterable[tuple[Entry, Face | UnusableError]]) -> None:
        made = (part.data.crop_scale, part.data.max_yaw)
        for entry, face in faces:
            name = part.prefix + entry.name
            if isinstance(face, UnusableError):
                part.listing.skipped.append(Skipped(face.file, face.reason))
            elif twin := _twin(seen.get(face.digests[entry.photo], {}), made, split):
                part.listing.skipped.append(Skipped(entry.photo, f"duplicate photo: same bytes as {twin}"))
            else:
                seen.setdefault(face.digests[entry.photo], {})[made] = (split, name)
                row = {"name": name, **face.measured, **entry.attributes}
                writers[split].add(face.image[None], face.labels[None], pd.DataFrame([row]))
                items[split].append(_item(name, part, entry, face))
                part.taken[split] += 1
            pace.done(split)

    for split in ("test", "val", "train"):
        for part in parts:
            decode = functools.partial(_decoded, scheme=part.scheme, owner=part.owner, size=size)
            decoded = DecodedBlocks(blocks, size, [part.scheme.to_json(), part.owner], decode)
            weak = functools.partial(label_photos, data=part.data, owner=part.owner, cache=out.parent / CACHE)
            faces_of = weak if SOURCES[part.data.source].labelled_here else decoded.faces
            take(part, split, faces_of(part.splits[split]))
            while (
                split == "val" and not part.taken[split] and (next_one := hold_out_next(part.splits, part.data.split))
            ):
                take(part, split, faces_of([next_one]))
            kept += decoded.kept
        writers[split].close()
        listed = sum(len(part.splits[split]) for part in parts)
        progress(f"prepare: {split}: {len(items[split])} faces of {listed} listed")
    if kept:
        progress(f"prepare: {kept} photos had been decoded by a run that did not end")
    for part in parts:
        _judge(params, part)
    return _manifest(params, writers, items, **_described(params, parts))


def _twin(taken: dict[_Made, tuple[str, str]], made: _Made, split: str) -> str | None:
    """The name of a photo of the same bytes, made into the same picture already, or in another split.

    ``taken`` maps what was made of the photo to its split and name.
    """
    return next((name for one, (other, name) in taken.items() if one == made or other != split), None)


def _item(name: str, part: _Part, entry: Entry, face: Face) -> dict[str, Any]:
    """What the manifest says of a face: its name, files, whom it shows, and what is stated of the person."""
    item: dict[str, Any] = {"name": name}
    item["sha256"] = {relative(path, part.root): digest for path, digest in face.digests.items()}
    if entry.group is not None:
        item["group"] = entry.group
    if entry.attributes:
        item["attributes"] = dict(entry.attributes)
    return item


def _described(params: Params, parts: Sequence[_Part]) -> dict[str, Any]:
    """What the manifest says of its sources: scheme, skipped files, teacher, and what each of several gave."""
    skipped = sorted(
        (part.prefix + relative(item.file, part.root), item.reason) for part in parts for item in part.listing.skipped
    )
    more: dict[str, Any] = {"skipped": [{"file": file, "reason": reason} for file, reason in skipped]}
    if params.data.teacher:
        more["teacher_sha256"] = open_teacher(params.data.teacher).digest
    schemes = {part.prefix: {"name": part.scheme.name, "parts": part.scheme.to_json()} for part in parts}
    if params.data.source != "mixed":
        return {"scheme": schemes[""], **more}
    more["sources"] = [
        {
            "source": part.data.source, "prefix": part.prefix, "licence": SOURCES[part.data.source].licence,
            "labels": SOURCES[part.data.source].labels, "scheme": schemes[part.prefix], "counts": part.taken,
        }
        for part in parts
    ]  # fmt: skip
    return more


class _Pace:
    """Says now and then how many photos are done, and how long the rest will take at the pace so far."""

    def __init__(self, progress: Progress, total: int) -> None:
        self.progress, self.total, self.count = progress, total, 0
        self.start = self.said = time.monotonic()

    def done(self, split: str) -> None:
        """Count one photo."""
        self.count += 1
        now = time.monotonic()
        if now - self.said >= _PROGRESS_SECONDS:
            rest = (now - self.start) / self.count * (self.total - self.count)
            rate = self.count / (now - self.start)
            self.progress(
                f"prepare: {split}: {self.count} of {self.total} photos, {rate:.1f} a second, about {rest:.0f} s left"
            )
            self.said = now


def _decoded(
    entries: Sequence[Entry], scheme: Scheme, owner: Mapping[str, int], size: int
) -> Iterator[tuple[Entry, Face | UnusableError]]:
    """Decode in threads (Pillow and NumPy release the interpreter), a window at a time, in order."""

    def attempt(entry: Entry) -> Face | UnusableError:
        try:
            return load_face(entry, scheme, owner, size)
        except UnusableError as error:
            return error

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        for start in range(0, len(entries), _DECODE_WINDOW):
            window = entries[start : start + _DECODE_WINDOW]
            yield from zip(window, pool.map(attempt, window), strict=True)


def _judge(params: Params, part: _Part) -> None:
    """Refuse a source with too many bad files or an empty split."""
    bad = [item for item in part.listing.skipped if item.bad]
    good = sum(part.taken.values())
    share = len(bad) / max(1, len(bad) + good)
    if share > params.data.max_skipped:
        raise PrepareError(
            f"data.root: {part.root}: {len(bad)} of {len(bad) + good} files are unusable, more than data.max_skipped = "
            f"{params.data.max_skipped:g}: {_reasons(bad, part.root)}"
        )
    needed = [split for split in SPLITS if getattr(part.data.split, split, True) != 0]
    _refuse_empty({split: part.taken[split] for split in needed}, needed, _reasons(bad, part.root))


def _refuse_empty(counts: Mapping[str, int], needed: Sequence[str], reasons: str = "") -> None:
    if empty := [split for split in needed if not counts[split]]:
        why = f"; skipped: {reasons}" if reasons else ""
        raise PrepareError(
            f"data.split: no image in {', '.join(empty)} ({dict(counts)}): "
            f"add images or change the ratios or folders{why}"
        )


def _reasons(bad: Sequence[Skipped], root: Path) -> str:
    """The three commonest reasons with their counts and an example each."""
    counts = Counter(item.reason.split(":")[0] for item in bad)
    clauses = []
    for kind, count in counts.most_common(3):
        alike = [item for item in bad if item.reason.split(":")[0] == kind]
        example = min(alike, key=lambda item: item.file)
        clauses.append(f"{count} x {kind} (e.g. {relative(example.file, root)}: {example.reason})")
    return "; ".join(clauses)
