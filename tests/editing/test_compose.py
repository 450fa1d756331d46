"""Boxes and local means: what makes edits of small regions cheap changes none of their pixels."""

import pytest
import torch
from scipy.ndimage import convolve

from l2sae.editing import compose
from l2sae.editing.compose import Effect, Step, composite_images, recolouring, support
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
