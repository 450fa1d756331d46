"""Files are written whole or not at all, and never over an input."""

import errno
from pathlib import Path

import pytest

from l2sae.pictures.errors import EditError
from l2sae.pictures.files import (
    LONGEST_NAME,
    atomic_write,
    check_outputs,
    fitting_name,
    is_full,
    local_path,
    partial_file,
    same_place,
)


def test_a_write_replaces_the_file_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    atomic_write(path, b"one")
    atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    with pytest.raises(FileExistsError):
        atomic_write(path, b"three", overwrite=False)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_is_cut_off_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with partial_file(path, b"new") as partial:
        assert partial.read_bytes() == b"new"
        assert path.read_bytes() == b"old"
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])  # it was not moved into place


def test_outputs_may_not_be_inputs_however_they_are_spelled(tmp_path: Path) -> None:
    photo, link = tmp_path / "photo.png", tmp_path / "link.png"
    photo.write_bytes(b"x")
    link.symlink_to(photo)
    assert same_place(photo, link)
    with pytest.raises(EditError, match="this is an input"):
        check_outputs([photo], [link])
    with pytest.raises(EditError, match="name two files"):
        check_outputs([photo], [tmp_path / "out.png", tmp_path / "." / "out.png"])
    check_outputs([photo], [tmp_path / "out.png", tmp_path / "out.json"])


def test_long_names_keep_their_ending_and_fit_the_file_system() -> None:
    name = fitting_name("ä" * 300, ".png")
    assert name.endswith(".png")
    assert len(name.encode()) <= LONGEST_NAME
    assert fitting_name("short", ".png") == "short.png"


def test_urls_of_other_places_have_no_local_path() -> None:
    assert local_path("file:///photos/a.png") == Path("/photos/a.png")
    assert local_path("s3://bucket/a.png") is None


def test_a_full_disk_is_told_from_other_errors() -> None:
    assert is_full(OSError(errno.ENOSPC, "no space"))
    assert not is_full(OSError(errno.EACCES, "denied"))
