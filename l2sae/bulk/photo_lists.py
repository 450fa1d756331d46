"""The photos of a bulk edit, in order, with the names of their results, and how they are shared out."""

import codecs
import hashlib
import io
import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from l2sae.bulk.storage import Folder, open_folder
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
JOB = ".l2sae/job.json"
"""In an output folder: what its job is."""
SUPERSEDED = "superseded"
"""There too: the folder of results that are no longer the job's."""
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
    elsewhere, with another ending, or with its own where ``ending`` is None; see `_told_apart` for photos whose
    results would then share a name.

    Raises:
        EditError: no such folder or list, or no photo in it.
    """
    is_list = photos.url.lower().endswith(LISTS)
    items = _listed(photos, ending) if is_list else _found(photos, ending, output)
    return sorted(_told_apart(items, ending), key=lambda item: item.name)


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
    if not photos.is_folder():
        raise EditError(f"{photos.url}: no such folder of photos, nor a list of them ({', '.join(LISTS)})")
    barred = [f"{output.root}/"[len(photos.root) + 1 :]] if output.root.startswith(f"{photos.root}/") else []
    barred += [f"{SUPERSEDED}/"] if photos.exists(JOB) else []
    items = [
        Item(photos, name, _result_name(name, ending), _stamp(info), int(info.get("size") or 0))
        for name, info in photos.files(leave_out=output.local).items()
        if not name.lower().endswith(SIDECARS) and not name.startswith(tuple(barred))
    ]
    if not items:
        raise EditError(f"{photos.url}: no photo in this folder; it may hold {', '.join(PHOTO_ENDINGS)}")
    return items


def _told_apart(items: list[Item], ending: str | None) -> list[Item]:
    """The items under names that differ, in letters' case and accents' spelling too, as some file systems want it.

    Of photos that would share a name, such as ``a.heic`` and ``a.jpg``, each keeps its own ending: ``a.heic.png`` and
    ``a.jpg.png``. Where that is not enough, as for ``A.jpg`` and ``a.jpg``, a digest of the photo's name below the
    folder is added, or of its path. The names follow from the photos alone, whatever their order.

    Raises:
        EditError: that is not enough either.
    """
    for whose in (None, lambda item: item.source, lambda item: item.folder.url_of(item.source)):
        counts = Counter(_same(item.name) for item in items)
        if len(counts) == len(items):
            return items
        items = [
            one if counts[_same(one.name)] == 1 else replace(one, name=_longer(one, ending, whose)) for one in items
        ]
    if len({_same(item.name) for item in items}) < len(items):
        raise EditError("two photos whose results would have one name: rename one")
    return items


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _longer(item: Item, ending: str | None, whose: Callable[[Item], str] | None) -> str:
    """A result's name with its photo's ending, and with a digest of what ``whose`` says of it."""
    tail = "" if whose is None else f"~{hashlib.sha256(os.fsencode(whose(item))).hexdigest()[:8]}"
    folder, slash, _ = item.name.rpartition("/")
    return folder + slash + fitting_name(item.source.rpartition("/")[2] + tail, ending or "")


def _listed(photos: Folder, ending: str | None) -> list[Item]:
    try:
        paths = [path if "://" in path else posixpath.normpath(path) for path in _read_list(photos)]
    except (OSError, ValueError) as error:
        raise EditError(f"{photos.url}: cannot read the list of photos: {error}") from None
    if not paths:
        raise EditError(f"{photos.url}: no photo in this list")
    above = photos.url.rpartition("/")[0] or "."
    items: dict[str, Item] = {}
    for path in dict.fromkeys(paths):
        if "://" in path or path.startswith(("/", "~")):
            folder, _, source = (path if "://" in path else str(path_of(path))).rpartition("/")
            item = _described(open_folder(folder or "/", photos.options), source, source, ending)
        else:
            item = _described(Folder(above, photos.options), path, path, ending)
        items.setdefault(_place(item), item)  # a photo that is named twice is one
    return list(items.values())


def _place(item: Item) -> str:
    local = item.folder.local
    return os.path.abspath(local / item.source) if local else item.folder.url_of(item.source)  # noqa: PTH100 - of links


def _read_list(photos: Folder) -> list[str]:
    content = photos.read()
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
