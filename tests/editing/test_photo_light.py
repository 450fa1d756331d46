"""References are seen in the light of the photo that they edit."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from l2sae.editing import Blend, EditSession, Layer, Named, Noise, Recipe, Swap, edit
from l2sae.editing.colour_cast import tinted
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.photo_light import BLUER, MOVING, NOSE, SKIN, have_no_colours, in_light_of
from l2sae.editing.recipe_fields import ExactStyle
from l2sae.editing.references import encode_reference
from l2sae.model import L2SAE
from l2sae.model.layers import OPPONENT
from l2sae.params import Params

Photos = list[NDArray[np.uint8]]
FACE, LIPS, HAIR, EYES, NOSE_ROI = 1, 5, 0, 3, 4
FLAT = np.array([60.0, 20.0, math.radians(50)])  # lightness, chroma, hue


def rgb(colour: NDArray[np.float64]) -> NDArray[np.float64]:
    lightness, chroma, hue = colour
    return np.asarray(lab2rgb([[lightness, chroma * math.cos(hue), chroma * math.sin(hue)]])[0])


def style(
    model: L2SAE,
    skin: NDArray[np.float64],
    lips: tuple[float, ...] = (0.6, 0.3, 0.3),
    nose: NDArray[np.float64] | None = None,
) -> Tensor:
    """A style vector (1, D) whose colours are those of a skin, of lips and of a nose, and grey elsewhere."""
    colours = np.full((len(model.rois) + 1, 3), 0.5)
    colours[FACE], colours[LIPS], colours[NOSE_ROI] = rgb(skin), lips, rgb(skin if nose is None else nose)
    return with_colours(model, colours)


def with_colours(model: L2SAE, colours: NDArray[np.float64]) -> Tensor:
    """A style vector (1, D) with the colours (R + 1, 3) in [0, 1], sRGB, of its regions."""
    values = torch.from_numpy((colours * 2 - 1) @ np.transpose(OPPONENT)).float().reshape(1, -1)
    return torch.cat([torch.linspace(-1, 1, model.style_size - values.shape[1])[None], values], dim=1)


def region(model: L2SAE, vector: Tensor, number: int) -> NDArray[np.float64]:
    """The colour of a region in a style vector (1, D), sRGB in [0, 1]."""
    values = vector[0, -model.generator.colours :].double().numpy().reshape(-1, 3)
    return np.asarray((values @ np.array(OPPONENT) + 1) / 2)[number]


def skin(model: L2SAE, vector: Tensor) -> tuple[float, float, float]:
    """Lightness, chroma by lightness, and hue of the skin in a style vector (1, D)."""
    lightness, a, b = rgb2lab(region(model, vector, FACE)[None])[0]
    return lightness, math.hypot(a, b) / lightness, math.atan2(b, a)


@pytest.mark.parametrize("change", [(0, 0, 0), (12, 2, 0.1), (-10, -4, -0.15)])
def test_a_skin_that_could_stand_in_the_photos_light_stays_to_the_bit(tiny_model: L2SAE, change: tuple) -> None:
    reference = style(tiny_model, FLAT + change)
    assert torch.equal(in_light_of(tiny_model, reference, style(tiny_model, FLAT)), reference)


@pytest.mark.parametrize("chroma", [4.5, 20.0, 38.0])
@pytest.mark.parametrize("hue", [-30.0, 20.0, 50.0, 95.0])
def test_other_skins_come_within_reach_and_keep_their_lightness(tiny_model: L2SAE, hue: float, chroma: float) -> None:
    reference = style(tiny_model, np.array([60.0, chroma, math.radians(hue)]))
    lightness, colourfulness, turned = skin(tiny_model, in_light_of(tiny_model, reference, style(tiny_model, FLAT)))
    assert lightness == pytest.approx(60, abs=0.3)
    assert abs(turned - FLAT[2]) <= SKIN.hue + 0.02
    least, most = (ratio * FLAT[1] / FLAT[0] for ratio in SKIN.chroma)
    assert least - 0.01 <= colourfulness <= most + 0.01


def test_far_lighter_and_darker_skins_come_nearer_and_stay_in_order(tiny_model: L2SAE) -> None:
    own = style(tiny_model, FLAT)
    found = []
    for lightness in (10.0, 25.0, 40.0, 60.0, 75.0, 90.0):
        reference = style(tiny_model, np.array([lightness, lightness / 3, FLAT[2]]))
        found.append(skin(tiny_model, in_light_of(tiny_model, reference, own))[0])
    assert found == sorted(found)
    assert found[2:5] == pytest.approx([60 - SKIN.lightness[0] - SKIN.beyond * 5, 60, 75], abs=0.5)
    assert found[0] > 25


def test_lips_follow_the_skin_and_hair_its_hue(tiny_model: L2SAE) -> None:
    red, white = np.array([60.0, 38.0, math.radians(28)]), FLAT
    reference = style(tiny_model, white)
    lit = in_light_of(tiny_model, reference, style(tiny_model, red))
    gains = region(tiny_model, lit, EYES) / region(tiny_model, reference, EYES)
    assert gains[0] > 1 > gains[1]
    of_skin = region(tiny_model, lit, FACE) / region(tiny_model, reference, FACE)
    assert np.all((of_skin > 1) == (gains > 1))
    assert region(tiny_model, lit, LIPS) == pytest.approx(region(tiny_model, reference, LIPS) * gains, abs=1e-5)
    assert region(tiny_model, lit, HAIR) == pytest.approx(0.5 * gains, abs=1e-5)
    texture = slice(0, -tiny_model.generator.colours)
    assert torch.equal(lit[:, texture], reference[:, texture])


def test_hair_of_darker_and_more_colourful_skin_stays_as_it_is(tiny_model: L2SAE) -> None:
    """Its skin is so by itself, and gains that take that away would turn fair hair green and black hair blue."""
    reference = style(tiny_model, np.array([35.0, 25.0, FLAT[2]]))
    lit = in_light_of(tiny_model, reference, style(tiny_model, np.array([75.0, 18.0, FLAT[2]])))
    assert skin(tiny_model, lit)[0] > 45
    assert region(tiny_model, lit, HAIR) == pytest.approx(np.full(3, 0.5), abs=1e-6)


def test_lighter_skin_does_not_turn_orange(tiny_model: L2SAE) -> None:
    """Chroma by lightness as the photo has it would, where the photo is dark and its camera draws it colourful."""
    own = np.array([45.0, 27.0, FLAT[2]])
    lit = in_light_of(tiny_model, style(tiny_model, np.array([62.0, 14.0, FLAT[2]])), style(tiny_model, own))
    lightness, colourfulness, _ = skin(tiny_model, lit)
    assert lightness == pytest.approx(62, abs=0.3)
    assert 14 < lightness * colourfulness < own[1]


@pytest.mark.parametrize("change", [(25.0, 0, 0), (0, 20.0, 0), (0, 0, 1.0), (-25.0, -15.0, 0)])
def test_noses_stand_out_from_the_skin_about_as_the_photos_does(tiny_model: L2SAE, change: tuple[float, ...]) -> None:
    own = style(tiny_model, FLAT, nose=np.array([62.0, 23.0, FLAT[2]]))
    reference = style(tiny_model, np.array([65.0, *FLAT[1:]]), nose=FLAT + np.array(change))
    lit = in_light_of(tiny_model, reference, own)
    apart = [rgb2lab(np.stack([region(tiny_model, one, n) for n in (NOSE_ROI, FACE)])) for one in (lit, own, reference)]
    found, photo, given = (nose - around for nose, around in apart)
    assert np.all(np.abs(found - photo) <= NOSE + 0.1)
    assert not np.all(np.abs(given - photo) <= NOSE)


@pytest.mark.parametrize("picture", ["grey", "tinted"])
def test_faces_of_black_and_white_references_give_their_lightness_alone(tiny_model: L2SAE, picture: str) -> None:
    levels = np.linspace(120, 170, len(tiny_model.rois) + 1).round()
    grey = np.repeat(levels[:, None, None], 3, axis=2).astype(np.uint8)
    seen = (tinted(grey) if picture == "tinted" else grey)[:, 0] / 255
    own = style(tiny_model, FLAT, lips=(0.7, 0.3, 0.3))
    lit = in_light_of(tiny_model, with_colours(tiny_model, seen), own)
    for roi in (FACE, NOSE_ROI, LIPS):
        found, photo = rgb2lab([region(tiny_model, lit, roi), region(tiny_model, own, roi)])
        assert math.atan2(*found[:0:-1]) == pytest.approx(math.atan2(*photo[:0:-1]), abs=0.03)
        assert math.hypot(*found[1:]) <= math.hypot(*photo[1:]) + 0.1
    assert rgb2lab(region(tiny_model, lit, FACE))[0] == pytest.approx(rgb2lab(seen[FACE])[0], abs=0.5)
    other = with_colours(tiny_model, np.where(np.arange(len(seen))[:, None] == LIPS, [0.7, 0.35, 0.35], seen))
    assert region(tiny_model, in_light_of(tiny_model, other, own), FACE) != pytest.approx(
        region(tiny_model, lit, FACE), abs=0.01
    )


@pytest.mark.parametrize(
    ("lab", "green"), [((40.0, -2, 12), True), ((45.0, -1, 9), True), ((40.0, 4, 12), False), ((50.0, -30, 20), False)]
)
def test_blond_hair_is_not_green(tiny_model: L2SAE, lab: tuple[float, ...], green: bool) -> None:
    seen = np.full((len(tiny_model.rois) + 1, 3), 0.5)
    seen[HAIR], seen[FACE], seen[NOSE_ROI] = lab2rgb([lab])[0], rgb(FLAT), rgb(FLAT)
    lit = in_light_of(tiny_model, with_colours(tiny_model, seen), style(tiny_model, FLAT))
    found = rgb2lab(region(tiny_model, lit, HAIR))
    assert found[[0, 2]] == pytest.approx([lab[0], lab[2]], abs=0.1)
    assert found[1] == pytest.approx(0 if green else lab[1], abs=0.1)  # the photo's is grey


@pytest.mark.parametrize(("lips", "change"), [((0.1, 0.05, 0.05), -1), ((0.9, 0.8, 0.8), 1), ((0.6, 0.35, 0.3), 0)])
def test_lips_come_near_to_the_photos_in_lightness(tiny_model: L2SAE, lips: tuple[float, ...], change: int) -> None:
    own, reference = style(tiny_model, FLAT), style(tiny_model, FLAT, lips)
    near, found, given = (
        rgb2lab(region(tiny_model, one, LIPS)[None])[0, 0]
        for one in (own, in_light_of(tiny_model, reference, own), reference)
    )
    if change:
        assert MOVING < change * (found - near) < change * (given - near)
    else:
        assert found == given
    assert region(tiny_model, in_light_of(tiny_model, reference, own), HAIR) == pytest.approx(np.full(3, 0.5), abs=1e-5)


@pytest.mark.parametrize("lips", [(0.5, 0.5, 0.5), (0.45, 0.4, 0.55), (0.8, 0.3, 0.5)])
def test_lips_are_as_red_as_lips_are_beside_the_photos_skin(tiny_model: L2SAE, lips: tuple[float, ...]) -> None:
    own = style(tiny_model, FLAT)
    lit = in_light_of(tiny_model, reference := style(tiny_model, FLAT, lips), own)
    found, given, around = (
        rgb2lab(region(tiny_model, *one)[None])[0] for one in ((lit, LIPS), (reference, LIPS), (own, FACE))
    )
    assert found[1] >= around[1] - 0.1
    assert found[2] >= around[2] - BLUER - (found[1] - around[1]) - 0.1
    if lips[0] > 0.7:  # lipstick
        assert found[1:] == pytest.approx(given[1:], abs=2)


def test_each_style_of_a_batch_follows_its_own_photo(tiny_model: L2SAE) -> None:
    red = np.array([60.0, 38.0, math.radians(28)])
    references = torch.cat([style(tiny_model, FLAT), style(tiny_model, red)])
    photos = torch.cat([style(tiny_model, red), style(tiny_model, red)])
    lit = in_light_of(tiny_model, references, photos)
    assert torch.equal(lit[:1], in_light_of(tiny_model, references[:1], photos[:1]))
    assert torch.equal(lit[1], references[1])


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
