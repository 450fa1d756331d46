"""A folder of photos, some of them broken, and ways to compare what was made of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.bulk import edit_folder
from l2sae.editing import Noise
from l2sae.model import L2SAE
from l2sae.provenance import Policy

FREE = Policy(unmarked_by=("*",))  # the watermark takes most of the time


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keys and log of one test."""
    monkeypatch.setenv("L2SAE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def folder(tmp_path: Path, photos: list[NDArray[np.uint8]]) -> Path:
    """Six photos, two of them in a folder below, and two broken ones."""
    path = tmp_path / "photos"
    (path / "more").mkdir(parents=True)
    for index, name in enumerate(["a", "b", "c", "d", "more/e", "more/f"]):
        Image.fromarray(np.roll(photos[index % 3], index, axis=1)).save(path / f"{name}.png")
    (path / "broken.jpg").write_bytes(b"no picture")
    (path / "more/empty.png").write_bytes(b"")
    (path / "notes.txt").write_text("not a photo")
    return path


def edited(model: L2SAE, photos: Path | str, output: Path | str, **options: Any) -> Any:
    """The table of a small bulk edit of face crops without watermarks, in this process."""
    defaults: dict[str, Any] = {
        "rois": ("hair",), "style": Noise(2.0), "policy": FREE, "unmarked": True, "workers": 0, "batch": 2,
        "progress": False, "align": None,
    }  # fmt: skip
    if "recipe" in options:
        del defaults["rois"], defaults["style"]
    return edit_folder(model, photos, output, **(defaults | options))


def pixels(folder: Path) -> dict[str, bytes]:
    """Name -> pixels of each result."""
    return {
        str(path.relative_to(folder)): np.asarray(Image.open(path)).tobytes() for path in sorted(folder.rglob("*.png"))
    }
