"""Folders with anything in them are read through, in bounded memory, and what is left out is said."""

import os
from pathlib import Path

import pytest

from l2sae.data.walk_folder import STRAYS_NAMED, walk


def pictures(name: str) -> bool:
    return name.endswith(".png")


def test_wanted_files_are_found_at_any_depth_and_sorted(tmp_path: Path) -> None:
    for name in ("b.png", "a/z.png", "a/y/x.png", "a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found, skipped = walk(tmp_path, pictures, "not a picture")
    assert found == sorted(tmp_path.rglob("*.png"))
    assert skipped == []


def test_very_many_strays_are_counted_not_listed(tmp_path: Path) -> None:
    for number in range(5000):
        (tmp_path / f"{number:05d}.tmp").touch()
    (tmp_path / "zz").mkdir()
    (tmp_path / "zz/one.png").touch()
    found, skipped = walk(tmp_path, pictures, "not a picture")
    assert found == [tmp_path / "zz/one.png"]
    assert len(skipped) == STRAYS_NAMED + 1
    assert not any(item.bad for item in skipped)
    assert skipped[0].file == tmp_path / "00000.tmp"
    assert skipped[-1].reason == "stray files: 4900 more, not a picture"


def test_pipes_and_dangling_links_are_named_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "dangling.png").symlink_to(tmp_path / "absent.png")
    found, skipped = walk(tmp_path, pictures, "not a picture")
    assert found == []
    assert {item.file.name for item in skipped if "not a file" in item.reason} == {"pipe.png", "dangling.png"}


def test_a_linked_folder_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "inside/one.png").touch()
    assert walk(tmp_path, pictures, "")[0] == [tmp_path / "inside/one.png"]


def test_an_unreadable_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a stand-in for the operating system, since permissions keep root from nothing."""
    (tmp_path / "locked").mkdir()
    (tmp_path / "open.png").touch()
    scan = os.scandir

    def refuse(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found, skipped = walk(tmp_path, pictures, "not a picture")
    assert found == [tmp_path / "open.png"]
    assert [(item.file.name, item.reason, item.bad) for item in skipped] == [
        ("locked", "unreadable folder: Permission denied", True)
    ]
