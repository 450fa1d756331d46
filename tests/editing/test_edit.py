from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import EditError, FaceNotFoundError, FaceWarning, Noise, Swap, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]
ROIS = ("hair", "skin", "eyes", "nose", "lips")


@pytest.fixture
def blind_to(tiny_model: L2SAE, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Make the model find nothing of one ROI."""
    whole = tiny_model.mask_logits

    def install(roi: str) -> None:
        def mask_logits(structure: torch.Tensor, rois: list[str] | None = None) -> torch.Tensor:
            names = tiny_model.roi_names if rois is None else rois
            seen = torch.tensor([name != roi for name in names])[:, None, None]
            return torch.where(seen, whole(structure, rois), -1e4)

        monkeypatch.setattr(tiny_model, "mask_logits", mask_logits)

    return install


def test_edit_changes_the_photo_and_keeps_its_size(tiny_model: L2SAE, photos: Photos) -> None:
    for photo in photos:
        out = edit(tiny_model, photo, ("hair",), Swap(photos[1]), compose="replace")
        assert out.shape == photo.shape
        assert out.dtype == np.uint8
        assert (out != photo).any()


@pytest.mark.parametrize("compose", ["detail", "replace"])
def test_strength_zero_returns_the_photo(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor, compose: str) -> None:
    out = edit(tiny_model, photos[0], ROIS, Noise(3.0), strength=0, compose=compose)
    assert np.array_equal(out, photos[0])
    assert torch.equal(edit(tiny_model, faces, ROIS, Noise(3.0), strength=0, compose=compose), faces)


def test_stronger_edits_change_more(tiny_model: L2SAE, photos: Photos) -> None:
    change = [
        np.abs(edit(tiny_model, photos[0], ("hair", "skin"), Noise(2.0), strength=s) - photos[0].astype(float)).mean()
        for s in (0.2, 0.6, 1.0, 1.5)
    ]
    assert change == sorted(change)
    assert change[0] > 0


def test_overlapping_mattes_share_a_pixel(tiny_model: L2SAE, photos: Photos) -> None:
    full = np.ones(photos[0].shape[:2], np.float32)
    style = Swap(photos[1])
    one = edit(tiny_model, photos[0], "hair", style, compose="replace", mattes={"hair": full})
    two = edit(tiny_model, photos[0], ("hair", "skin"), style, compose="replace", mattes={"hair": full, "skin": full})
    assert np.abs(one.astype(int) - two).max() <= 1


def test_box_edits_a_crop(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    wide = np.zeros((150, 200, 3), np.uint8)
    wide[20:117, 40:171] = photos[0]
    out = edit(tiny_model, wide, "skin", Noise(2.0), box=(40, 20, 171, 117))
    assert np.array_equal(out[20:117, 40:171], edit(tiny_model, photos[0], "skin", Noise(2.0)))
    out[20:117, 40:171] = wide[20:117, 40:171]
    assert np.array_equal(out, wide)
    boxed = edit(tiny_model, faces, "skin", Noise(2.0), box=(8, 4, 60, 64))
    assert torch.equal(boxed[..., :4, :], faces[..., :4, :])
    assert not torch.equal(boxed, faces)
    with pytest.raises(EditError, match="box="):
        edit(tiny_model, wide, "skin", Noise(), box=(0, 0, 201, 10))


def test_grey_and_transparent_pictures(tiny_model: L2SAE, photos: Photos) -> None:
    grey = photos[0][..., 0].copy()
    as_colour = np.repeat(grey[..., None], 3, axis=2)
    assert np.array_equal(edit(tiny_model, grey, "hair", Noise()), edit(tiny_model, as_colour, "hair", Noise()))
    alpha = np.arange(grey.size, dtype=np.uint8).reshape(*grey.shape, 1)
    out = edit(tiny_model, np.concatenate([photos[0], alpha], axis=2), "hair", Noise())
    assert np.array_equal(out[..., 3:], alpha)
    assert np.array_equal(out[..., :3], edit(tiny_model, photos[0], "hair", Noise()))


def test_photos_smaller_than_the_model_are_edited(tiny_model: L2SAE, photos: Photos) -> None:
    small = np.array(Image.fromarray(photos[0]).resize((41, 33)))
    out = edit(tiny_model, small, ROIS, Noise(2.0))
    assert out.shape == small.shape
    assert (out != small).any()


def test_the_photo_given_is_left_alone(tiny_model: L2SAE, photos: Photos, faces: torch.Tensor) -> None:
    photo, batch = photos[0].copy(), faces.clone()
    photo.flags.writeable = False
    edit(tiny_model, photo, ROIS, Noise(2.0))
    out = edit(tiny_model, batch, ROIS, Noise(2.0))
    assert torch.equal(batch, faces)
    out += 1  # an ordinary tensor, not one of inference mode


def test_a_photo_without_the_roi_is_refused(
    tiny_model: L2SAE, photos: Photos, faces: torch.Tensor, blind_to: Callable[[str], None]
) -> None:
    blind_to("lips")
    with pytest.raises(FaceNotFoundError, match="no lips found in the photo"):
        edit(tiny_model, photos[0], ("hair", "lips"), Noise())
    assert torch.equal(edit(tiny_model, faces, "lips", Noise()), faces)


def test_a_reference_without_the_roi_is_refused(
    tiny_model: L2SAE, photos: Photos, tmp_path: Path, blind_to: Callable[[str], None]
) -> None:
    Image.fromarray(photos[1]).save(tmp_path / "bald.png")
    blind_to("hair")
    matte = np.full(photos[0].shape[:2], 255, np.uint8)
    with pytest.raises(FaceNotFoundError, match=r"bald\.png shows no hair"):
        edit(tiny_model, photos[0], "hair", Swap(tmp_path / "bald.png"), mattes={"hair": matte})


def test_a_picture_that_is_no_face_warns(tiny_model: L2SAE, photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = tiny_model.mask_logits
    monkeypatch.setattr(tiny_model, "mask_logits", lambda structure, rois=None: whole(structure, rois) - 1e4)
    with pytest.warns(FaceWarning, match="unlike a face"), pytest.raises(FaceNotFoundError):
        edit(tiny_model, photos[0], "hair", Noise())


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rois": ()}, "rois is empty"),
        ({"rois": None}, "name the regions"),
        ({"rois": ("hat",)}, "unknown region hat: there are hair, skin"),
        ({"style": None}, "give a style"),
        ({"style": "blond"}, "style of hair is str"),
        ({"style": {"lips": Noise()}}, "let them agree"),
        ({"strength": 2.5}, "strength=2.5"),
        ({"strength": float("nan")}, "strength=nan"),
        ({"compose": "add"}, "compose='add'"),
        ({"align": "face"}, "align='face': give 'auto'"),
        ({"style": Swap(np.zeros(5, np.float32))}, "style vector of 5 values: this model's have 29"),
        ({"style": Swap(np.full(29, np.nan, np.float32))}, "NaN"),
        ({"style": Swap("absent.png")}, "absent.png: no such picture"),
        ({"style": Swap(3)}, "reference of type int"),
    ],
)
def test_mistakes_get_a_clear_error(tiny_model: L2SAE, photos: Photos, wrong: dict, message: str) -> None:
    arguments = {"rois": ("hair",), "style": Noise()} | wrong
    with pytest.raises(EditError, match=message):
        edit(tiny_model, photos[0], **arguments)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((10, 10, 3), np.uint8), "10 x 10 pixels: a face needs at least 32"),
        (np.zeros((64, 64, 3)), "type float64"),
        (np.zeros((64, 64, 2), np.uint8), "shape"),
        (torch.zeros(3, 64, 64), "give float"),
        (torch.full((1, 3, 64, 64), 200.0), r"scale its values to \[-1, 1\]"),
        (torch.full((1, 3, 64, 64), float("nan")), "scale its values"),
    ],
)
def test_unfit_photos_get_a_clear_error(tiny_model: L2SAE, photo: NDArray[np.uint8], message: str) -> None:
    with pytest.raises(EditError, match=message):
        edit(tiny_model, photo, "hair", Noise())


def test_damaged_files_get_a_clear_error(tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> None:
    Image.fromarray(photos[0]).save(tmp_path / "photo.jpg")
    (tmp_path / "cut.jpg").write_bytes((tmp_path / "photo.jpg").read_bytes()[:600])
    with pytest.raises(EditError, match=r"cut\.jpg: truncated"):
        edit(tiny_model, tmp_path / "cut.jpg", "hair", Noise())
