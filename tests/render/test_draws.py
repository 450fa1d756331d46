"""Draws of a face depend on its seed and index alone, and follow the distribution asked for."""

import numpy as np
import pytest

from l2sae.render.draws import Draws, face_generator


@pytest.fixture
def draws() -> Draws:
    return Draws(np.random.default_rng(0).random((4000, 4)))


def test_each_call_takes_the_next_column(draws: Draws) -> None:
    assert np.array_equal(draws.unit(), draws.uniforms[:, 0])
    assert np.array_equal(draws.uniform(2, 4), 2 + 2 * draws.uniforms[:, 1])


def test_normal_draws_are_cut_off(draws: Draws) -> None:
    values = draws.normal(10.0, 2.0, limit=1.5)
    assert values.mean() == pytest.approx(10, abs=0.1)
    assert (values.min(), values.max()) == (7, 13)


def test_chances_and_choices_have_their_shares(draws: Draws) -> None:
    assert draws.chance(0.3).mean() == pytest.approx(0.3, abs=0.03)
    chosen = draws.choice([1, 0, 3])
    assert set(chosen) == {0, 2}
    assert (chosen == 2).mean() == pytest.approx(0.75, abs=0.03)


def test_weights_may_differ_from_face_to_face() -> None:
    table = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert Draws(np.full((2, 1), 0.5)).choice(table).tolist() == [0, 1]


def test_streams_of_a_face_are_its_own() -> None:
    first, again, other, stream = (face_generator(*key).random() for key in ((3, 5), (3, 5), (3, 6), (3, 5, 1)))
    assert first == again
    assert len({first, other, stream}) == 3
