"""The clock of a stranger's path, with set-ups that take no time."""

import subprocess
import sys
from pathlib import Path

import pytest

from l2sae.bench import first_edit

PROGRAM = """#!{python}
import pathlib, sys
assert pathlib.Path("photo.jpg").is_file() and pathlib.Path("other.jpg").is_file()
pathlib.Path(sys.argv[-1]).write_text("")
"""
MAKE = """
import pathlib
program = pathlib.Path(".venv/bin/l2sae")
program.parent.mkdir(parents=True)
program.write_text(pathlib.Path("program.txt").read_text())
program.chmod(0o755)
"""


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One with a commit, whose program writes an empty file."""
    monkeypatch.setattr(first_edit, "PHOTO_SIDE", 64)
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "program.txt").write_text(PROGRAM.format(python=sys.executable))
    me = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    for command in (("init", "--quiet"), ("add", "."), (*me, "commit", "--quiet", "-m", "A program")):
        subprocess.run(("git", *command), cwd=folder, check=True)
    return folder


def test_the_path_is_timed_from_the_clone_to_the_edits(repository: Path) -> None:
    lines: list[str] = []
    found = first_edit.measure_first_edit(repository, {"quick": [[sys.executable, "-c", MAKE]]}, lines.append)
    row = found["quick"]
    assert found["pixels"] == 64**2
    assert row["to_first_edit_s"] == pytest.approx(row["clone_s"] + row["setup_s"] + row["first_edit_s"])
    assert min(row.values()) > 0
    assert lines[0].startswith("first edit: quick: ")


def test_a_command_that_fails_says_why(repository: Path) -> None:
    with pytest.raises(RuntimeError, match=r"ended with code 1:\n.*no room"):
        first_edit.measure_first_edit(repository, {"broken": [[sys.executable, "-c", "raise SystemExit('no room')"]]})


def test_the_set_ups_are_those_of_the_first_page() -> None:
    page = (Path(__file__).parents[2] / "docs/start.md").read_text(encoding="utf-8")
    assert "\nmake setup" in page
    assert "-m pip install .\n" in page
    assert set(first_edit.SETUPS) == {"editing", "workspace"}
