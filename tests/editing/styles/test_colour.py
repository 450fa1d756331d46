"""Colour: the region's mean becomes the colour that was asked for."""

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab

from l2sae.editing import Colour, EditError, FaceEditor, Layer, Noise, edit
from l2sae.model import L2SAE, load_model

Photos = list[NDArray[np.uint8]]


def distance(photo: NDArray[np.uint8], matte: NDArray[np.float32], code: str) -> float:
    """CIEDE2000 from the mean of a region to a colour."""
    mean = (rgb2lab(photo) * matte).sum(axis=(0, 1)) / matte.sum()
    asked = rgb2lab(np.array([int(code[i : i + 2], 16) for i in (1, 3, 5)], np.uint8).reshape(1, 1, 3))[0, 0]
    return float(deltaE_ciede2000(mean, asked))


@pytest.mark.parametrize("compose", ["detail", "replace"])
@pytest.mark.parametrize("code", ["#7a1f2b", "#b9bbbe", "#2f5fb0", "#cda45a"])
def test_the_regions_mean_becomes_the_colour(portrait: NDArray[np.uint8], code: str, compose: str) -> None:
    editor = FaceEditor(load_model(), portrait)
    mattes = editor.photo_mattes()
    for roi in ("hair", "skin"):
        edited = editor.render([Layer({roi: Colour(code)})], compose).numpy()
        assert distance(edited, mattes[roi], code) <= 5 < distance(portrait, mattes[roi], code)


def test_a_drawn_matte_takes_the_colour(portrait: NDArray[np.uint8]) -> None:
    matte = np.zeros(portrait.shape[:2], np.uint8)
    matte[100:180, 90:160] = 255
    edited = edit(load_model(), portrait, "hair", Colour("#2f5fb0"), mattes={"hair": matte})
    assert distance(edited, (matte / 255.0).astype(np.float32)[..., None], "#2f5fb0") <= 5
    assert np.array_equal(edited[matte == 0], portrait[matte == 0])


def test_strength_zero_and_repeated_colours_keep_their_promises(tiny_model: L2SAE, photos: Photos) -> None:
    assert np.array_equal(edit(tiny_model, photos[0], "hair", Colour("#ff0000"), strength=0), photos[0])
    first = edit(tiny_model, photos[0], ("hair", "skin"), Colour("#3399aa"))
    assert np.array_equal(edit(tiny_model, photos[0], ("hair", "skin"), Colour("#3399AA"), seed=9), first)
    layers = [Layer({"hair": Noise(1.0)}), Layer({"hair": Colour("#3399aa")})]
    assert not np.array_equal(FaceEditor(tiny_model, photos[0]).render(layers).numpy(), photos[0])


@pytest.mark.parametrize("code", ["red", "#12345", "#12345g", "123456", "#1234567"])
def test_what_is_no_colour_is_refused(code: str) -> None:
    with pytest.raises(EditError, match="six hexadecimal digits"):
        Colour(code)
