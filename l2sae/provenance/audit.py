"""The audit log: append-only, hash-chained JSON lines. Digests only: never pixels, names or paths."""

import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from l2sae.editing.recipe import Recipe
from l2sae.provenance.export_errors import ProvenanceError
from l2sae.provenance.fingerprint import NEAR, digest_recipe, hash_distance, perceptual_hash

ROTATE_BYTES = 8 * 2**20
FIRST = "0" * 64  # what the first line of all continues
_TAIL_BLOCK = 4096


@dataclass(frozen=True)
class Entry:
    """One line of the log: its number over all files from 1, time, id, and what was recorded."""

    number: int
    time: datetime
    id: str
    record: Mapping[str, Any]


@dataclass(frozen=True)
class LogCheck:
    """What `AuditLog.verify` found: ``lines`` that hold, and the first that does not, as "file, line n: reason"."""

    lines: int
    broken: str | None = None

    def __bool__(self) -> bool:
        return self.broken is None


class AuditLog:
    """An append-only log of several writers; each line carries the sha256 of the line before.

    A line is acknowledged once it has reached the disk. A writer that dies leaves at most a torn last line, which was
    never acknowledged: the next writer moves it to ``<name>.torn``. Files that have grown large are set aside as
    ``<stem>.000001<suffix>`` and so on; the chain runs on over them. ``<name>.head`` holds the last line's number and
    digest, by which missing last lines are noticed.

    Args:
        path: of the current file.
        rotate_bytes: size from which a file is set aside.
    """

    def __init__(self, path: str | Path, rotate_bytes: int = ROTATE_BYTES) -> None:
        self.path = Path(path)
        self.rotate_bytes = rotate_bytes
        self._head = self.path.with_name(self.path.name + ".head")
        self._ids: set[str] = set()  # of the lines in the first `_looked_at` bytes of all files together
        self._looked_at = 0

    def append(self, record: Mapping[str, Any], entry_id: str | None = None) -> Entry:
        """Write one line, and return once it is on the disk.

        Args:
            record: what happened; values that JSON holds.
            entry_id: names the line, so that a writer that does not know whether it came through may try again: a line
                of this id that is already there is returned, and nothing is written.

        Raises:
            ProvenanceError: the folder cannot be written to, or the last line is damaged.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_name(self.path.name + ".lock"), mode=0o600):
                self._set_torn_line_aside()
                if entry_id is not None and (known := self._known(entry_id)):
                    return known
                self._rotate()
                return self._write(record, entry_id or uuid.uuid4().hex)
        except OSError as error:
            raise ProvenanceError(f"{self.path}: cannot write to the audit log: {error.strerror}") from None

    def entries(self) -> Iterator[Entry]:
        """All lines, oldest first; nothing is verified.

        Raises:
            ProvenanceError: a line is not one of this log; the message names it.
        """
        for file, index, line in self._lines():
            yield _parse(line, f"{file.name}, line {index}")

    def verify(self) -> LogCheck:
        """Follow the chain over all files, and name the first line that breaks it."""
        previous, number = FIRST, 0
        head = self._read_head()  # before the lines: writers may go on meanwhile
        at_head = head is None
        for file, index, line in self._lines():
            place = f"{file.name}, line {index}"
            try:
                fields = json.loads(line)
                _parse(line, place)
            except (ValueError, UnicodeDecodeError):
                return LogCheck(number, f"{place}: not a line of this log")
            if fields["previous"] != previous or fields["number"] != number + 1:
                return LogCheck(number, f"{place}: does not continue the line before: one of the two was changed")
            previous, number = hashlib.sha256(line).hexdigest(), number + 1
            at_head = at_head or (number, previous) == head
        if not at_head and head is not None:
            return LogCheck(number, f"{self.path.name}, line {head[0]}: changed or missing at the end of the log")
        return LogCheck(number)

    def find(
        self, picture: NDArray[np.uint8] | None = None, recipe: Recipe | str | None = None, digest: str | None = None
    ) -> list[Entry]:
        """Lines that match, newest first.

        Args:
            picture: (H, W, 3) uint8; compared by perceptual hash, so that copies and re-saved pictures are found.
            recipe: a recipe or its digest.
            digest: any sha256 that a line may hold: of file, pixels, original, model, recipe, policy.
        """
        look = perceptual_hash(picture) if picture is not None else None
        wanted = digest_recipe(recipe) if isinstance(recipe, Recipe) else recipe
        return [
            entry
            for entry in reversed(list(self.entries()))
            if (look is None or _looks_like(entry.record, look))
            and (wanted is None or entry.record.get("recipe_sha256") == wanted)
            and (digest is None or digest in entry.record.values())
        ]

    def overdue(self, today: date) -> list[Entry]:
        """Lines of exports whose pictures the policy wants deleted by now."""
        return [entry for entry in self.entries() if str(entry.record.get("delete_by", "9999")) < today.isoformat()]

    def files(self) -> list[Path]:
        """The log's files, oldest first."""
        pattern = re.compile(re.escape(self.path.stem) + r"\.\d{6}" + re.escape(self.path.suffix))
        parent = self.path.parent
        aside = sorted(one for one in parent.iterdir() if pattern.fullmatch(one.name)) if parent.is_dir() else []
        return aside + ([self.path] if self.path.exists() else [])

    def _lines(self) -> Iterator[tuple[Path, int, bytes]]:
        """File, number in it from 1, and bytes of each whole line; a torn last one is left out."""
        for file in self.files():
            with file.open("rb") as stream:
                for index, line in enumerate(stream, 1):
                    if line.endswith(b"\n"):
                        yield file, index, line[:-1]

    def _known(self, entry_id: str) -> Entry | None:
        self._look_at_new_lines()
        if entry_id not in self._ids:
            return None
        mark = json.dumps(entry_id).encode()
        return next((_parse(line, file.name) for file, _, line in self._lines() if mark in line), None)

    def _look_at_new_lines(self) -> None:
        """Take the ids of the lines that were written since the last look; reading all lines would take ever longer."""
        start = self._looked_at
        for file in self.files():
            size = file.stat().st_size
            if start < size:
                with file.open("rb") as stream:
                    stream.seek(start)
                    for line in stream:
                        if line.endswith(b"\n"):
                            self._ids.add(_parse(line[:-1], file.name).id)
                            self._looked_at += len(line)
            start = max(0, start - size)

    def _write(self, record: Mapping[str, Any], entry_id: str) -> Entry:
        files = self.files()
        last = _last_line(files[-1]) if files else b""
        number = _parse(last, files[-1].name).number if last else 0
        now = datetime.now(UTC)
        fields = {
            "number": number + 1,
            "time": now.isoformat(timespec="milliseconds"),
            "id": entry_id,
            "previous": hashlib.sha256(last).hexdigest() if last else FIRST,
            "record": dict(record),
        }
        line = json.dumps(fields, allow_nan=False, separators=(",", ":")).encode()
        is_new = not self.path.exists()
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            with os.fdopen(descriptor, "ab", closefd=False) as file:
                file.write(line + b"\n")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_folder(self.path.parent)
        self._write_head(number + 1, hashlib.sha256(line).hexdigest())
        return _parse(line, self.path.name)

    def _set_torn_line_aside(self) -> None:
        """Move what follows the last line's end, the rest of a write that was cut off, to ``<name>.torn``."""
        if not self.path.exists():
            return
        with self.path.open("r+b") as file:
            size = os.fstat(file.fileno()).st_size
            whole = _end_of_last_line(file.fileno(), size)
            if whole == size:
                return
            file.seek(whole)
            with self.path.with_name(self.path.name + ".torn").open("ab") as torn:
                torn.write(file.read() + b"\n")
                torn.flush()
                os.fsync(torn.fileno())
            file.truncate(whole)
            os.fsync(file.fileno())

    def _rotate(self) -> None:
        if not self.path.exists() or self.path.stat().st_size < self.rotate_bytes:
            return
        count = len(self.files())
        self.path.rename(self.path.with_name(f"{self.path.stem}.{count:06d}{self.path.suffix}"))
        _sync_folder(self.path.parent)

    def _write_head(self, number: int, digest: str) -> None:
        """Not forced to the disk: a head that lags behind the log is no fault."""
        partial = self._head.with_name(self._head.name + ".partial")
        partial.write_text(f"{number} {digest}\n", encoding="ascii")
        partial.replace(self._head)

    def _read_head(self) -> tuple[int, str] | None:
        try:
            number, digest = self._head.read_text(encoding="ascii").split()
            return int(number), digest
        except (FileNotFoundError, ValueError):
            return None


def _parse(line: bytes, place: str) -> Entry:
    try:
        fields = json.loads(line)
        time = datetime.fromisoformat(fields["time"])
        return Entry(int(fields["number"]), time, str(fields["id"]), dict(fields["record"]))
    except (ValueError, KeyError, TypeError):
        raise ProvenanceError(f"{place}: not a line of an audit log; see AuditLog.verify()") from None


def _looks_like(record: Mapping[str, Any], look: str) -> bool:
    known = record.get("perceptual_hash")
    return isinstance(known, str) and hash_distance(known, look) <= NEAR


def _last_line(path: Path) -> bytes:
    """The last line of a file that ends in a line's end, without it; empty where there is none."""
    with path.open("rb") as file:
        end = max(0, os.fstat(file.fileno()).st_size - 1)
        start = _end_of_last_line(file.fileno(), end)
        return os.pread(file.fileno(), end - start, start)


def _end_of_last_line(descriptor: int, position: int) -> int:
    """The number of bytes up to and with the last line's end among the first ``position`` ones."""
    while position > 0:
        start = max(0, position - _TAIL_BLOCK)
        found = os.pread(descriptor, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def _sync_folder(folder: Path) -> None:
    """Put a new name in the folder on the disk, where the system can."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
