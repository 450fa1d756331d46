"""A style of eyes is taken on by the irises."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.data import astronaut
from torch import Tensor

from l2sae.editing import Colour, FaceEditor, Layer, Named, edit
from l2sae.editing.align import find_places
from l2sae.editing.irises import FEWEST, MOST, SPARED, are_eyes, iris_matte, strengthened
from l2sae.model import load_model
from l2sae.rois import Roi

WHITE, BROWN, BLACK, SKIN = (0.8, 0.8, 0.82), (0.3, 0.2, 0.12), (0.02, 0.02, 0.02), (0.7, 0.55, 0.45)


def eye(iris: tuple[float, float, float] = BROWN, dim: float = 1.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A picture (1, 3, 32, 32) of an eye in skin, its matte (1, 1, 32, 32), and where its iris and its pupil are."""
    y, x = (torch.arange(32.0) - 15.5)[:, None], (torch.arange(32.0) - 15.5)[None]
    inside, distance = (x / 14) ** 2 + (y / 6) ** 2 < 1, torch.hypot(x, y)
    colours = torch.tensor(SKIN)[:, None, None].expand(3, 32, 32)
    for where, colour in ((inside, WHITE), (inside & (distance < 5.5), iris), (inside & (distance < 2), BLACK)):
        colours = torch.where(where, torch.tensor(colour)[:, None, None], colours)
    pupil = distance < 2
    return dim * colours[None] * 2 - 1, inside.float()[None, None], inside & (distance < 5.5) & ~pupil, pupil


@pytest.mark.parametrize("dim", [1.0, 0.3])
@pytest.mark.parametrize("iris", [BROWN, (0.1, 0.06, 0.04), (0.45, 0.55, 0.65)])
def test_irises_change_and_whites_stay(iris: tuple[float, float, float], dim: float) -> None:
    picture, matte, coloured, pupil = eye(iris, dim)
    share = iris_matte(picture, matte)[0, 0]
    white = (matte[0, 0] > 0) & ~coloured & ~pupil
    assert share[coloured].mean() > 0.6 > 0.05 > share[white].mean()
    assert share[pupil].mean() <= SPARED + 0.05
    assert not share[matte[0, 0] == 0].any()


def test_each_picture_of_a_batch_has_its_own_light() -> None:
    (light, matte, *_), (dark, *_) = eye(), eye(dim=0.3)
    both = iris_matte(torch.cat([light, dark]), torch.cat([matte, matte]))
    assert torch.equal(both[:1], iris_matte(light, matte))
    assert torch.equal(both[1:], iris_matte(dark, matte))


def test_eyes_of_a_few_pixels_change_as_a_whole() -> None:
    picture, matte, *_ = eye()
    matte = torch.zeros_like(matte)
    matte[..., 10, : FEWEST - 1] = 1
    assert torch.equal(iris_matte(picture, matte), matte)


def test_the_colour_of_irises_makes_up_for_the_whites() -> None:
    picture, matte, *_ = eye()
    irises = 0.6 * matte
    change = torch.tensor([0.1, 0.0, -0.1])[None, :, None, None]  # of no lightness
    drawn = strengthened(picture + change, picture, matte, irises)
    mean = ((drawn - picture) * irises).sum(dim=(2, 3)) / matte.sum()
    torch.testing.assert_close(mean, change[..., 0, 0])
    at_most = strengthened(picture + change, picture, matte, 0.01 * matte)
    torch.testing.assert_close(at_most, picture + MOST * change)
    lighter = strengthened(picture + 0.1, picture, matte, irises)
    torch.testing.assert_close(lighter, picture + 0.1)


def test_eyes_with_brows_are_no_eyes_alone() -> None:
    assert are_eyes(Roi(name="eyes", channels=1, parts=("l_eye", "r_eye")))
    assert not are_eyes(Roi(name="eyes", channels=1, parts=("l_eye", "r_eye", "l_brow", "r_brow")))


@pytest.fixture(scope="module")
def face() -> NDArray[np.uint8]:
    return astronaut()[:300, 80:380].copy()


def change_of(photo: NDArray[np.uint8], edited: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
    """Mean distance in CIELAB."""
    return float(np.linalg.norm(rgb2lab(edited) - rgb2lab(photo), axis=-1)[where].mean())


def test_on_a_photo_the_whites_hardly_change(face: NDArray[np.uint8]) -> None:
    model = load_model()
    editor = FaceEditor.at(model, face, find_places(face)[0])
    matte = editor.photo_mattes(["eyes"])["eyes"][..., 0]
    eyes = matte > 0.9
    lightness = rgb2lab(face)[..., 0]
    white = eyes & (lightness > np.quantile(lightness[eyes], 0.85))
    dark = eyes & (lightness < np.quantile(lightness[eyes], 0.5))
    photo = editor.render([Layer({"eyes": Named("blue")})]).numpy()
    crop = edit(model, face, "eyes", Named("blue"), align=None)
    assert change_of(face, photo, white) < 0.3 * change_of(face, photo, dark)
    assert change_of(face, photo, white) < 0.5 * change_of(face, crop, white), "a face crop takes the style as it is"
    assert (photo[matte == 0] == face[matte == 0]).all()


def test_a_colour_is_that_of_the_irises(face: NDArray[np.uint8]) -> None:
    model = load_model()
    editor = FaceEditor.at(model, face, find_places(face)[0])
    eyes = editor.photo_mattes(["eyes"])["eyes"][..., 0] > 0.9
    photo, lightness = edit(model, face, "eyes", Colour("#3a66b0")), rgb2lab(face)[..., 0]
    white = eyes & (lightness > np.quantile(lightness[eyes], 0.85))
    assert change_of(face, photo, white) < 0.5 * change_of(face, photo, eyes & ~white)
    irises = iris_matte(editor.images, editor.mattes()["eyes"])[0, 0].numpy()
    for code, values in (("#3a66b0", (0x3A, 0x66, 0xB0)), ("#5a3a20", (0x5A, 0x3A, 0x20))):
        shown = editor.preview().render([Layer({"eyes": Colour(code)})]).numpy()
        mean = (rgb2lab(shown) * irises[..., None]).sum(axis=(0, 1)) / irises.sum()
        assert deltaE_ciede2000(mean, rgb2lab(np.array(values) / 255)) < 5


def test_a_given_matte_is_meant_as_it_is(face: NDArray[np.uint8]) -> None:
    model = load_model()
    matte = FaceEditor.at(model, face, find_places(face)[0]).photo_mattes(["eyes"])["eyes"][..., 0]
    given = edit(model, face, "eyes", Named("blue"), mattes={"eyes": matte})
    lightness = rgb2lab(face)[..., 0]
    white = (matte > 0.9) & (lightness > np.quantile(lightness[matte > 0.9], 0.85))
    assert change_of(face, given, white) > 1.5 * change_of(face, edit(model, face, "eyes", Named("blue")), white)
