"""References by picture, path, vector and batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import Swap, edit
from l2sae.editing.references import given_rois
from l2sae.model import L2SAE, Latents

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


@pytest.mark.parametrize(
    ("skin", "hair", "share", "given"),
    [
        ("pale", (200, 165, 150), 0.2, True),  # fair hair: so much of it is no bald head's shine
        ("pale", (200, 165, 150), 0.03, False),
        ("pale", (230, 205, 195), 0.03, False),  # the shine itself
        ("pale", (200, 200, 195), 0.03, True),  # a grey fringe
        ("pale", (90, 60, 45), 0.03, True),  # a brown one
        ("pale", (90, 60, 45), 0.005, False),
        ("dark", (60, 58, 56), 0.03, True),
        ("dark", (95, 68, 58), 0.03, False),
    ],
)
def test_what_is_little_and_skin_gives_no_style_of_hair(
    tiny_model: L2SAE, skin: str, hair: tuple[int, int, int], share: float, given: bool
) -> None:
    size = tiny_model.image_size
    rows = round(share * size * 2)  # of the left half
    pixels = torch.tensor({"pale": (190, 150, 135), "dark": (85, 60, 50)}[skin]).expand(size, size, 3).clone()
    pixels[:rows, : size // 2] = torch.tensor(hair)
    mattes = torch.zeros(1, len(tiny_model.rois), size, size)
    mattes[:, tiny_model.roi_names.index("hair"), :rows, : size // 2] = 1
    mattes[:, tiny_model.roi_names.index("skin"), rows:] = 1
    images = pixels.permute(2, 0, 1)[None].float() / 127.5 - 1
    rois = given_rois(tiny_model, images, Latents(torch.zeros(0), torch.zeros(0), mattes))
    assert rois == (("hair", "skin") if given else ("skin",))
