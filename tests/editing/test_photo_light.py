"""References are seen in the light of the photo that they edit."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab
from skimage.data import astronaut
from torch import Tensor

from l2sae.bench.light_training import seen_by
from l2sae.editing import Blend, EditSession, Layer, Named, Noise, Recipe, Swap, edit
from l2sae.editing.align import align_face, align_style
from l2sae.editing.colour_cast import tinted
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.photo_light import PARTS, have_no_colours, in_light_of, light_network
from l2sae.editing.recipe_fields import ExactStyle
from l2sae.editing.references import encode_reference
from l2sae.model import L2SAE
from l2sae.model.layers import OPPONENT
from l2sae.params import Params
from l2sae.rois import Roi

Photos = list[NDArray[np.uint8]]
Array = NDArray[np.float64]
PALE = np.array([[62.0, 4, 22], [66, 9, 12], [58, 7, 14], [50, 3, 6], [65, 13, 11], [55, 19, 7]])
BROWN = np.array([[17.0, 2, 2], [45, 11, 17], [27, 7, 9], [36, 3, 5], [44, 15, 18], [41, 17, 9]])
"""Colours of two people's regions, in the order of `PARTS`, in CIELAB and one white light."""
RED = np.array([-0.2, -0.5, -0.45, -0.15, 0.35])  # a camera in reddish light
DIM = np.array([-0.3, -0.3, -0.3, 0.0, 0.0])
WHITE = np.zeros(5)
SKIN = list(PARTS).index("skin")


def seen(lab: Array, camera: Array) -> Array:
    """Colours (6, 3), CIELAB, as a camera sees them."""
    return np.asarray(rgb2lab(seen_by(lab2rgb(lab), camera)))


def style(model: L2SAE, lab: Array) -> Tensor:
    """A style vector (1, D) with the colours (6, 3), CIELAB, of its regions."""
    colours = np.concatenate([lab2rgb(lab), np.full((1, 3), 0.5)])
    values = torch.from_numpy((colours * 2 - 1) @ np.transpose(OPPONENT)).float().reshape(1, -1)
    return torch.cat([torch.linspace(-1, 1, model.style_size - values.shape[1])[None], values], dim=1)


def colours(model: L2SAE, vector: Tensor) -> Array:
    """The colours (6, 3), CIELAB, of the regions in a style vector (1, D)."""
    values = vector[0, -model.generator.colours :].double().numpy().reshape(-1, 3)
    return np.asarray(rgb2lab(((values @ np.array(OPPONENT) + 1) / 2)[: len(PARTS)].clip(0, 1)))


def apart(one: Array, other: Array) -> Array:
    """Distances (6,) in CIELAB."""
    return np.asarray(np.linalg.norm(one - other, axis=1))


def test_a_photos_own_style_stays_to_the_bit(tiny_model: L2SAE) -> None:
    own = torch.cat([style(tiny_model, PALE), style(tiny_model, seen(BROWN, RED))])
    assert torch.equal(in_light_of(tiny_model, own, own), own)


@pytest.mark.parametrize(("here", "there"), [(RED, WHITE), (WHITE, RED)])
@pytest.mark.parametrize(("photo", "reference"), [(PALE, BROWN), (BROWN, PALE), (PALE, 0.9 * PALE)])
def test_references_come_near_to_what_they_are_in_the_photos_light(
    tiny_model: L2SAE, here: Array, there: Array, photo: Array, reference: Array
) -> None:
    own, given, true = (style(tiny_model, seen(*one)) for one in ((photo, here), (reference, there), (reference, here)))
    lit, as_it_is, wanted = (
        colours(tiny_model, vector) for vector in (in_light_of(tiny_model, given, own), given, true)
    )
    assert apart(lit, wanted).mean() < 0.75 * apart(as_it_is, wanted).mean()


def test_a_dimmer_photo_gets_darker_colours(tiny_model: L2SAE) -> None:
    lit = [
        colours(tiny_model, in_light_of(tiny_model, style(tiny_model, BROWN), style(tiny_model, seen(PALE, camera))))
        for camera in (DIM, WHITE, -DIM)
    ]
    assert lit[0][SKIN, 0] < lit[1][SKIN, 0] < lit[2][SKIN, 0]


@pytest.mark.parametrize(("photo", "reference"), [(PALE, BROWN), (BROWN, PALE)])
def test_in_one_light_people_keep_most_of_what_they_differ_by(
    tiny_model: L2SAE, photo: Array, reference: Array
) -> None:
    lit = colours(tiny_model, in_light_of(tiny_model, style(tiny_model, reference), style(tiny_model, photo)))
    assert apart(lit, reference).mean() < 0.35 * apart(photo, reference).mean()


def test_texture_and_the_colour_around_the_face_stay(tiny_model: L2SAE) -> None:
    reference = style(tiny_model, PALE)
    lit = in_light_of(tiny_model, reference, style(tiny_model, seen(BROWN, RED)))
    first, last = -tiny_model.generator.colours, -tiny_model.generator.colours + 3 * len(PARTS)
    assert torch.equal(lit[:, :first], reference[:, :first])
    assert torch.equal(lit[:, last:], reference[:, last:])
    assert not torch.equal(lit, reference)


def test_each_style_of_a_batch_follows_its_own_photo(tiny_model: L2SAE) -> None:
    references = torch.cat([style(tiny_model, PALE), style(tiny_model, seen(BROWN, RED))])
    photos = torch.cat([style(tiny_model, seen(BROWN, RED)), style(tiny_model, seen(BROWN, RED))])
    lit = in_light_of(tiny_model, references, photos)
    assert torch.equal(lit[:1], in_light_of(tiny_model, references[:1], photos[:1]))
    assert torch.equal(lit[1], references[1])


def test_colours_that_no_photo_has_stay_finite(tiny_model: L2SAE) -> None:
    generator = np.random.default_rng(0)
    extremes = [
        np.zeros((6, 3)),
        np.array([[100.0, 0, 0]] * 6),
        *(rgb2lab(generator.random((6, 3))) for _ in range(20)),
    ]
    styles = torch.cat([style(tiny_model, lab) for lab in extremes])
    lit = in_light_of(tiny_model, styles, styles.flip(0))
    assert bool(lit.isfinite().all())
    for vector in lit:
        values = colours(tiny_model, vector[None])
        assert np.all((values[:, 0] >= -0.1) & (values[:, 0] <= 100.1))


@pytest.mark.parametrize("picture", ["grey", "tinted"])
def test_faces_of_black_and_white_references_give_their_lightness_alone(tiny_model: L2SAE, picture: str) -> None:
    grey = np.array([40, 120, 80, 100, 125, 105])[:, None, None].repeat(3, axis=2).astype(np.uint8)
    given = rgb2lab((tinted(grey) if picture == "tinted" else grey)[:, 0] / 255)
    own = style(tiny_model, PALE)
    lit = colours(tiny_model, in_light_of(tiny_model, style(tiny_model, given), own))
    for region in ("skin", "nose", "eyes", "lips"):
        found, photo = (values[list(PARTS).index(region)] for values in (lit, PALE))
        assert math.atan2(*found[:0:-1]) == pytest.approx(math.atan2(*photo[:0:-1]), abs=0.05)
        assert math.hypot(*found[1:]) <= math.hypot(*photo[1:]) + 0.1
    assert lit[SKIN, 0] < PALE[SKIN, 0] - 5


def test_regions_that_are_cut_otherwise_are_lit_alike(tiny_params: Params) -> None:
    parts = [
        {"hair"},
        {"skin"},
        {"l_eye", "r_eye", "l_brow", "r_brow"},
        {"nose"},
        {"u_lip", "l_lip"},
        {"neck"},
        {"hat"},
    ]
    rois = [Roi(name=f"roi_{n}", channels=1, parts=tuple(sorted(one))) for n, one in enumerate(parts)]
    model = L2SAE(tiny_params.model, rois, 64).eval()
    count = model.generator.colours

    def vector(skin: float, eyes: float) -> Tensor:
        levels = np.array([[0.3] * 3, [skin, 0.7 * skin, 0.6 * skin], [eyes] * 3, [0.5, 0.4, 0.4], [0.5, 0.3, 0.3]])
        values = np.concatenate([levels, levels[1:2], [[0.2, 0.4, 0.6], [0.5] * 3]])
        moments = torch.from_numpy((values * 2 - 1) @ np.transpose(OPPONENT)).float().reshape(1, -1)
        return torch.cat([torch.zeros(1, model.style_size - count), moments], dim=1)

    own, given = vector(0.7, 0.5), vector(0.35, 0.02)
    lit = in_light_of(model, given, own)[0, -count:].reshape(-1, 3).double().numpy() @ np.array(OPPONENT) / 2 + 0.5
    assert lit[5] == pytest.approx(lit[1], abs=1e-5)
    assert lit[6] == pytest.approx([0.2, 0.4, 0.6], abs=1e-5)
    assert rgb2lab(lit[2].clip(0, 1))[0] > rgb2lab(np.full(3, 0.5))[0] - 20
    bare = L2SAE(tiny_params.model, rois[:2], 64).eval()
    assert in_light_of(bare, values := torch.rand(1, bare.style_size), torch.rand(1, bare.style_size)) is values


@pytest.mark.parametrize("level", [0.0, 0.02, 0.1])
def test_what_is_nearly_black_gets_no_colour_and_keeps_the_order(tiny_model: L2SAE, level: float) -> None:
    lab = PALE.copy()
    lab[list(PARTS).index("lips")] = rgb2lab(np.array([level, 0.5 * level, 0.5 * level]))
    lips = colours(tiny_model, in_light_of(tiny_model, style(tiny_model, lab), style(tiny_model, PALE)))[-1]
    assert math.hypot(*lips[1:]) < 25
    assert 20 < lips[0] < PALE[-1, 0]
    dark = style(tiny_model, rgb2lab(lab2rgb(PALE) * level))
    assert torch.equal(in_light_of(tiny_model, dark, dark), dark)


def test_the_network_says_the_same_of_one_face_and_of_many() -> None:
    own, others = np.stack([PALE, BROWN]), np.stack([seen(BROWN, RED), seen(PALE, DIM)])
    together = light_network()(own, others)
    for number in range(2):
        alone = light_network()(own[number : number + 1], others[number : number + 1])
        assert np.array_equal(alone[0], together[number])


def test_models_without_colours_in_their_styles_take_styles_as_they_are(tiny_params: Params) -> None:
    plain = tiny_params.model.model_copy(update={"moments": False})
    model = L2SAE(plain, tiny_params.rois, 64).eval()
    assert in_light_of(model, styles := torch.rand(2, model.style_size), torch.rand(2, model.style_size)) is styles


def test_photos_keep_their_light_and_face_crops_do_not(tiny_model: L2SAE, photos: Photos) -> None:
    red = (photos[1] * np.array([1.0, 0.6, 0.55])).round().astype(np.uint8)
    for make in (Swap, lambda reference: Blend([(reference, 1.0)])):
        kept, taken = (edit(tiny_model, photos[0], "skin", make(red), align=align) for align in ("auto", None))
        assert not np.array_equal(kept, taken)
    for other in (Noise(), Swap(photos[0])):
        kept, taken = (edit(tiny_model, photos[0], "skin", other, align=align) for align in ("auto", None))
        assert np.array_equal(kept, taken)


def test_a_vector_edits_a_photo_as_its_picture_does(tiny_model: L2SAE, photos: Photos, faces: Tensor) -> None:
    vector = tiny_model.encode(faces[1:2]).style.detach()
    by_picture = edit(tiny_model, photos[0], "skin", Swap(faces[1:2]))
    assert np.array_equal(by_picture, edit(tiny_model, photos[0], "skin", Swap(vector)))


def test_a_swap_may_take_the_colours_as_they_are(tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> None:
    red = (photos[1] * np.array([1.0, 0.6, 0.55])).round().astype(np.uint8)
    as_it_is = edit(tiny_model, photos[0], "skin", Swap(red), align=None)
    assert np.array_equal(edit(tiny_model, photos[0], "skin", Swap(red, keep_light=False)), as_it_is)
    session = EditSession(tiny_model)
    session.load(photos[0])
    session.add_layer("skin", Swap(red))
    assert "keep_light" not in session.recipe().to_json()
    session.load(photos[0])
    session.add_layer("skin", Swap(red, keep_light=False))
    session.recipe().save(tmp_path / "edit.json")
    assert '"keep_light": false' in (tmp_path / "edit.json").read_text()
    assert np.array_equal(Recipe.load(tmp_path / "edit.json").replay(tiny_model, photos[0]), as_it_is)
    assert np.array_equal(session.render(), as_it_is)


@pytest.mark.finds_faces
@pytest.mark.filterwarnings("ignore::l2sae.editing.FaceWarning")
def test_colours_as_they_are_keep_the_cast_of_their_light() -> None:
    red = (astronaut() * np.array([1.0, 0.55, 0.45])).round().astype(np.uint8)
    grey = astronaut().mean(axis=2, keepdims=True).round().astype(np.uint8).repeat(3, axis=2)
    for picture in (red, grey):
        plain, natural = (align_style(Swap(picture, keep_light=keeps)).reference for keeps in (False, True))
        assert np.array_equal(plain.pixels, align_face(picture).crop)
        assert not np.array_equal(plain.pixels, natural.pixels)


def test_a_black_and_white_photo_stays_one_unless_a_colour_is_asked_for(
    tiny_model: L2SAE, photos: Photos, styles: object
) -> None:
    grey = np.repeat(photos[0].mean(axis=2, keepdims=True).round().astype(np.uint8), 3, axis=2)
    for compose in ("detail", "replace"):
        edited = edit(tiny_model, grey, ("hair", "skin"), Swap(photos[1]), compose=compose)
        assert not np.array_equal(edited, grey)
        assert np.ptp(edited.astype(int), axis=2).max() <= 1
    assert np.ptp(edit(tiny_model, grey, "hair", Named("copper")).astype(int), axis=2).max() > 20


def test_exact_styles_are_taken_as_they_are(tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> None:
    red = (photos[1] * np.array([1.0, 0.6, 0.55])).round().astype(np.uint8)
    vector = encode_reference(tiny_model, red).numpy()
    as_it_is = edit(tiny_model, photos[0], "skin", Swap(red), align=None)
    assert np.array_equal(edit(tiny_model, photos[0], "skin", Swap(ExactStyle(vector))), as_it_is)
    session = EditSession(tiny_model)
    session.load(photos[0])
    session.add_layer("skin", Swap(ExactStyle(vector)))
    session.recipe().save(tmp_path / "edit.json")
    assert np.array_equal(Recipe.load(tmp_path / "edit.json").replay(tiny_model, photos[0]), as_it_is)


def test_what_is_in_the_photos_light_is_edited_like_what_has_been_put_there(tiny_model: L2SAE, photos: Photos) -> None:
    session = EditSession(tiny_model)
    session.load(photos[0])
    lit = session.editor.style_of(Layer({"skin": Swap(photos[1])}), "skin")
    exact = edit(tiny_model, photos[0], "skin", Swap(ExactStyle(lit.numpy(), evened=True)))
    assert np.array_equal(exact, edit(tiny_model, photos[0], "skin", Swap(photos[1])))


def test_noise_of_compression_makes_no_colours() -> None:
    grey = torch.zeros(2, 3, 8, 8)
    assert have_no_colours(grey + 0.01 * torch.randn(grey.shape, generator=torch.Generator().manual_seed(0)))
    assert not have_no_colours(torch.cat([grey, torch.tensor([0.5, 0.2, 0.1]).reshape(1, 3, 1, 1).expand(1, 3, 8, 8)]))


@torch.inference_mode()
def test_what_surrounds_a_face_is_lit_as_the_face(tiny_model: L2SAE, faces: Tensor) -> None:
    red = faces[2:3] * torch.tensor([1.0, 0.4, 0.4]).reshape(1, 3, 1, 1)
    layer = Layer({"hair": Swap(faces[1:2])})
    face = EncodedFace(tiny_model, faces[:1], keeps_light=True)
    around = EncodedFace(tiny_model, red, around=face, keeps_light=True)
    assert torch.equal(around.new_style(layer, "hair"), face.new_style(layer, "hair"))


def test_recipes_say_whether_the_light_was_kept(tiny_model: L2SAE, photos: Photos) -> None:
    red = (photos[1] * np.array([1.0, 0.6, 0.55])).round().astype(np.uint8)
    session = EditSession(tiny_model)
    for align in ("auto", None):
        session.load(photos[0], align=align)
        session.add_layer("skin", Swap(red))
        recipe = session.recipe()
        assert ("keeps_light" in recipe.to_json()) == (align is not None)
        again = Recipe.model_validate_json(recipe.to_json())
        assert np.array_equal(again.replay(tiny_model, photos[0]), session.render())
        assert session.apply(again)
        assert np.array_equal(again.replay(tiny_model, photos[0]), session.render())
