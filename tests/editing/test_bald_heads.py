"""The shine on a bald head is skin; hair, thin or of the skin's hue, is not."""

import pytest
import torch
from torch import Tensor

from l2sae.editing import FaceNotFoundError, Noise, edit
from l2sae.editing.bald_heads import LITTLE_HAIR, MIN_HAIR, share, shines, shows_hair, without_shine
from l2sae.editing.encoded_face import EncodedFace
from l2sae.model import L2SAE, Latents

SIZE = 40
HAIR, SKIN = 0, 1
PALE = (190, 150, 135)


def face(hair: tuple[int, int, int], rows: int, columns: int = SIZE) -> tuple[Tensor, Tensor]:
    """A picture (1, 3, 40, 40) of skin below hair of this colour, and its mattes of both."""
    pixels = torch.tensor(PALE).expand(SIZE, SIZE, 3).clone()
    pixels[:rows, :columns] = torch.tensor(hair)
    mattes = torch.zeros(1, 2, SIZE, SIZE)
    mattes[:, HAIR, :rows, :columns] = 0.9
    mattes[:, SKIN, rows:] = 1
    return pixels.permute(2, 0, 1)[None].float() / 127.5 - 1, mattes


@pytest.mark.parametrize(
    ("hair", "rows", "bald"),
    [
        ((230, 205, 195), 1, True),  # shine
        ((244, 223, 215), 1, True),  # a strong one, which is paler
        ((200, 165, 150), 1, True),
        ((200, 165, 150), 8, False),  # fair hair: there is much of it
        ((200, 200, 195), 1, False),  # a grey fringe
        ((90, 60, 45), 1, False),  # a brown one
    ],
)
def test_little_of_the_skins_colour_shines(hair: tuple[int, int, int], rows: int, bald: bool) -> None:
    images, mattes = face(hair, rows)
    assert bool(shines(images, mattes, HAIR, SKIN)) == bald
    assert bool(shows_hair(images, mattes, HAIR, SKIN)) != bald
    given = without_shine(images, mattes, HAIR, SKIN)
    if bald:
        assert given[:, HAIR].max() == 0
        assert torch.equal(given[:, SKIN], mattes.sum(dim=1))
        assert mattes[:, HAIR].max() > 0  # a copy
    else:
        assert given is mattes


def test_a_model_without_a_region_of_skin_goes_by_the_share() -> None:
    images, mattes = face((230, 205, 195), 1)
    assert MIN_HAIR < float(share(mattes[:, [HAIR]])) < LITTLE_HAIR
    assert bool(shows_hair(images, mattes, HAIR, None))
    assert not bool(shows_hair(images, face(PALE, 1, 10)[1], HAIR, None))


def test_each_picture_of_a_batch_is_judged_by_itself() -> None:
    pairs = [face((230, 205, 195), 1), face((90, 60, 45), 1)]
    images, mattes = (torch.cat(one) for one in zip(*pairs, strict=True))
    given = without_shine(images, mattes, HAIR, SKIN)
    assert given[0, HAIR].max() == 0
    assert torch.equal(given[1], mattes[1])


def test_an_edit_of_hair_on_a_bald_head_finds_none(tiny_model: L2SAE, monkeypatch: pytest.MonkeyPatch) -> None:
    size, hair, skin = tiny_model.image_size, *(tiny_model.roi_names.index(roi) for roi in ("hair", "skin"))
    photo = torch.tensor(PALE, dtype=torch.uint8).expand(size, size, 3).clone().numpy()
    photo[:2] = (230, 205, 195)
    mattes = torch.zeros(1, len(tiny_model.rois), size, size)
    mattes[:, hair, :2], mattes[:, skin, 2:] = 1, 1
    whole = tiny_model.encode

    def encode(images: Tensor) -> Latents:
        latents = whole(images)
        return Latents(latents.structure, latents.style, mattes)

    monkeypatch.setattr(tiny_model, "encode", encode)
    with pytest.raises(FaceNotFoundError, match="no hair found in the photo"):
        edit(tiny_model, photo, "hair", Noise(), align=None)
    images = torch.from_numpy(photo).permute(2, 0, 1)[None].float() / 127.5 - 1
    face = EncodedFace(tiny_model, images)
    assert face.mattes["skin"].min() == 1
    assert EncodedFace(tiny_model, images, around=face).mattes["hair"].max() == 1
