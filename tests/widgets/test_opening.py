from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import EditError
from l2sae.model import L2SAE
from l2sae.widgets import open_gallery, open_model

Photos = list[NDArray[np.uint8]]


def test_without_a_trained_model_the_shipped_one_serves_and_says_so(tmp_path: Path) -> None:
    model, note = open_model(tmp_path / "absent.safetensors", "cpu")
    assert model.image_size == 128
    assert "dvc repro train" in note
    (tmp_path / "broken.safetensors").write_bytes(b"not a checkpoint")
    _, note = open_model(tmp_path / "broken.safetensors", "cpu")
    assert "broken.safetensors" in note


def test_a_trained_model_is_used(tiny_checkpoint: Path) -> None:
    model, note = open_model(tiny_checkpoint, "cpu")
    assert model.image_size == 64
    assert note == ""


def test_the_gallery_falls_back_to_rendered_faces(tiny_model: L2SAE, tmp_path: Path) -> None:
    faces = open_gallery(tiny_model, count=3, prepared=tmp_path)
    assert [face.name for face in faces] == ["astronaut", "rendered 1", "rendered 2", "rendered 3"]
    assert faces[1].picture.shape == (64, 64, 3)
    assert faces[0].picture.shape == (512, 512, 3)
    assert faces[0].crop is not None
    assert faces[0].crop.shape == (200, 200, 3)


def test_own_photos_come_first_and_what_is_none_is_left_out(tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> None:
    Image.fromarray(photos[0]).save(tmp_path / "me.png")
    (tmp_path / "notes.txt").write_text("no photo")
    faces = open_gallery(tiny_model, count=2, prepared=tmp_path, photos=tmp_path)
    assert [face.name for face in faces] == ["me", "astronaut", "rendered 1", "rendered 2"]
    with pytest.raises(EditError, match="no such folder"):
        open_gallery(tiny_model, photos=tmp_path / "absent")
