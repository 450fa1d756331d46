"""Photos' files are brought one ahead of the work, and what cannot be had is told, not raised."""

import errno
import hashlib
from pathlib import Path

import pytest

from l2sae.bulk.fetching import fetch, fetch_ahead
from l2sae.bulk.photo_lists import Item
from l2sae.bulk.storage import Folder


def item(folder: Folder, source: str) -> Item:
    return Item(folder, source, f"{source}.png", "stamp")


def test_files_of_this_machine_are_read_where_they_lie(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"photo")
    found = fetch(item(Folder(str(tmp_path)), "a.jpg"), tmp_path / "scratch")
    assert (found.path, found.error) == (tmp_path / "a.jpg", None)
    assert found.sha256 == hashlib.sha256(b"photo").hexdigest()
    assert not (tmp_path / "scratch").exists()


def test_files_from_elsewhere_are_here_for_their_turn(tmp_path: Path) -> None:
    folder = Folder("memory://fetched-photos")
    for name in "abc":
        folder.write(name, name.encode())
    items = [item(folder, name) for name in "abc"]
    turns = []
    for one, found in fetch_ahead(items, tmp_path):
        assert found.path is not None
        turns.append((one, found.path.read_bytes()))
    assert turns == [(one, one.source.encode()) for one in items]
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_file_or_gone_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    photos = Folder(str(tmp_path))
    told = [fetch(item(photos, name), tmp_path / "scratch").error for name in ("folder.jpg", "gone.jpg")]
    assert [error.errno for error in told if error] == [errno.EINVAL, errno.ENOENT]


def test_a_full_disk_is_no_fault_of_the_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder("memory://photos-for-a-full-disk")
    folder.write("a.jpg", b"photo")

    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        fetch(item(folder, "a.jpg"), tmp_path / "scratch")
