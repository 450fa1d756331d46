"""The renderer's building blocks, each against its definition."""

import pytest
import torch
from torch.nn import functional as F

from l2sae.render.fields import (
    bump,
    coverage,
    ellipse,
    enlarge,
    head_frame,
    pixel_centres,
    project,
    ramp,
    ridge,
    smooth_max,
    smooth_min,
)

AXIS = torch.linspace(-2, 2, 41)


def test_a_shape_covers_half_of_the_pixel_on_its_edge() -> None:
    assert coverage(torch.tensor([-1.0, 0.0, 1.0]), 0.5).tolist() == [1, 0.5, 0]


def test_ramps_rise_from_0_to_1_without_a_corner() -> None:
    values = ramp(AXIS, -1.0, 1.0)
    assert (values[AXIS <= -1] == 0).all()
    assert (values[AXIS >= 1] == 1).all()
    assert (values.diff() >= 0).all()
    assert float(values[20]) == pytest.approx(0.5)


def test_smooth_union_and_intersection_are_the_sharp_ones_without_a_radius() -> None:
    a, b = AXIS, AXIS.flip(0)
    torch.testing.assert_close(smooth_max(a, b, 0.0), torch.maximum(a, b))
    torch.testing.assert_close(smooth_min(a, b, 0.0), torch.minimum(a, b))
    assert (smooth_min(a, b, 0.3) <= torch.minimum(a, b) + 1e-6).all()  # it fills


def test_hills_are_1_in_the_middle_and_0_at_twice_their_extent() -> None:
    hill = bump(AXIS, torch.zeros_like(AXIS), 1.0, 1.0)
    torch.testing.assert_close(hill, ridge(AXIS, 1.0))
    assert float(hill[20]) == pytest.approx(1)
    assert (float(hill[0]), float(hill[-1])) == pytest.approx((0, 0), abs=1e-6)


def test_the_distance_to_an_ellipse_is_0_on_its_outline() -> None:
    turn = torch.linspace(0, 6, 20)
    outline = ellipse(0.3 * turn.cos(), 0.7 * turn.sin(), 0.3, 0.7)
    assert outline.abs().max() < 1e-4
    assert float(ellipse(torch.zeros(1), torch.zeros(1), 0.3, 0.7)) < 0


@pytest.mark.parametrize("size", [14, 21, 7])
def test_enlarging_is_bilinear(size: int) -> None:
    field = torch.rand(2, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    expected = F.interpolate(field, size=(size, size), mode="bilinear", align_corners=False)
    torch.testing.assert_close(enlarge(field, size), expected)


def test_a_point_of_the_face_is_projected_to_where_its_frame_says() -> None:
    numbers = {
        "centre_x": 0.1,
        "centre_y": -0.05,
        "scale": 0.8,
        "head_width": 0.7,
        "yaw": 0.4,
        "pitch": -0.1,
        "roll": 0.2,
    }
    p = {name: torch.full((1, 1, 1), value) for name, value in numbers.items()}
    for angle in ("yaw", "pitch", "roll"):
        p |= {f"sin_{angle}": p[angle].sin(), f"cos_{angle}": p[angle].cos()}
    column, row = project(p, torch.tensor([[[0.2]]]), torch.tensor([[[0.1]]]))
    frame = head_frame(p, column, row, 64)
    assert (float(frame.u), float(frame.v)) == pytest.approx((0.2, 0.1), abs=0.03)


def test_pixel_centres_lie_inside_the_picture() -> None:
    assert pixel_centres(4, torch.device("cpu")).tolist() == [-0.75, -0.25, 0.25, 0.75]
