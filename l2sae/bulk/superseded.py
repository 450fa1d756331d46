"""What lies in the output folder and is not of the job: the table says so, or it is moved to ``superseded/``.

A job that takes a folder over (``overwrite=True``) replaces older results one by one. Those that it does not replace,
because their photo is skipped now or is not among its photos, would lie beside its own as if they were of it.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from l2sae.bulk.one_photo import recipe_name
from l2sae.bulk.photo_lists import SUPERSEDED, Item
from l2sae.bulk.results import EARLIER, ROWS, SKIPPED, TABLE, Row, Version, earlier_names, made_by, read_rows
from l2sae.bulk.storage import Folder
from l2sae.pictures.files import fitting_name, path_of, readable_name

LEFTOVER = "there is an older file,"


def take_over(output: Folder) -> None:
    """Forget the table and rows of the folder's job, but not which results it has made."""
    names = earlier_names(output) | made_by(read_rows(output).values())
    output.write(EARLIER, json.dumps(sorted(names)).encode())
    output.remove(TABLE)
    output.remove(ROWS)


def clear_away(
    output: Folder, items: Sequence[Item], rows: Mapping[Version, Row], overwrite: bool
) -> dict[Version, Row]:
    """Move what is superseded out of the way, and note in the rows of skipped photos what lies in their place.

    Returns:
        The rows of the items, with these notes.
    """
    earlier = earlier_names(output)
    ours, found = made_by(rows.values()) | earlier, {}
    for item in items:
        row = found[item.key, item.stamp] = dict(rows[item.key, item.stamp])
        if row["result"] == SKIPPED:
            notes = [note for note in (row["note"] or "").split("; ") if note and not note.startswith(LEFTOVER)]
            if output.exists(item.name):
                notes.append(_leftover(output, item, overwrite or item.key in ours))
            row["note"] = "; ".join(notes) or None
    for key in earlier - {item.key for item in items}:
        name = key if output.local is None else os.path.relpath(path_of(output.local / key), output.local)
        if output.exists(name):
            _set_aside(output, name)
    return found


def _leftover(output: Folder, item: Item, movable: bool) -> str:
    if movable:
        return f"the older file in its place was moved to {readable_name(output.url_of(_set_aside(output, item.name)))}"
    return f"{LEFTOVER} {readable_name(output.url_of(item.name))}, which is not of this photo and job"


def _set_aside(output: Folder, name: str) -> str:
    """Move a result, and the recipe beside it; its new name, under which nothing lay."""
    moved = _free(output, f"{SUPERSEDED}/{name}")
    if output.exists(recipe := recipe_name(name)):
        output.move(recipe, _free(output, recipe_name(moved)))
    output.move(name, moved)
    return moved


def _free(output: Folder, name: str) -> str:
    path, number, free = PurePosixPath(name), 1, name
    while output.exists(free):
        number += 1
        free = f"{path.parent}/{fitting_name(f'{path.stem}~{number}', path.suffix)}"
    return free
