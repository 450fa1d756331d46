"""Find, crop and label the faces of many photos, on this machine, on several, or in an object store.

This is the part of the prepare stage that takes the time: decoding, face finding and weak labels. Its results are the
files of the stage's cache, so that `l2sae.data.prepare` has only to put them together. It needs the extras that this
stage needs, so `l2sae.bulk` does not import it.
"""

import hashlib
import json
import os
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from l2sae.bulk.fetching import Fetched, run_batch
from l2sae.bulk.photo_lists import Item, find_items
from l2sae.bulk.progress import Progress
from l2sae.bulk.results import DONE, SKIPPED, Row
from l2sae.bulk.runs import BATCH, Runner, check_runner, open_folders, run
from l2sae.bulk.storage import Folder
from l2sae.data.listing import Entry
from l2sae.data.photos import PhotoLabeller, code_digest
from l2sae.data.teacher import open_teacher
from l2sae.pictures.errors import EditError
from l2sae.pictures.files import readable_name, same_place


def label_folder(
    photos: str | os.PathLike[str],
    labels: str | os.PathLike[str],
    image_size: int = 128,
    teacher: str | None = None,
    *,
    workers: int | None = None,
    batch: int = BATCH,
    runner: Runner = "processes",
    storage_options: Mapping[str, Any] | None = None,
    progress: bool | Progress = True,
) -> pd.DataFrame:
    """Crop and label the largest face of every photo of a folder, as ``prepare`` does, and keep the results.

    A run that was cut off is taken up by the same call, and photos of equal bytes are done once. Where the folder of
    the results is ``weak_labels`` beside the prepared data, or is copied there, ``prepare`` with ``data.source``
    ``photos`` and equal parameters labels nothing again.

    Args:
        photos: a folder, searched at any depth, or a list of photos, by path or URL, as for `edit_folder`.
        labels: the folder for the results, likewise: a file ``<digest>.npz`` for each photo, and ``results.parquet``.
        image_size: side of the crops in pixels, as ``data.image_size``.
        teacher: a model whose mattes improve the labels, as ``data.teacher``: ``shipped`` or a checkpoint.
        workers: processes of one thread each; 0 works in this process; None takes one for each core.
        batch: photos that a worker takes at a time, fewer where they are large.
        runner: ``processes`` of this machine, or ``ray``, as for `edit_folder`.
        storage_options: of fsspec, for the URLs.
        progress: False for none, or a function to call with plain lines.

    Returns:
        One row for each photo, in order of the names: ``photo``, ``output``, ``result`` (done or skipped), ``reason``,
        the file's digest, ``seconds`` and the worker.

    Raises:
        EditError: a parameter is wrong, or results cannot be written.
        l2sae.data.SourceError: the teacher is not one.
    """
    check_runner(runner, workers, batch)
    if image_size < 16:
        raise EditError(f"image_size={image_size}: give the crops' side in pixels, 16 or more")
    source, target = open_folders((photos, labels), storage_options, runner)
    if same_place(source.url, target.url):
        raise EditError(f"{target.url}: this is the folder of the photos; name another for the labels")
    weights = None if teacher is None else open_teacher(teacher).checkpoint.read_bytes()
    work = Labelling(image_size, weights, target)
    return run(work, find_items(source, None, target), work.describe(), workers, batch, runner, progress)


@dataclass(frozen=True)
class Labelling:
    """What `label_folder` does to each photo.

    Attributes:
        image_size: side of the crops in pixels.
        teacher: a checkpoint's bytes, for machines that do not have the file.
        output: folder of the results.
    """

    image_size: int
    teacher: bytes | None
    output: Folder
    overwrite: bool = False
    verb: ClassVar[str] = "labelled"
    named: ClassVar[bool] = False

    def describe(self) -> dict[str, Any]:
        """The work as JSON: whatever changes a label."""
        digest = None if self.teacher is None else hashlib.sha256(self.teacher).hexdigest()
        return {"labels": self.image_size, "teacher_sha256": digest, "code_sha256": code_digest()}

    @property
    def key(self) -> tuple[str, str]:
        """Equal for equal work."""
        return json.dumps(self.describe(), sort_keys=True), self.output.url

    def open(self) -> "BatchLabeller":
        """Load the teacher."""
        return BatchLabeller(self)


class BatchLabeller:
    """Labels batches of photos on one thread; the next photo is fetched meanwhile."""

    def __init__(self, work: Labelling) -> None:
        self.work, self._kept = work, ExitStack()
        self._taught_by: str | None = None
        if work.teacher is not None:
            folder = self._kept.enter_context(tempfile.TemporaryDirectory(prefix="l2sae-"))
            path = Path(folder) / "teacher.safetensors"
            path.write_bytes(work.teacher)
            self._taught_by = str(path)
        self._worker = f"{socket.gethostname()}:{os.getpid()}"

    def run(self, items: Sequence[Item]) -> list[Row]:
        """Label a batch and leave its rows in the output folder; a batch that has left them already is done.

        Raises:
            OSError: results cannot be written; what is wrong with a photo becomes its row instead.
        """
        return run_batch(items, self.work.output, self._row)

    def _row(self, item: Item, fetched: Fetched, scratch: Path) -> Row:
        started = time.perf_counter()
        row: Row = {"photo": item.photo, "name": item.key, "stamp": item.stamp, "worker": self._worker, "again": False}
        row |= self._labelled(fetched, scratch)
        return row | {"seconds": time.perf_counter() - started}

    def _labelled(self, fetched: Fetched, scratch: Path) -> Row:
        """Label one photo, unless its labels are there."""
        if fetched.path is None:
            return {"result": SKIPPED, "reason": f"cannot read the file: {fetched.error}", "again": True}
        output = self.work.output
        scratch.mkdir(exist_ok=True)
        label = PhotoLabeller(scratch, self.work.image_size, self._taught_by)
        kept = label.place([fetched.sha256])
        there = output.exists(kept.name)
        if there:
            kept.write_bytes(output.read(kept.name))
        found = label(Entry("", fetched.path, ()))
        if kept.is_file():
            if not there:
                output.write(kept.name, kept.read_bytes())
            kept.unlink()
        row: Row = {"original_sha256": fetched.sha256, "output": readable_name(output.url_of(kept.name))}
        if isinstance(found, str):
            return row | {"result": SKIPPED, "reason": found, "output": None}
        height, width = np.shape(found[1][0])[:2]
        return row | {"result": DONE, "width": width, "height": height}
