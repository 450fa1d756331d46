"""Decoded faces on disk while an import runs: one that was killed goes on where it was.

Blocks of faces lie beside the data set that is being made, and go when it is complete. A block's name is a digest of
what it was made from, so that other parameters or changed files never meet old blocks.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from l2sae.data.decode import Face
from l2sae.data.listing import Entry
from l2sae.pictures.errors import UnusableError
from l2sae.pictures.files import atomic_write

Found = Face | UnusableError
_FACES = 256
_BYTES = 2**26  # of a block: those of large images hold fewer faces

Decode = Callable[[Sequence[Entry]], Iterable[tuple[Entry, Found]]]


class DecodedBlocks:
    """Faces that ``decode`` makes, kept block by block.

    Args:
        folder: where the blocks lie; made with the first.
        size: side of the faces in pixels.
        made_with: whatever else decides how a face comes out, as JSON can hold it.
        decode: entries to what comes of each, in order.
    """

    def __init__(self, folder: Path, size: int, made_with: Any, decode: Decode) -> None:
        self.folder, self.decode = folder, decode
        self.made_with = [size, made_with]
        self.length = max(1, min(_FACES, _BYTES // (4 * size * size)))
        self.kept = 0  # faces that an earlier run had decoded

    def faces(self, entries: Sequence[Entry]) -> Iterator[tuple[Entry, Found]]:
        """Each entry and what came of it, in order."""
        for start in range(0, len(entries), self.length):
            block = entries[start : start + self.length]
            file = self.folder / f"{self._digest(block)}.npz"
            found = _read(file)
            if found is None:
                found = [one for _, one in self.decode(block)]
                _write(file, found)
            else:
                self.kept += len(found)
            yield from zip(block, found, strict=True)

    def _digest(self, block: Sequence[Entry]) -> str:
        files = [
            [entry.soft, _state(entry.photo), *([mask.part, *_state(mask.path)] for mask in entry.masks)]
            for entry in block
        ]
        text = json.dumps([self.made_with, files], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def _state(path: Path) -> list[Any]:
    try:
        state = path.stat()
    except OSError:
        return [str(path)]
    return [str(path), state.st_size, state.st_mtime_ns]


def _write(file: Path, found: Sequence[Found]) -> None:
    """Write a block whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    faces = [one for one in found if isinstance(one, Face)]
    notes = [_note(one) for one in found]
    images, labels = (np.array([getattr(face, kind) for face in faces]) for kind in ("image", "labels"))
    stream = io.BytesIO()
    np.savez(stream, notes=np.array(json.dumps(notes)), images=images, labels=labels)
    atomic_write(file, stream.getvalue())


def _note(one: Found) -> dict[str, Any]:
    if isinstance(one, UnusableError):
        return {"file": str(one.file), "reason": one.reason}
    return {"digests": {str(path): digest for path, digest in one.digests.items()}, "measured": one.measured}


def _read(file: Path) -> list[Found] | None:
    """The block in ``file``, None where there is none that can be read."""
    try:
        with np.load(file) as saved:
            notes = json.loads(str(saved["notes"]))
            images, labels = saved["images"], saved["labels"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    faces = iter(zip(images, labels, strict=True))
    return [
        UnusableError(Path(note["file"]), note["reason"])
        if "reason" in note
        else Face(*next(faces), {Path(path): digest for path, digest in note["digests"].items()}, note["measured"])
        for note in notes
    ]
