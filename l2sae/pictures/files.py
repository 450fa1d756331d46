"""Files by name: written whole or not at all, never over an input, and found again under any name."""

import errno
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from l2sae.pictures.errors import EditError

AnyPath = str | os.PathLike[str]
LONGEST_NAME = 255  # bytes, on the usual file systems
PARTIAL = ".partial"
_ESCAPED = re.compile(r"\\x([0-9a-f]{2})")


def atomic_write(path: AnyPath, content: bytes, overwrite: bool = True) -> None:
    """Write a file, whole or not at all: a temporary file beside it, on the disk, then renamed.

    Raises:
        FileExistsError: there is such a file, and it is not to be overwritten.
        OSError: it cannot be written.
    """
    with partial_file(path, content) as partial:
        move_into_place(partial, path, overwrite)


@contextmanager
def partial_file(path: AnyPath, content: bytes) -> Iterator[Path]:
    """A temporary file beside ``path`` that holds ``content`` and is on the disk; removed unless it was moved."""
    path = Path(path)
    descriptor, name = tempfile.mkstemp(prefix=partial_prefix(path.name), suffix=PARTIAL, dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.chmod(0o666 & ~_umask())
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def move_into_place(partial: Path, path: AnyPath, overwrite: bool = True) -> None:
    """Give a file its name; unless asked, never in place of another, even one that has just appeared."""
    if overwrite:
        partial.replace(path)
        return
    try:
        os.link(partial, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if Path(path).exists():
            raise FileExistsError from None
        partial.replace(path)


def partial_prefix(name: str) -> str:
    """How the temporary files of a file begin: short, since the file's own name may have the greatest length."""
    return f".{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}."


def fitting_name(stem: str, suffix: str) -> str:
    """``stem`` + ``suffix``; a name that is too long for a file system is cut, and told apart by a digest."""
    if len(os.fsencode(stem + suffix)) <= LONGEST_NAME:
        return stem + suffix
    tail = f"~{hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]}{suffix}"
    room = LONGEST_NAME - len(os.fsencode(tail))
    while len(os.fsencode(stem)) > room:
        stem = stem[:-1]
    return stem + tail


def readable_name(path: AnyPath) -> str:
    r"""A path as text that can be printed and stored: bytes that are not UTF-8 are written ``\xfc``.

    `path_of` finds the file again.
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def path_of(name: AnyPath) -> Path:
    """The path that a user or `readable_name` has written: ``~`` is the home folder.

    Raises:
        EditError: a name that no file system takes.
    """
    if "\0" in os.fspath(name):
        raise EditError(f"{os.fspath(name)!r}: the name of a file holds no zero byte")
    text = os.path.expanduser(name)  # noqa: PTH111 - which leaves names alone that begin with ~ and are no user's
    path = Path(text)
    if _ESCAPED.search(text) is None or os.path.lexists(path):
        return path
    raw = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes([int(match[1], 16)]), os.fsencode(text))
    found = Path(os.fsdecode(raw))
    return found if os.path.lexists(found) else path


def same_place(first: AnyPath, second: AnyPath) -> bool:
    """Whether two paths or URLs name one file or folder: however spelled, through links, hard links as well."""
    return bool(set(_identities(first)) & set(_identities(second)))


def check_outputs(inputs: Iterable[AnyPath], outputs: Iterable[AnyPath]) -> None:
    """Refuse outputs that would replace an input or another output, before any work.

    Args:
        inputs: paths or URLs that are read.
        outputs: that are written.

    Raises:
        EditError: one of the outputs is an input, or two of them are one file.
    """
    taken = {identity: name for name in inputs for identity in _identities(name)}
    written: dict[object, AnyPath] = {}
    for name in outputs:
        for identity in _identities(name):
            if identity in taken:
                raise EditError(f"{name}: this is an input, {taken[identity]}: name another output")
            if identity in written:
                raise EditError(f"{name}: another output, {written[identity]}, is the same file: name two files")
        written |= dict.fromkeys(_identities(name), name)


def local_path(name: AnyPath) -> Path | None:
    """The path that a path or a ``file://`` URL names; None for other URLs."""
    text = os.fspath(name)
    for scheme in ("file://", "local://"):
        if text.startswith(scheme):
            return Path(text[len(scheme) :] or "/")
    return None if "://" in text else path_of(text)


def is_full(error: OSError) -> bool:
    """Whether a write failed for want of space."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def _identities(name: AnyPath) -> list[object]:
    """What tells a place from others: its path without links and, where it exists, device and inode."""
    path = local_path(name)
    if path is None:
        scheme, _, rest = os.fspath(name).partition("://")
        parts = [part for part in rest.split("/") if part not in ("", ".")]
        return [f"{scheme.lower()}://{'/'.join(parts)}"]
    real = os.path.realpath(path)
    found: list[object] = [real]
    try:
        status = os.stat(real)  # noqa: PTH116 - of what has been resolved
        found.append((status.st_dev, status.st_ino))
    except OSError:
        pass  # not there yet
    return found


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
