"""The photos of a bulk edit, in order, with the names of their results, and how they are shared out."""

import codecs
import hashlib
import io
import os
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from l2sae.bulk.storage import Folder
from l2sae.pictures.errors import EditError
from l2sae.pictures.files import fitting_name, path_of, readable_name

PHOTO_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif", ".heic", ".heif",
    ".jp2",
)  # fmt: skip
"""Of files whose result is named without them. Files with other endings are tried as well."""
SIDECARS = (
    ".txt", ".csv", ".json", ".jsonl", ".parquet", ".md", ".xml", ".xmp", ".aae", ".yaml", ".yml", ".toml", ".ini",
    ".log", ".html", ".pdf", ".db", ".py", ".ipynb", ".sha256", ".md5",
)  # fmt: skip
"""Of what lies beside photos and is none; they are left out."""
LISTS = (".txt", ".csv", ".parquet")
COLUMN = "photo"
BATCH_BYTES = 2**25
"""Of the files of one batch: few large photos make a batch, many small ones do."""


@dataclass(frozen=True)
class Item:
    """One photo: where it is, and the name of its result.

    Attributes:
        folder: that holds the photo.
        source: its name there.
        name: of the result in the output folder.
        stamp: changes with the photo's file; empty if it is not known.
        size: of the file in bytes, 0 if it is not known.
        replaces: whether the result may replace a file, which the job has made of an earlier version of the photo.
    """

    folder: Folder
    source: str
    name: str
    stamp: str = ""
    size: int = 0
    replaces: bool = False

    @property
    def photo(self) -> str:
        """Path or URL of the photo, as text that finds it again; see `readable_name`."""
        return readable_name(self.folder.url_of(self.source))

    @property
    def key(self) -> str:
        """The result's name as such text."""
        return readable_name(self.name)


def find_items(photos: Folder, ending: str | None, output: Folder) -> list[Item]:
    """The photos of a folder, at any depth, or of a list, sorted by name.

    Of a folder, linked subfolders included, these are all files but hidden ones and `SIDECARS`. A list is a ``.txt``
    file with a path a line, or a ``.csv`` or ``.parquet`` file with a column ``photo``; its paths are relative to the
    list's folder, absolute, or URLs. A result takes its photo's path below the folder, or its plain name where it lies
    elsewhere, with another ending; where ``ending`` is None, with its own.

    Raises:
        EditError: no such folder or list, no photo in it, or two photos whose results would have one name.
    """
    is_list = photos.url.lower().endswith(LISTS)
    items = _told_apart(_listed(photos, ending) if is_list else _found(photos, ending, output))
    if repeated := [name for name, count in Counter(item.name for item in items).items() if count > 1]:
        first = sorted(repeated)[0]
        raise EditError(
            f"{photos.url}: two photos named {readable_name(PurePosixPath(first).stem)}: their results would have one "
            f"name, {readable_name(first)}; rename one"
        )
    return sorted(items, key=lambda item: item.name)


def share(items: Sequence[Item], rank: int, ranks: int) -> list[Item]:
    """Every ``ranks``-th item from number ``rank`` on: equal on every machine, and even where sizes go with names."""
    return list(items[rank::ranks])


def batches(items: Sequence[Item], most: int) -> Iterator[list[Item]]:
    """Cut items into batches of ``most`` photos, or fewer where these are large, in order."""
    batch: list[Item] = []
    for item in items:
        if batch and (len(batch) == most or sum(one.size for one in batch) + item.size > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _found(photos: Folder, ending: str | None, output: Folder) -> list[Item]:
    if not photos.fs.isdir(photos.root):
        raise EditError(f"{photos.url}: no such folder of photos, nor a list of them ({', '.join(LISTS)})")
    inside = f"{output.root}/"[len(photos.root) + 1 :] if output.root.startswith(f"{photos.root}/") else None
    items = [
        Item(photos, name, _result_name(name, ending), _stamp(info), int(info.get("size") or 0))
        for name, info in photos.files(leave_out=output.local).items()
        if not name.lower().endswith(SIDECARS) and not (inside and name.startswith(inside))
    ]
    if not items:
        raise EditError(f"{photos.url}: no photo in this folder; it may hold {', '.join(PHOTO_ENDINGS)}")
    return items


def _told_apart(items: list[Item]) -> list[Item]:
    """The items; of two that would share a name, such as a camera's RAW beside its JPEG, the odd one has another."""
    taken = {item.name for item in items if item.source.lower().endswith(PHOTO_ENDINGS)}
    apart = []
    for item in items:
        if not item.source.lower().endswith(PHOTO_ENDINGS):
            if item.name in taken:
                folder, slash, name = item.name.rpartition("/")
                stem, suffix = PurePosixPath(name).stem, PurePosixPath(name).suffix
                tail = hashlib.sha256(os.fsencode(item.source)).hexdigest()[:8]
                item = replace(item, name=folder + slash + fitting_name(f"{stem}~{tail}", suffix))
            taken.add(item.name)
        apart.append(item)
    return apart


def _listed(photos: Folder, ending: str | None) -> list[Item]:
    try:
        paths = [path if "://" in path else posixpath.normpath(path) for path in _read_list(photos)]
    except (OSError, ValueError) as error:
        raise EditError(f"{photos.url}: cannot read the list of photos: {error}") from None
    if not paths:
        raise EditError(f"{photos.url}: no photo in this list")
    above = photos.url.rpartition("/")[0] or "."
    items = []
    for path in dict.fromkeys(paths):
        if "://" in path or path.startswith(("/", "~")):
            folder, _, source = (path if "://" in path else str(path_of(path))).rpartition("/")
            options = photos.options if "://" in path else {}
            items.append(_described(Folder(folder or "/", options), source, source, ending))
        else:
            items.append(_described(Folder(above, photos.options), path, path, ending))
    return items


def _read_list(photos: Folder) -> list[str]:
    content = photos.fs.cat_file(photos.root)
    if photos.url.lower().endswith(".parquet"):
        table = pd.read_parquet(io.BytesIO(content))
    else:
        encoding = "utf-16" if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
        text = content.decode(encoding, "surrogateescape" if encoding == "utf-8-sig" else "strict")
        if photos.url.lower().endswith(".txt"):
            return [line for line in map(str.strip, text.splitlines()) if line]
        table = pd.read_csv(io.StringIO(text), dtype=str)
    if COLUMN not in table:
        raise ValueError(f"no column {COLUMN}; it has {', '.join(map(str, table.columns))}")
    return [path for path in map(str, table[COLUMN].dropna()) if path.strip()]


def _described(folder: Folder, source: str, name: str, ending: str | None) -> Item:
    path = path_of(folder.local / source) if folder.local else None
    if path is not None and "\\x" in source and path.name != source.rpartition("/")[2]:  # written by `readable_name`
        source = name = os.path.relpath(path, folder.local)
    result = _result_name(name if ".." not in name.split("/") else name.rpartition("/")[2], ending)
    if path is None or not path.is_file():  # what is missing is found out when it is its turn
        return Item(folder, source, result)
    status = path.stat()
    return Item(folder, source, result, _stamp({"size": status.st_size, "mtime": status.st_mtime}), status.st_size)


def _result_name(name: str, ending: str | None) -> str:
    """The photo's name with another ending; an ending that is none of photos stays part of the name."""
    if ending is None:
        return name
    folder, slash, last = name.rpartition("/")
    stem = PurePosixPath(last).stem if last.lower().endswith(PHOTO_ENDINGS) else last
    return folder + slash + fitting_name(stem, ending)


def _stamp(info: Mapping[str, Any]) -> str:
    """Size and version of a file: time of change on a disk, ETag in an object store."""
    version = info.get("ETag") or info.get("etag") or info.get("mtime") or info.get("LastModified") or ""
    return f"{info.get('size')} {version}"
