"""Imports are timed on photos laid out as CelebAMask-HQ."""

import os
from pathlib import Path

import pytest

from l2sae.bench import imports

ROOT = Path(__file__).parents[2]


def test_photos_and_masks_are_imported_and_decoding_is_a_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(imports, "PHOTO_SIDE", 96)
    monkeypatch.setattr(imports, "MASK_SIDE", 48)
    said: list[str] = []
    found = imports.measure_import(60, said.append)
    assert found["photos"] == 60
    assert found["files"] > 60 * 5
    assert found["decoding_s"] > 0
    assert found["photos_per_s"] == pytest.approx(60 / found["seconds"])
    assert said[0] == f"imports: 60 photos and {found['files'] - 60} masks written"
    assert not (Path(os.curdir) / "CelebAMask-HQ").exists()
