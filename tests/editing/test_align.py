"""Faces found in a larger photo change it in place, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import (
    Blend,
    EditError,
    EditSession,
    FaceEditor,
    FaceNotFoundError,
    FaceWarning,
    Noise,
    Recipe,
    Swap,
    align_face,
    edit,
    encode_reference,
)
from l2sae.editing import align as align_module
from l2sae.editing.align import FacePlace, align_style, find_places
from l2sae.editing.references import ReferenceCrop
from l2sae.faces.finding import head_crop
from l2sae.model import L2SAE
from l2sae.pictures.crops import CropTransform

pytestmark = pytest.mark.filterwarnings("ignore::l2sae.editing.FaceWarning")
ROIS = ("hair", "skin")
PLACE = (300.0, 160.0)  # of the face in `photo`
Picture = NDArray[np.uint8]


@pytest.fixture
def photo(photos: list[Picture]) -> Picture:
    """A photo of 320 x 500 with a face of 150 pixels in it."""
    canvas = np.full((320, 500, 3), 100, np.uint8)
    canvas[85:235, 225:375] = np.asarray(Image.fromarray(photos[1]).resize((150, 150)))
    return canvas


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[CropTransform]:
    """The crops of the faces that are found in every picture; a test may change them."""
    crops = [CropTransform(*PLACE, 150.0, 20.0)]

    class Located:
        def __init__(self, crop: CropTransform) -> None:
            self.crop_transform = lambda: crop
            self.landmarks = np.zeros((478, 2))

    monkeypatch.setattr(align_module, "find_faces", lambda picture: [Located(crop) for crop in crops])
    monkeypatch.setattr(align_module, "without_cast", lambda picture, points: picture)
    return crops


finds_faces = pytest.mark.finds_faces


def inside(crop: CropTransform, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    places = crop.to_crop(np.stack([x.ravel(), y.ravel()], axis=-1))
    return ((places > 0) & (places < 1)).all(axis=1).reshape(shape[:2])


@finds_faces
@pytest.mark.parametrize("compose", ["detail", "replace"])
def test_the_edit_stays_inside_the_turned_head(tiny_model: L2SAE, photo: Picture, found, compose: str) -> None:
    edited = edit(tiny_model, photo, ROIS, Noise(2.0), compose=compose)
    changed = (edited != photo).any(axis=2)
    assert edited.shape == photo.shape
    assert changed.sum() > 1000
    assert not changed[~inside(head_crop(found[0]), photo.shape)].any()


@finds_faces
def test_strength_zero_is_the_photo_itself(tiny_model: L2SAE, photo: Picture, found) -> None:
    assert np.array_equal(edit(tiny_model, photo, ROIS, Noise(2.0), strength=0), photo)


@finds_faces
def test_a_photo_that_the_face_fills_is_taken_as_it_is(tiny_model: L2SAE, photos: list[Picture], found) -> None:
    found[:] = [CropTransform(64.0, 50.0, 110.0, 5.0)]  # of a photo of 131 x 97
    as_crop = edit(tiny_model, photos[0], ROIS, Noise(2.0), align=None)
    assert np.array_equal(edit(tiny_model, photos[0], ROIS, Noise(2.0)), as_crop)
    for other in (CropTransform(64.0, 50.0, 60.0), CropTransform(64.0, 50.0, 110.0, 30.0), CropTransform(20, 50, 110)):
        found[:] = [other]
        assert find_places(photos[0]) == [FacePlace(other, head_crop(other), keeps_light=True)]


@finds_faces
def test_a_crop_may_reach_beyond_the_photo(tiny_model: L2SAE, photo: Picture, found) -> None:
    found[:] = [CropTransform(20.0, 10.0, 200.0, -40.0)]
    assert edit(tiny_model, photo, ROIS, Noise(2.0)).shape == photo.shape


@finds_faces
def test_alpha_is_kept(tiny_model: L2SAE, photo: Picture, found) -> None:
    alpha = np.random.default_rng(0).integers(0, 256, (*photo.shape[:2], 1), np.uint8)
    edited = edit(tiny_model, np.concatenate([photo, alpha], axis=2), ROIS, Noise(2.0))
    assert np.array_equal(edited[..., 3:], alpha)


@finds_faces
def test_all_edits_every_face(tiny_model: L2SAE, photo: Picture, found) -> None:
    twice = np.concatenate([photo, photo], axis=1)
    found.append(CropTransform(PLACE[0] + 500, PLACE[1], 150.0, 20.0))
    first = edit(tiny_model, twice, ROIS, Noise(2.0))
    assert np.array_equal(first[:, 500:], photo)
    both = edit(tiny_model, twice, ROIS, Noise(2.0), align="all")
    assert np.array_equal(both[:, :500], first[:, :500])
    assert (both[:, 500:] != photo).any()


@finds_faces
def test_a_given_matte_has_the_photos_size(tiny_model: L2SAE, photo: Picture, found) -> None:
    matte = np.zeros(photo.shape[:2], np.float32)
    matte[150:170, 290:310] = 1
    edited = edit(tiny_model, photo, "hair", Noise(2.0), mattes={"hair": matte})
    changed = (edited != photo).any(axis=2)
    assert changed.any()
    assert not changed[matte == 0].any()


@finds_faces
def test_references_are_cropped_and_swap_is_their_style(tiny_model: L2SAE, photo: Picture, found) -> None:
    crop = align_face(photo)
    assert crop.transform == found[0]
    expected = edit(tiny_model, photo, ROIS, Swap(encode_reference(tiny_model, crop.crop)))
    assert np.array_equal(edit(tiny_model, photo, ROIS, Swap(photo)), expected)
    blended = edit(tiny_model, photo, ROIS, Blend([(photo, 1.0)]))
    assert np.abs(blended.astype(int) - expected).max() <= 1


@finds_faces
def test_a_session_edits_in_place_and_its_recipe_replays(
    tiny_model: L2SAE, photo: Picture, found, tmp_path: Path
) -> None:
    session = EditSession(tiny_model)
    session.load(photo)
    session.add_layer(ROIS, Swap(photo), seed=3)
    edited = session.render()
    assert np.array_equal(edited, edit(tiny_model, photo, ROIS, Swap(photo), seed=3))
    assert session.render(preview=True).shape == (64, 64, 3)
    session.recipe().save(tmp_path / "edit.json")
    assert np.array_equal(Recipe.load(tmp_path / "edit.json").replay(tiny_model, photo), edited)


@finds_faces
def test_a_recipe_puts_its_own_photos_face_where_it_was(tiny_model: L2SAE, photo: Picture, found) -> None:
    as_crop, session = EditSession(tiny_model), EditSession(tiny_model)
    as_crop.load(photo, align=None)
    as_crop.add_layer("hair", Noise(2.0))
    session.load(photo)
    assert session.apply(as_crop.recipe())
    assert np.array_equal(session.render(), as_crop.render())


@finds_faces
def test_recipes_without_a_looser_crop_replay_within_the_faces_crop(tiny_model: L2SAE, photo: Picture, found) -> None:
    session = EditSession(tiny_model)
    session.load(photo)
    session.add_layer(ROIS, Noise(2.0))
    recipe = session.recipe(draft=True)
    earlier = Recipe.model_validate_json(
        recipe.model_copy(update={"photo": recipe.photo.model_copy(update={"head": None})}).model_dump_json()
    )
    assert '"head"' not in earlier.model_dump_json()
    layers = [layer.as_layer() for layer in session.layers]
    expected = FaceEditor(tiny_model, photo, found[0]).render(layers).numpy()
    assert np.array_equal(earlier.replay(tiny_model, photo), expected)


@finds_faces
def test_a_box_in_a_session_is_not_searched(tiny_model: L2SAE, photo: Picture, found) -> None:
    found.clear()
    session = EditSession(tiny_model)
    session.load(photo, box=(225, 85, 375, 235))
    session.add_layer(ROIS, Noise(2.0))
    edited, boxed = session.render(), edit(tiny_model, photo, ROIS, Noise(2.0), box=(225, 85, 375, 235))
    middle = slice(105, 215), slice(245, 355)  # where the matte does not fade
    assert np.abs(edited.astype(int) - boxed)[middle].max() <= 1
    with pytest.raises(EditError, match="box="):
        session.load(photo, box=(0, 0, 501, 10))


@finds_faces
def test_what_cannot_be_is_said(tiny_model: L2SAE, photo: Picture, found, faces) -> None:
    with pytest.raises(EditError, match="align='eyes': give 'auto'"):
        edit(tiny_model, photo, ROIS, Noise(1.0), align="eyes")
    for picture, box in ((photo, (0, 0, 64, 64)), (faces, None)):
        with pytest.raises(EditError, match="leave one of them out"):
            edit(tiny_model, picture, ROIS, Noise(1.0), align="all", box=box)
    with pytest.raises(EditError, match="a session edits one face"):
        EditSession(tiny_model).load(photo, align="all")
    found.clear()
    with pytest.raises(FaceNotFoundError, match=r"no face found in the photo of 500 x 320 pixels: .* align=None"):
        edit(tiny_model, photo, ROIS, Noise(1.0))
    with pytest.warns(FaceWarning, match="reference picture .*: no face found, so it is taken as a face crop"):
        edit(tiny_model, photo, ROIS, Swap(photo), box=(225, 85, 375, 235))


@finds_faces
def test_a_photo_with_exif_rotation_is_edited_upright(tiny_model: L2SAE, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    turned = tmp_path / "turned.png"
    astronaut = skimage.data.astronaut()
    Image.fromarray(astronaut).rotate(90, expand=True).save(turned, exif=exif)
    edited = edit(tiny_model, turned, ROIS, Noise(2.0))
    changed = (edited != astronaut).any(axis=2)
    assert changed.sum() > 100
    head = head_crop(align_face(astronaut).transform)
    assert not changed[~inside(head, astronaut.shape)].any()


@finds_faces
def test_pictures_without_a_face_are_refused(tiny_model: L2SAE) -> None:
    with pytest.raises(FaceNotFoundError, match="no face found"):
        edit(tiny_model, skimage.data.chelsea(), ROIS, Noise(1.0))


@finds_faces
def test_references_come_in_white_light_and_by_their_names(tmp_path: Path) -> None:
    photo = skimage.data.astronaut()
    red = (photo * np.array([1.0, 0.62, 0.72])).astype(np.uint8)
    Image.fromarray(red).save(tmp_path / "sunset.png")
    Image.fromarray(photo).save(tmp_path / "noon.png")

    def cheek(pixels: Picture) -> Picture:
        return pixels[130:180, 110:160].mean(axis=(0, 1))  # red, green and blue

    cropped = {}
    for name in ("noon", "sunset"):
        style = align_style(Swap(tmp_path / f"{name}.png"))
        assert isinstance(style, Swap)
        assert isinstance(style.reference, ReferenceCrop)
        assert style.reference.name == str(tmp_path / f"{name}.png")
        cropped[name] = style.reference.pixels
    assert np.array_equal(cropped["noon"], align_face(photo).crop)
    change = cheek(cropped["sunset"]) / cheek(align_face(red).crop)
    assert change[0] < 0.98 < 1.01 < change[1]  # less red, more green


@finds_faces
def test_a_black_and_white_reference_warns_and_gives_no_grey_skin(tmp_path: Path) -> None:
    Image.fromarray(skimage.data.astronaut()).convert("L").save(tmp_path / "old.png")
    with pytest.warns(FaceWarning, match=r"reference .*old\.png: it is black and white, so its colours are a guess"):
        style = align_style(Swap(tmp_path / "old.png"))
    assert isinstance(style, Swap)
    assert isinstance(style.reference, ReferenceCrop)
    red, green, blue = style.reference.pixels[130:180, 110:160].mean(axis=(0, 1))  # a cheek
    assert red > green + 8 > blue + 20
