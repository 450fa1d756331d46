"""A stranger's path: from a clone of this repository, through one of the set-ups, to the first edit of an own photo."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image, ImageOps
from skimage.data import astronaut

PHOTO_SIDE = 3000
"""Pixels a side of the photo: as many as a telephone's."""
SETUPS: dict[str, Sequence[Sequence[str]]] = {
    "editing": (
        (sys.executable, "-m", "venv", ".venv"),
        (".venv/bin/python", "-m", "pip", "install", "--quiet", "."),
    ),
    "workspace": (("make", "setup", f"PYTHON={sys.executable}"),),
}
"""The commands of docs/start.md, the small one in an environment of its own."""
_OWN = ("PYTHONPATH", "VIRTUAL_ENV", "PYTHONHOME", "MAKEFLAGS")
"""Of the environment: what would show the clone the packages of this process."""
Progress = Callable[[str], object]


def measure_first_edit(
    repository: Path, setups: Mapping[str, Sequence[Sequence[str]]] = SETUPS, progress: Progress = print
) -> dict[str, Any]:
    """Take the path once for each set-up, in a new clone, with an empty cache of packages and no keys.

    Args:
        repository: a clone, or where one is made from.
        setups: name -> commands that make ``.venv`` in the clone.
        progress: called with plain lines.

    Returns:
        ``pixels`` of the photo, and for each set-up seconds: ``clone_s``, ``setup_s``, ``first_edit_s``, which also
        makes the keys, ``next_edit_s``, and ``to_first_edit_s``, the sum up to the first edit.

    Raises:
        RuntimeError: a command has failed.
    """
    found: dict[str, Any] = {"pixels": PHOTO_SIDE**2}
    for name, commands in setups.items():
        with TemporaryDirectory(prefix="l2sae-first-edit-") as folder:
            found[name] = row = _take_path(repository.resolve(), commands, Path(folder))
        progress(
            f"first edit: {name}: {row['to_first_edit_s']:.0f} s with set-up, {row['first_edit_s']:.1f} s after it"
        )
    return found


def _take_path(repository: Path, commands: Sequence[Sequence[str]], folder: Path) -> dict[str, float]:
    clone = folder / "clone"
    environment = {name: value for name, value in os.environ.items() if name not in _OWN}
    environment |= {"PIP_NO_CACHE_DIR": "1", "L2SAE_HOME": str(folder / "home")}
    row = {
        "clone_s": _timed(("git", "clone", "--quiet", "--no-hardlinks", str(repository), "clone"), folder, environment)
    }
    _take_photos(clone)
    row["setup_s"] = sum(_timed(command, clone, environment) for command in commands)
    for kind in ("first", "next"):
        edit = ("edit", "photo.jpg", "--roi", "hair", "--swap", "other.jpg", "-o", f"{kind}.png")
        row[f"{kind}_edit_s"] = _timed((".venv/bin/l2sae", *edit), clone, environment)
    return row | {"to_first_edit_s": row["clone_s"] + row["setup_s"] + row["first_edit_s"]}


def _take_photos(folder: Path) -> None:
    """A public-domain portrait at the size of a photo, and its mirror image as the reference."""
    photo = Image.fromarray(astronaut()).resize((PHOTO_SIDE, PHOTO_SIDE), Image.Resampling.BICUBIC)
    photo.save(folder / "photo.jpg", quality=92)
    ImageOps.mirror(photo).save(folder / "other.jpg", quality=92)


def _timed(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Seconds of a command.

    Raises:
        RuntimeError: it has failed.
    """
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: ended with code {done.returncode}:\n{done.stderr[-2000:]}")
    return time.perf_counter() - began
