"""Uploads are photos, or are refused."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.widgets.conftest import Driver

Photos = list[NDArray[np.uint8]]


def test_uploads_and_paths_load_photos_and_styles(send: Driver, photos: Photos, tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    Image.fromarray(photos[2]).save(file)
    assert send("upload_photo", data=file.read_bytes(), name="mine.png")["photo"]["name"] == "mine.png"
    assert send("upload_style", data=file.read_bytes(), name="cem.png")["styles"][-1]["name"] == "cem 2"
    assert send("open_path", path=f" {file} ")["photo"]["width"] == 80
    before = send.state["photo"]
    for data, reason in [
        (b"", "empty file"),
        (b"no picture", "mine.png: not an image"),
        (file.read_bytes()[:99], "mine.png"),
    ]:
        send("upload_photo", data=data, name="mine.png")
        assert reason in send.error
        assert send.state["photo"] == before
    send("open_path", path="/absent.png")
    assert "no such picture" in send.error
    send("open_path", path="")
    assert "type the path" in send.error
