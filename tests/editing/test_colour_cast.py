"""Reference photos under coloured light lose the cast of their light, and others stay as they are."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import lab2rgb, rgb2lab

from l2sae.editing.colour_cast import INWARD, MOST_CHROMA, SKIN_HUES, TINT_HUE, is_grey, tinted, without_cast

POINTS = np.stack(np.meshgrid(np.linspace(18, 46, 26), np.linspace(18, 46, 18)), axis=-1).reshape(468, 2)


def picture(hue: float, chroma: float = 25.0, lightness: float = 55.0) -> NDArray[np.uint8]:
    """A grey picture (64, 64, 3) whose middle, where the face's points lie, has the skin colour of this hue."""
    turn = math.radians(hue)
    pixels = np.full((64, 64, 3), 0.75)
    pixels[16:48, 16:48] = lab2rgb([[lightness, chroma * math.cos(turn), chroma * math.sin(turn)]])[0]
    return (pixels * 255).round().astype(np.uint8)


def lab(pixels: NDArray[np.uint8], row: int) -> tuple[float, float, float]:
    """Lightness, chroma and hue in degrees of a pixel in this row."""
    lightness, a, b = rgb2lab(pixels[row, row][None] / 255)[0]
    return lightness, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


@pytest.mark.parametrize("hue", [SKIN_HUES[0] + 0.5, 50.0, 60.0, SKIN_HUES[1] - 0.5])
def test_pictures_with_a_hue_of_skin_stay_the_same(hue: float) -> None:
    pixels = picture(hue)
    assert without_cast(pixels, POINTS) is pixels


@pytest.mark.parametrize("hue", [10.0, 22.0, 33.0, 80.0, 100.0])
def test_skin_under_coloured_light_gets_a_hue_of_skin_and_keeps_its_lightness(hue: float) -> None:
    before, after = lab(picture(hue), 32), lab(without_cast(picture(hue), POINTS), 32)
    assert SKIN_HUES[0] - 0.5 <= after[2] <= SKIN_HUES[1] + 0.5
    assert after[0] == pytest.approx(before[0], abs=0.5)
    assert after[1] <= before[1] + 0.5


def test_the_farther_outside_a_hue_lies_the_farther_inside_it_comes_to_lie() -> None:
    hues = [lab(without_cast(picture(SKIN_HUES[0] - away), POINTS), 32)[2] for away in (5, 15)]
    assert hues == pytest.approx([SKIN_HUES[0] + 5 * INWARD, SKIN_HUES[0] + 15 * INWARD], abs=0.7)


def test_skin_that_is_too_colourful_for_its_lightness_loses_colour() -> None:
    deep = picture(50.0, chroma=40.0, lightness=45.0)
    lightness, chroma, hue = lab(without_cast(deep, POINTS), 32)
    assert chroma == pytest.approx(MOST_CHROMA * 45, abs=1)
    assert (lightness, hue) == pytest.approx((45, 50), abs=1.5)
    usual = picture(50.0, chroma=35.0, lightness=60.0)
    assert without_cast(usual, POINTS) is usual


def test_a_cast_comes_off_the_whole_picture() -> None:
    hue = lab(without_cast(picture(15.0), POINTS), 2)[2]
    assert 90 < hue < 270  # what is grey in red light is greener than grey without it


def test_black_and_white_pictures_stay_the_same() -> None:
    pixels = picture(20.0, chroma=2.0)
    assert without_cast(pixels, POINTS) is pixels


def test_eyes_shadows_and_points_outside_the_picture_do_not_count() -> None:
    pixels = picture(50.0)
    pixels[40:48, 16:48] = (20, 20, 90)  # a quarter of the face is in blue shadow
    assert without_cast(pixels, POINTS) is pixels
    assert without_cast(pixels, POINTS - [30.0, 0.0]).shape == pixels.shape


@pytest.mark.parametrize(("chroma", "grey"), [(0.0, True), (2.0, True), (25.0, False)])
def test_black_and_white_pictures_are_known(chroma: float, grey: bool) -> None:
    assert is_grey(picture(50.0, chroma)) == grey


@pytest.mark.parametrize("level", [0, 1, 40, 128, 200, 255])
def test_black_and_white_pictures_get_hues_of_skin_and_keep_their_lightness(level: int) -> None:
    grey = np.full((8, 8, 3), level, np.uint8)
    before, (lightness, chroma, hue) = lab(grey, 4)[0], lab(tinted(grey), 4)
    assert lightness == pytest.approx(before, abs=2)
    if 20 < level < 230:
        assert hue == pytest.approx(TINT_HUE, abs=9)
        assert 0.15 * lightness < chroma < MOST_CHROMA * lightness
