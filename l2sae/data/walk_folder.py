"""The files below a folder, for folders that may hold millions of others, or what cannot be read."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

STRAYS_NAMED = 100  # of a folder; the others are counted


@dataclass(frozen=True)
class Skipped:
    """A file left out. ``bad`` files count against ``data.max_skipped``; strays and unlabelled folders do not."""

    file: Path
    reason: str
    bad: bool = True


def walk(folder: Path, wanted: Callable[[str], bool], strays: str) -> tuple[list[Path], list[Skipped]]:
    """Files below ``folder`` whose name is wanted, sorted; and what was left out. Linked folders are not entered.

    Memory is bounded by the wanted files: of the others, the first :data:`STRAYS_NAMED` are named.

    Args:
        folder: where to look, at any depth.
        wanted: whether a file of this name is looked for.
        strays: the reason to give for files that are not.
    """
    found: list[Path] = []
    skipped: list[Skipped] = []
    stray = 0

    def unreadable(error: OSError) -> None:
        skipped.append(Skipped(Path(error.filename or folder), f"unreadable folder: {error.strerror}"))

    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        for name in sorted(names):
            if not wanted(name):
                stray += 1
                if stray <= STRAYS_NAMED:
                    skipped.append(Skipped(Path(parent, name), f"stray file: {strays}", bad=False))
            elif (path := Path(parent, name)).is_file():
                found.append(path)
            else:
                skipped.append(Skipped(path, "not a file: a link to nothing, a pipe or a device"))
    if stray > STRAYS_NAMED:
        skipped.append(Skipped(folder, f"stray files: {stray - STRAYS_NAMED} more, {strays}", bad=False))
    return sorted(found), skipped
