"""Outlines of a face's parts from landmarks and from templates."""

from itertools import pairwise

import numpy as np
import pytest
from schematic import SIZE, outlines, template
from skimage import data

from l2sae.data.outlines import FEATURES, Outlines, even_points, filled, mesh_outlines, template_outlines
from l2sae.faces import landmarks as mesh
from l2sae.faces.finding import find_faces

SHAPE = (SIZE, SIZE)


@pytest.fixture(scope="module")
def astronaut() -> Outlines:
    return mesh_outlines(find_faces(data.astronaut())[0].landmarks)


def overlap(one: Outlines, other: Outlines, part: str) -> float:
    a, b = (filled(each.face if part == "face" else each.features[part], SHAPE) for each in (one, other))
    return float((a & b).sum() / (a | b).sum())


@pytest.mark.parametrize("part", ["r_brow", "l_brow", "nose", "r_eye", "l_eye", "face"])
def test_a_templates_curves_pass_where_its_points_were_taken_from(part: str) -> None:
    assert overlap(template_outlines(template()), outlines(), part) > 0.8


def test_a_template_knows_hairline_and_ears_and_parts_the_lips() -> None:
    found = template_outlines(template())
    assert found.hairline
    assert filled(found.ears["r_ear"], SHAPE)[66, 34]
    assert filled(found.ears["l_ear"], SHAPE)[66, 94]
    lips = [filled(found.features[part], SHAPE) for part in ("u_lip", "l_lip", "mouth")]
    assert [bool(lips[0][86, 64]), bool(lips[1][94, 64]), bool(lips[2][90, 64])] == [True] * 3
    assert sum(int((a & b).sum()) for a, b in pairwise(lips)) <= 12  # at the corners


def test_points_set_twice_do_not_break_a_curve() -> None:
    points = template()
    points[72], points[83] = points[71], points[71]
    assert np.isfinite(template_outlines(points).features["r_brow"]).all()


def test_the_mesh_outlines_every_part_of_a_photo(astronaut: Outlines) -> None:
    shape = data.astronaut().shape[:2]
    assert set(astronaut.features) == set(FEATURES)
    face = filled(astronaut.face, shape)
    for part, outline in astronaut.features.items():
        assert (filled(outline, shape) & ~face).sum() < 0.1 * max(1, filled(outline, shape).sum()), part
    assert astronaut.features["r_eye"][:, 0].mean() < astronaut.features["l_eye"][:, 0].mean()
    assert not astronaut.hairline


def test_brows_are_moved_alike_on_both_sides() -> None:
    points = find_faces(data.astronaut())[0].landmarks
    mirrored = points * [-1, 1]
    mirrored[list(mesh.LEFT_BROW)], mirrored[list(mesh.RIGHT_BROW)] = (
        points[list(rows)] * [-1, 1] for rows in (mesh.RIGHT_BROW, mesh.LEFT_BROW)
    )
    there, here = mesh_outlines(points).features, mesh_outlines(mirrored).features
    np.testing.assert_allclose(here["l_brow"] * [-1, 1], there["r_brow"])
    np.testing.assert_allclose(here["r_brow"] * [-1, 1], there["l_brow"])


def test_even_points_run_clockwise_from_the_left_whatever_the_outlines_start_and_direction() -> None:
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    expected = even_points(circle)
    for other in (np.roll(circle, 7, axis=0), circle[::-1]):
        np.testing.assert_allclose(even_points(other), expected, atol=0.02)
    assert expected[0] == pytest.approx([-1, 0], abs=0.02)
    assert expected[len(expected) // 4] == pytest.approx([0, -1], abs=0.05)
