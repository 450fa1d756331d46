"""Islands of the hair's matte."""

import pytest
import torch
from torch import Tensor

from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.islands import without_islands
from l2sae.model import L2SAE, Latents

SIZE = 64


def _box(left: int, top: int, right: int, bottom: int, value: float = 1.0) -> Tensor:
    matte = torch.zeros(1, 1, SIZE, SIZE)
    matte[..., top:bottom, left:right] = value
    return matte


HEAD, FACE = _box(20, 5, 44, 15), _box(22, 15, 42, 45)


@pytest.mark.parametrize(
    ("part", "kept"),
    [
        (_box(5, 50, 12, 58), False),  # a lapel
        (_box(5, 50, 12, 58, 0.3), False),
        (_box(43, 20, 46, 40), True),  # a fringe at the temple, off the crown
        (_box(5, 50, 12, 58, 0.1), True),  # haze: no island
    ],
)
def test_hair_that_does_not_hang_on_the_head_goes(part: Tensor, kept: bool) -> None:
    hair = HEAD + part
    assert torch.equal(without_islands(hair, FACE), hair if kept else HEAD)


def test_the_rim_of_an_island_goes_with_it() -> None:
    hair = torch.maximum(HEAD, torch.maximum(_box(4, 49, 13, 59, 0.1), _box(5, 50, 12, 58)))
    assert torch.equal(without_islands(hair, FACE), HEAD)


def test_each_photo_of_a_batch_keeps_its_own_hair() -> None:
    lapel = _box(5, 50, 12, 58)
    hair, faces = torch.cat([HEAD + lapel, lapel, HEAD * 0]), torch.cat([FACE, FACE, FACE])
    assert torch.equal(without_islands(hair, faces), torch.cat([HEAD, lapel, HEAD * 0]))


def test_an_encoded_face_has_no_islands_of_hair(tiny_model: L2SAE) -> None:
    size = tiny_model.image_size
    images, mattes = torch.zeros(1, 3, size, size), torch.zeros(1, len(tiny_model.rois), size, size)
    hair, skin = (tiny_model.roi_names.index(roi) for roi in ("hair", "skin"))
    mattes[:, hair, :4], mattes[:, skin, 4:8], mattes[:, hair, -3:, :3] = 1, 1, 1
    face = EncodedFace(tiny_model, images, Latents(torch.zeros(0), torch.zeros(0), mattes))
    assert face.mattes["hair"].sum() == 4 * size
    assert torch.equal(face.mattes["skin"][:, 0], mattes[:, skin])
