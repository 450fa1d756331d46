"""Folders of photos, on this machine or wherever fsspec reaches, e.g. ``s3://bucket/photos``."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from l2sae.pictures.errors import EditError
from l2sae.pictures.files import atomic_write, path_of


@dataclass(frozen=True)
class Folder:
    """A folder, by path or URL; names inside it are relative, with slashes. Files appear whole or not at all.

    Attributes:
        url: e.g. ``photos/``, ``s3://bucket/photos``, ``memory://photos``.
        options: of fsspec's file system, e.g. ``{"endpoint_url": ...}``; a local one has none.
    """

    url: str
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fs(self) -> fsspec.AbstractFileSystem:
        """The file system; fsspec keeps one of each kind."""
        return _open(self.url, self.options)[0]

    @property
    def root(self) -> str:
        """The folder as the file system names it."""
        return str(_open(self.url, self.options)[1]).rstrip("/")

    @property
    def local(self) -> Path | None:
        """The folder's path, if it is on this machine."""
        return Path(self.root) if isinstance(self.fs, LocalFileSystem) else None

    def url_of(self, name: str) -> str:
        """Path or URL of a file in the folder, as a user would write it."""
        return f"{self.url.rstrip('/')}/{name}"

    def files(self, leave_out: Path | None = None) -> dict[str, Mapping[str, Any]]:
        """Name -> what the file system tells of it, of all files at any depth; hidden ones are left out.

        On this machine links to folders are followed. What cannot be looked into stands there like a file.

        Args:
            leave_out: a folder of this machine that does not count.
        """
        if self.local is not None:
            barred = None if leave_out is None else os.path.realpath(leave_out)
            return dict(_walk(self.local, "", (os.path.realpath(self.local),), barred))
        with _reaching(self.url):
            found = self.fs.find(self.root, detail=True)
        names = {path[len(self.root) :].lstrip("/"): info for path, info in found.items()}
        return {name: info for name, info in names.items() if not any(part.startswith(".") for part in name.split("/"))}

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        with _reaching(self.url):
            return bool(self.fs.isfile(f"{self.root}/{name}"))

    def is_there(self) -> bool:
        """Whether the folder, or a file of its name, is there."""
        with _reaching(self.url):
            return bool(self.fs.exists(self.root))

    def is_folder(self) -> bool:
        """Whether it is one, and there."""
        with _reaching(self.url):
            return bool(self.fs.isdir(self.root))

    def read(self, name: str = "") -> bytes:
        """A file's bytes; with no name, those of the file that ``url`` names."""
        with _reaching(self.url):
            return self.fs.cat_file(f"{self.root}/{name}" if name else self.root)

    def list_names(self, folder: str) -> list[str]:
        """Names of the files in a folder of this one, sorted; none where there is no such folder."""
        with _reaching(self.url):
            if not self.fs.exists(f"{self.root}/{folder}"):
                return []
            found = self.fs.ls(f"{self.root}/{folder}", detail=True)
        return sorted(f"{folder}/{one['name'].rsplit('/', 1)[-1]}" for one in found if one["type"] == "file")

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all; folders are made."""
        if self.local is None:
            with _reaching(self.url):
                self.fs.pipe_file(f"{self.root}/{name}", content)  # object stores show an object once it is whole
            return
        path = self.local / name
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, content)

    def move(self, name: str, to: str) -> None:
        """Give a file another name, under which there is none; folders are made."""
        if self.local is None:
            with _reaching(self.url):
                self.fs.mv(f"{self.root}/{name}", f"{self.root}/{to}")
            return
        (self.local / to).parent.mkdir(parents=True, exist_ok=True)
        (self.local / name).rename(self.local / to)

    def remove(self, name: str) -> None:
        """Remove a file, or a folder and what is in it, if it is there."""
        if self.local is None:
            with _reaching(self.url):
                if self.fs.exists(f"{self.root}/{name}"):
                    self.fs.rm(f"{self.root}/{name}", recursive=True)
        elif (path := self.local / name).is_dir():  # not by fsspec, which takes brackets for a pattern
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def open_folder(path: str | os.PathLike[str], options: Mapping[str, Any] | None = None) -> Folder:
    """A folder by path or URL.

    Raises:
        EditError: no name; a URL of an unknown kind, or of one whose package is not installed.
    """
    url = os.fspath(path)
    if not url:
        raise EditError("no folder is named: give one, '.' for the working folder")
    if url.startswith("~") or "\0" in url:
        url = os.fspath(path_of(url))
    try:
        # others write there too, so listings must not be remembered
        folder = Folder(url, {"use_listings_cache": False, **(options or {})} if "://" in url else {})
        _ = folder.fs
    except (ValueError, ImportError, TypeError) as error:
        raise EditError(f"{url}: {error}") from None
    except OSError:
        raise
    except Exception as error:  # of the package that reaches it
        raise EditError(f"{url}: {type(error).__name__}: {error}") from None
    return folder


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Turn whatever the package of a storage raises into an OSError that names the place."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:  # each has errors of its own
        raise OSError(f"{url}: {type(error).__name__}: {error}") from None


def _walk(
    folder: Path, prefix: str, above: tuple[str, ...], barred: str | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Files below a folder; ``above`` are the folders on the way there, to which links may lead back."""
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        if entry.name.startswith("."):
            continue
        name = f"{prefix}{entry.name}"
        try:
            if entry.is_dir():
                real = os.path.realpath(entry.path)
                if real != barred and real not in above:
                    yield from list(_walk(Path(entry.path), f"{name}/", (*above, real), barred))
                continue
            status = entry.stat()
            yield name, {"size": status.st_size, "mtime": status.st_mtime}
        except OSError:
            yield name, {"size": 0}  # when it is its turn, why becomes its row


def _open(url: str, options: Mapping[str, Any]) -> tuple[fsspec.AbstractFileSystem, str]:
    return url_to_fs(url, **options)
