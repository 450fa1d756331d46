"""Drawn factors cover their ranges, and those that can be set are told from others."""

import numpy as np
import pytest

from l2sae.render.factors import OCCLUDERS
from l2sae.render.rendered_faces import RenderedFaces, render_faces

SIZE = 64


def test_factors_cover_their_ranges(faces: RenderedFaces) -> None:
    factors = faces.factors
    assert set(factors["monk_tone"]) == set(range(1, 11))
    assert np.abs(factors["yaw"]).max() <= 45
    assert np.abs(factors["yaw"]).max() > 25
    assert set(factors["occlusion"]) == {"none", *OCCLUDERS}
    assert 0.75 < (factors["occlusion"] == "none").mean() < 0.95
    assert factors["head_height"].min() < 0.6
    assert len(set(factors["hair_style"])) >= 9
    assert len(set(factors["hair_colour"])) >= 8
    assert 0.05 < factors["glasses"].mean() < 0.35
    assert factors["glasses"].dtype == bool


def test_a_factor_on_which_others_depend_cannot_be_set() -> None:
    with pytest.raises(ValueError, match="factor age cannot be set; those that can: yaw"):
        render_faces(1, size=SIZE, factors={"age": 0.5})
