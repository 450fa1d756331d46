"""Mattes at the photo's own resolution: exact where they are exact, and along the photo's edges."""

import pytest
import torch

from l2sae.editing.resolution import (
    RADIUS,
    Matte,
    fit_field,
    guided_matte,
    make_guide,
    square_matte,
    upsample_rows,
)
from l2sae.pictures.frames import Frame


def test_a_matte_moves_to_the_edge_of_its_guide() -> None:
    guide = torch.zeros(1, 3, 128, 128)
    guide[..., 70:] = 0.9  # the photo's edge
    ramp = ((torch.arange(32.0) - 13) / 7).clamp(0, 1)  # predicted softly, its middle 4 pixels beside the edge
    coarse = ramp.expand(1, 1, 32, 32)
    fitted = guided_matte(coarse, make_guide(guide)).rows(guide, Frame(128, 128), 0)[0, 0, 64]
    assert float(fitted[100]) > 0.9
    assert float(fitted[20]) == 0
    steps = (fitted[1:] - fitted[:-1]).abs()
    assert int(steps.argmax()) == 69


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_mattes_that_are_0_or_1_stay_so(value: float) -> None:
    guide = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    fitted = guided_matte(torch.full((1, 1, 16, 16), value), make_guide(guide))
    torch.testing.assert_close(fitted.rows(guide, Frame(64, 64), 0), torch.full((1, 1, 64, 64), value))


def test_a_thin_matte_of_the_colour_beside_it_is_kept() -> None:
    guide = torch.zeros(1, 3, 256, 256) + torch.linspace(0.4, 0.6, 256)  # no edge tells the band from the rest
    coarse = torch.zeros(1, 1, 128, 128)
    coarse[..., 60:63] = 0.95  # as of pale hair at a temple
    fitted = guided_matte(coarse, make_guide(guide)).rows(guide, Frame(256, 256), 0)[0, 0, 128]
    assert float(fitted[123]) > 0.9
    assert float(fitted[100]) == 0


def test_strips_are_parts_of_the_whole() -> None:
    guide = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    matte = guided_matte(torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(1)), make_guide(guide))
    whole = matte.rows(guide, Frame(64, 64), 0)
    strips = [matte.rows(guide[:, :, start : start + 16], Frame(64, 64), start) for start in range(0, 64, 16)]
    torch.testing.assert_close(torch.cat(strips, dim=2), whole)
    assert RADIUS < 64


def test_rows_of_a_field_are_those_of_bilinear_interpolation() -> None:
    field = torch.rand(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    whole = torch.nn.functional.interpolate(field, size=(40, 40), mode="bilinear", align_corners=False)
    torch.testing.assert_close(upsample_rows(field, Frame(30, 40), 3, 9), whole[:, :, 8:14])  # below 5 rows of padding


def test_a_given_matte_is_seen_in_its_square_with_its_edge_repeated_and_full_size_mattes_as_they_are() -> None:
    matte = torch.zeros(1, 1, 20, 40)
    matte[:, :, :10] = 1
    square = square_matte(matte, Frame(20, 40), 8)
    assert square[0, 0, :, 4].tolist() == pytest.approx([1, 1, 1, 1, 0, 0, 0, 0], abs=0.2)
    assert torch.equal(Matte(matte, full_size=True).rows(torch.zeros(1, 3, 5, 40), Frame(20, 40), 5), matte[:, :, 5:10])
    assert fit_field(torch.ones(1, 1, 64, 64), Frame(30, 40)).shape == (1, 1, 40, 40)
