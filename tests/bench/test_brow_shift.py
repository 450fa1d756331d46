"""The mean way from the mesh's brows to those that people set."""

import json
from pathlib import Path

import numpy as np
import pytest

from l2sae.bench.brow_shift import mean_shift, write_shift
from l2sae.data.outlines import BROW_POINTS, BROW_SHIFT, Points
from l2sae.faces import landmarks as mesh

WIDTH, HEIGHT = 14.0, 4.0


def ellipse(x: float, y: float, count: int) -> Points:
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return np.stack([x + WIDTH / 2 * np.cos(turn), y + HEIGHT / 2 * np.sin(turn)], axis=1)


def face(dx: float, dy: float) -> tuple[Points, Points]:
    """A mesh and a template of elliptic brows, those of the template higher by ``dy`` and farther out by ``dx``."""
    landmarks, points = np.zeros((478, 2)), np.zeros((189, 2))
    landmarks[list(mesh.RIGHT_BROW)], landmarks[list(mesh.LEFT_BROW)] = ellipse(49, 50, 10), ellipse(79, 50, 10)
    for first, low, x in ((71, 83, 49 - dx), (77, 85, 79 + dx)):
        turn = np.linspace(np.pi, 2 * np.pi, 6)
        points[first : first + 6] = np.stack([np.cos(turn) * WIDTH / 2 + x, np.sin(turn) * HEIGHT / 2 + 50 - dy], 1)
        points[low : low + 2] = points[[first + 1, first + 4]] * [1, -1] + [0, 2 * (50 - dy)]
    return landmarks, points


def test_a_brow_that_lies_where_people_set_it_stays() -> None:
    assert np.abs(mean_shift([face(0, 0)])).max() < 0.08


@pytest.mark.parametrize(("dx", "dy"), [(0.0, 2.8), (1.4, 0.0)])
def test_both_sides_give_the_right_brows_shift_in_units_of_its_width(dx: float, dy: float) -> None:
    shift = mean_shift([face(dx, dy), face(dx, dy)])
    assert shift.shape == (BROW_POINTS, 2)
    np.testing.assert_allclose(shift.mean(axis=0), [-dx / WIDTH, -dy / WIDTH], atol=0.02)


def test_what_is_kept_is_what_weak_labels_read(tmp_path: Path) -> None:
    shift = mean_shift([face(1.4, 2.8)])
    write_shift(shift, tmp_path / "shift.json")
    np.testing.assert_allclose(json.loads((tmp_path / "shift.json").read_text(encoding="utf-8")), shift, atol=1e-4)
    assert np.shape(json.loads(BROW_SHIFT.read_text(encoding="utf-8"))) == (BROW_POINTS, 2)
