from pathlib import Path

import pytest
from PIL import Image

from l2sae.bench.edit_gallery import NAMED_ROIS, draw_gallery
from l2sae.data import render_faces
from l2sae.model import load_model
from l2sae.pictures.display import as_pictures


@pytest.mark.slow
@pytest.mark.finds_faces
def test_each_kind_of_edit_has_a_picture_of_its_own(tmp_path: Path) -> None:
    face, reference = as_pictures(render_faces(2, size=128, seed=77).images)
    drawn = draw_gallery(load_model(device="cpu"), tmp_path / "gallery", [face], [reference], most=2)
    assert {path.stem for path in drawn} == {*(f"named_{roi}" for roi in NAMED_ROIS), "colours", "swaps", "noise"}
    assert all(min(Image.open(path).size) > 100 for path in drawn)
