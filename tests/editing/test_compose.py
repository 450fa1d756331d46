"""Boxes and local means: what makes edits of small regions cheap changes none of their pixels."""

import pytest
import torch
from scipy.ndimage import convolve

from l2sae.editing import compose
from l2sae.editing.compose import MAX_SHADING, Effect, Step, composite_images, recolouring, support
from l2sae.editing.resolution import Matte, box_mean
from l2sae.pictures.frames import Frame


def test_box_mean_averages_the_pixels_inside_the_picture():
    x = torch.rand(2, 3, 20, 13, generator=torch.Generator().manual_seed(0))
    window = torch.ones(7, 7).numpy()
    inside = convolve(torch.ones(20, 13).numpy(), window, mode="constant")
    for i in range(2):
        for c in range(3):
            expected = torch.from_numpy(convolve(x[i, c].numpy(), window, mode="constant") / inside)
            torch.testing.assert_close(box_mean(x, 3)[i, c], expected, atol=1e-6, rtol=1e-5)


def test_support_is_the_smallest_box_and_empty_for_an_empty_matte():
    matte = torch.zeros(2, 1, 30, 40)
    assert matte[support(matte, margin=5)].numel() == 0
    matte[0, 0, 4, 20], matte[1, 0, 9, 38] = 0.1, 1.0
    assert support(matte) == (..., slice(4, 10), slice(20, 39))
    assert support(matte, margin=5) == (..., slice(0, 15), slice(15, 44))


def test_field_near_the_matte_is_that_of_the_whole_picture(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    photo, old, new = (torch.rand(2, 3, 64, 64, generator=generator) * 2 - 1 for _ in range(3))
    matte = torch.zeros(2, 1, 64, 64)
    matte[:, :, 30:40, :9] = torch.rand(2, 1, 10, 9, generator=generator)
    boxed = recolouring(photo, old, new, matte)
    monkeypatch.setattr(compose, "support", lambda matte, margin=0: (..., slice(None), slice(None)))
    whole = recolouring(photo, old, new, matte)
    near = (..., slice(26, 44), slice(0, 13))  # the radius of the means is 4
    torch.testing.assert_close(boxed[near], whole[near], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("new", "mean"),
    [
        (-0.6, -0.6 + 0.2 / (1 + 1.0**2 / 0.2**2)),  # far: nearly the decoded edit's colour, not 0.2 beside it
        (0.4, 0.6),  # the decoded original: no change
        (0.6, 0.6 + 0.2 - 0.2 / 2),  # as far as the error: half of it is corrected
    ],
)
def test_mean_colour_becomes_the_decoded_edits_as_far_as_the_edit_goes(new: float, mean: float):
    generator = torch.Generator().manual_seed(0)
    texture = (torch.rand(1, 3, 64, 64, generator=generator) - 0.5) * 0.02
    photo, old, matte = 0.6 + texture - texture.mean(), torch.full((1, 3, 64, 64), 0.4), torch.ones(1, 1, 64, 64)
    field = recolouring(photo, old, torch.full_like(old, new), matte)
    edited = composite_images(photo, [Step([Effect(field, Matte(matte), Frame(64, 64))], 1.0)], "detail")
    assert edited.mean().item() == pytest.approx(mean, abs=2e-3)
    assert torch.corrcoef(torch.stack([edited.flatten(), photo.flatten()]))[0, 1] > 0.95


def _edited(photo: torch.Tensor, old: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
    matte = torch.ones(1, 1, 64, 64)
    effect = Effect(recolouring(photo, old, new, matte), Matte(matte), Frame(64, 64))
    return composite_images(photo, [Step([effect], 1.0)], "detail")


NOISE = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0)).expand(1, 3, 64, 64)


@pytest.mark.parametrize("grain", [0.7, 1.0, 1.4])
def test_fine_detail_grows_and_shrinks_as_the_decoder_says(grain: float):
    photo, old = 0.06 * NOISE, 0.03 * NOISE  # the decoder draws half of the photo's detail
    edited = _edited(photo, old, grain * old + 0.1)
    assert edited.std().item() == pytest.approx(grain * photo.std().item(), rel=0.08)
    assert edited.mean().item() == pytest.approx(photo.mean().item() + 0.1, abs=0.01)


@pytest.mark.parametrize("grain", [0.0, 0.01, 30.0])
def test_detail_is_never_stretched_beyond_the_limit(grain: float):
    field = recolouring(0.06 * NOISE, 0.01 * NOISE, grain * 0.01 * NOISE, torch.ones(1, 1, 64, 64))
    contrast = 1 + field[:, 6:].sum(dim=1)  # of lightness
    assert 1 / compose.MAX_CONTRAST - 1e-4 <= contrast.min() <= contrast.max() <= compose.MAX_CONTRAST + 1e-4


def test_pale_spots_of_red_skin_do_not_turn_green_under_grey_skin():
    spots = (torch.arange(64) // 16 % 2 * 1.0).expand(1, 1, 64, 64)
    red, pale, grey = (
        torch.tensor(code).view(1, 3, 1, 1) for code in ((0.8, 0.0, -0.2), (0.5, 0.2, 0.1), (0.1, 0.08, 0.07))
    )
    photo = red + spots * (pale - red)
    edited = _edited(photo, photo.mean(dim=(2, 3), keepdim=True).expand_as(photo), grey.expand_as(photo))
    assert (edited[:, 1] - edited[:, 0]).max() < 0.03
    torch.testing.assert_close(edited.mean(dim=(2, 3), keepdim=True), grey, rtol=0, atol=0.01)
    assert edited.mean(dim=1).std() > 0.5 * photo.mean(dim=1).std(), "light and shadow stay"


def test_what_the_decoder_leaves_alone_stays():
    generator = torch.Generator().manual_seed(0)
    photo, old = (torch.rand(1, 3, 64, 64, generator=generator) * 1.6 - 0.8 for _ in range(2))
    torch.testing.assert_close(_edited(photo, old, old), photo, rtol=0, atol=1e-3)


def test_a_references_light_and_shadow_stay_with_it() -> None:
    """A decoded edit with a hard shadow gives its colour, and no more contrast than the photo's light allows."""
    across = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    photo = 0.1 + 0.08 * across
    matte = torch.ones(1, 1, 64, 64)
    even, hard = (photo + torch.tensor([0.3, 0.1, -0.1])[:, None, None] + shadow * across for shadow in (0.0, 0.5))

    def edited(new: torch.Tensor) -> torch.Tensor:
        effect = Effect(recolouring(photo, photo, new, matte), Matte(matte), Frame(64, 64))
        return composite_images(photo, [Step([effect], 1.0)], "detail")

    calm, limited = edited(even), edited(hard)
    assert (calm - even).abs().max() < 0.05  # what is within the limit stays as it was decoded
    assert torch.allclose(limited.mean(dim=(2, 3)), hard.mean(dim=(2, 3)), atol=0.03)
    assert 1.1 * calm[:, 0].std() < limited[:, 0].std()
    assert limited[:, 0].std() < 1.1 * MAX_SHADING * calm[:, 0].std() < hard[:, 0].std() / 2


@pytest.mark.parametrize("varied", [0.0, 0.4])
def test_what_changes_from_place_to_place_counts_in_part(varied: float) -> None:
    across = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    photo, matte = 0.1 + 0.08 * across, torch.ones(1, 1, 64, 64)
    new = photo + 0.2 - 0.04 * across  # darker to one side than the photo's light makes it
    whole, part = (recolouring(photo, photo, new, matte, share) for share in (1.0, varied))
    shown = [
        composite_images(photo, [Step([Effect(f, Matte(matte), Frame(64, 64))], 1.0)], "detail") for f in (whole, part)
    ]
    slopes = [(image * across).mean().item() for image in (photo, *shown)]
    assert slopes[1] < slopes[2] < 1.1 * slopes[0]
    assert (slopes[2] - slopes[1]) == pytest.approx((1 - varied) * (slopes[0] - slopes[1]), rel=0.3)
    torch.testing.assert_close(shown[1].mean(dim=(2, 3)), shown[0].mean(dim=(2, 3)), atol=0.01, rtol=0)
