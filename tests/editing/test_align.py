"""Edits of a face in a larger photo change it in place, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from l2sae.editing import (
    Blend,
    EditError,
    EditSession,
    FaceEditor,
    FaceNotFoundError,
    Layer,
    Noise,
    Recipe,
    Swap,
    align_face,
    edit,
    encode_reference,
)
from l2sae.editing import align as align_module
from l2sae.faces import dlib_faces as faces
from l2sae.faces.dlib_faces import FacesMissingError, available
from l2sae.model import L2SAE
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.frames import CropFrame

pytestmark = [
    pytest.mark.filterwarnings("ignore::l2sae.editing.FaceWarning"),
    pytest.mark.usefixtures("detector"),
]
ROIS = ("hair", "skin")
PLACE = (300.0, 160.0)  # of the face in `photo`


class Located:
    """A face whose crop is known."""

    def __init__(self, crop: CropTransform) -> None:
        self.crop = crop

    def crop_transform(self) -> CropTransform:
        return self.crop


@pytest.fixture
def photo(photos: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """A photo of 320 x 500 with a face of 150 pixels in it."""
    canvas = np.full((320, 500, 3), 100, np.uint8)
    canvas[85:235, 225:375] = np.asarray(Image.fromarray(photos[1]).resize((150, 150)))
    return canvas


@pytest.fixture
def found() -> list[CropTransform]:
    return [CropTransform(*PLACE, 150.0, 20.0)]


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch, found: list[CropTransform]) -> None:
    """A detector that knows where the faces are, so that these tests need no extra."""
    monkeypatch.setattr(align_module, "find_faces", lambda picture: [Located(crop) for crop in found])


def inside(crop: CropTransform, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    places = crop.to_crop(np.stack([x.ravel(), y.ravel()], axis=-1))
    return ((places > 0) & (places < 1)).all(axis=1).reshape(shape[:2])


@pytest.mark.parametrize("compose", ["detail", "replace"])
def test_the_edit_stays_inside_the_turned_crop(tiny_model: L2SAE, photo, found, compose: str) -> None:
    edited = edit(tiny_model, photo, ROIS, Noise(2.0), compose=compose, align="auto")
    changed = (edited != photo).any(axis=2)
    assert edited.shape == photo.shape
    assert changed.sum() > 1000
    assert not changed[~inside(found[0], photo.shape)].any()


def test_strength_zero_is_the_photo_itself(tiny_model: L2SAE, photo) -> None:
    assert np.array_equal(edit(tiny_model, photo, ROIS, Noise(2.0), strength=0, align="auto"), photo)


def test_an_upright_crop_edits_as_a_box_does(tiny_model: L2SAE, photo, found) -> None:
    found[:] = [CropTransform(*PLACE, 150.0)]
    aligned = edit(tiny_model, photo, ROIS, Noise(2.0), align="auto").astype(int)
    boxed = edit(tiny_model, photo, ROIS, Noise(2.0), box=(225, 85, 375, 235)).astype(int)
    middle = slice(105, 215), slice(245, 355)  # where the matte does not fade
    assert np.abs(aligned - boxed)[middle].max() <= 1
    assert np.abs(aligned - photo)[85:87].max() < np.abs(boxed - photo)[middle].max()


def test_mattes_fade_to_zero_at_the_crops_border() -> None:
    frame = CropFrame(100, 100, CropTransform(50.0, 50.0, 60.0))
    fade = frame.fade(*frame.window[0].indices(100)[:2])[0, 0]
    assert frame.window == (slice(20, 80), slice(20, 80))
    assert float(fade[0].max()) < 0.03
    assert float(fade[10:50, 10:50].min()) == 1


def test_a_crop_may_reach_beyond_the_photo(tiny_model: L2SAE, photo, found) -> None:
    found[:] = [CropTransform(20.0, 10.0, 200.0, -40.0)]
    assert edit(tiny_model, photo, ROIS, Noise(2.0), align="auto").shape == photo.shape


def test_alpha_is_kept(tiny_model: L2SAE, photo) -> None:
    alpha = np.random.default_rng(0).integers(0, 256, (*photo.shape[:2], 1), np.uint8)
    edited = edit(tiny_model, np.concatenate([photo, alpha], axis=2), ROIS, Noise(2.0), align="auto")
    assert np.array_equal(edited[..., 3:], alpha)


def test_all_edits_every_face(tiny_model: L2SAE, photo, found) -> None:
    twice = np.concatenate([photo, photo], axis=1)
    found.append(CropTransform(PLACE[0] + 500, PLACE[1], 150.0, 20.0))
    first = edit(tiny_model, twice, ROIS, Noise(2.0), align="auto")
    assert np.array_equal(first[:, 500:], photo)
    both = edit(tiny_model, twice, ROIS, Noise(2.0), align="all")
    assert np.array_equal(both[:, :500], first[:, :500])
    assert (both[:, 500:] != photo).any()


def test_a_given_matte_has_the_photos_size(tiny_model: L2SAE, photo, found) -> None:
    matte = np.zeros(photo.shape[:2], np.float32)
    matte[150:170, 290:310] = 1
    editor = FaceEditor(tiny_model, photo, found[0])
    edited = editor.render([Layer({"hair": Noise(2.0)}, mattes={"hair": matte})]).numpy()
    changed = (edited != photo).any(axis=2)
    assert changed.any()
    assert not changed[matte == 0].any()


def test_references_are_cropped_and_swap_is_their_style(tiny_model: L2SAE, photo, found) -> None:
    crop = align_face(photo)
    assert crop.transform == found[0]
    expected = edit(tiny_model, photo, ROIS, Swap(encode_reference(tiny_model, crop.crop)), align="auto")
    assert np.array_equal(edit(tiny_model, photo, ROIS, Swap(photo), align="auto"), expected)
    blended = edit(tiny_model, photo, ROIS, Blend([(photo, 1.0)]), align="auto")
    assert np.abs(blended.astype(int) - expected).max() <= 1


def test_a_session_edits_in_place_and_its_recipe_replays(tiny_model: L2SAE, photo, tmp_path: Path) -> None:
    session = EditSession(tiny_model)
    session.load(photo, align="auto")
    session.add_layer(ROIS, Noise(2.0), seed=3)
    edited = session.render()
    assert np.array_equal(edited, edit(tiny_model, photo, ROIS, Noise(2.0), seed=3, align="auto"))
    assert session.render(preview=True).shape == (64, 64, 3)
    session.recipe().save(tmp_path / "edit.json")
    assert np.array_equal(Recipe.load(tmp_path / "edit.json").replay(tiny_model, photo), edited)


def test_what_cannot_be_is_said(tiny_model: L2SAE, photo, found, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EditError, match="align='eyes': give 'auto'"):
        edit(tiny_model, photo, ROIS, Noise(1.0), align="eyes")
    with pytest.raises(EditError, match="leave one of them out"):
        edit(tiny_model, photo, ROIS, Noise(1.0), align="auto", box=(0, 0, 64, 64))
    found.clear()
    with pytest.raises(FaceNotFoundError, match="no face found in the photo of 500 x 320"):
        edit(tiny_model, photo, ROIS, Noise(1.0), align="auto")

    def missing(picture: NDArray[np.uint8]) -> None:
        raise FacesMissingError(f"finding faces needs the extra 'faces': {faces.INSTALL}")

    monkeypatch.setattr(align_module, "find_faces", missing)
    with pytest.raises(EditError, match=r"pip install 'l2sae\[faces\]'; or crop .* box="):
        edit(tiny_model, photo, ROIS, Noise(1.0), align="auto")


@pytest.mark.skipif(not available(), reason="the extra 'faces' is not installed")
def test_a_photo_with_exif_rotation_is_edited_upright(tiny_model: L2SAE, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(align_module, "find_faces", faces.find_faces)
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    turned = tmp_path / "turned.png"
    Image.fromarray(data.astronaut()).rotate(90, expand=True).save(turned, exif=exif)
    edited = edit(tiny_model, turned, ROIS, Noise(2.0), align="auto")
    changed = np.argwhere((edited != data.astronaut()).any(axis=2))
    assert len(changed) > 100
    assert changed.max(axis=0)[0] < 260
    assert 90 < changed.min(axis=0)[1] < changed.max(axis=0)[1] < 360
