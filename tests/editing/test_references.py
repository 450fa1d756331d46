"""References by picture, path, vector and batch."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import Swap, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


ROIS = ("hair", "skin", "eyes", "nose", "lips")


def test_a_picture_swaps_as_its_style_vector(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    square = torch.from_numpy(photos[1]).permute(2, 0, 1)[None].float() / 127.5 - 1
    vector = tiny_model.encode(square).style.detach()
    by_picture = edit(tiny_model, photos[0], ROIS, Swap(photos[1]))
    assert np.array_equal(by_picture, edit(tiny_model, photos[0], ROIS, Swap(vector)))
    assert np.array_equal(by_picture, edit(tiny_model, photos[0], ROIS, Swap(vector[0].numpy())))
    assert np.array_equal(by_picture, edit(tiny_model, photos[0], ROIS, Swap(square)))


def test_a_path_swaps_as_its_picture(tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> None:
    Image.fromarray(photos[2]).save(tmp_path / "ref.png")
    Image.fromarray(photos[0]).save(tmp_path / "photo.png")
    out = edit(tiny_model, tmp_path / "photo.png", "skin", Swap(tmp_path / "ref.png"))
    assert np.array_equal(out, edit(tiny_model, photos[0], "skin", Swap(photos[2])))
