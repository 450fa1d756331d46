"""Skin tones from light to dark."""

import numpy as np

from l2sae.render.palette import MONK, linear, skin_albedo
from l2sae.render.rendered_faces import RenderedFaces


def test_darker_tones_on_the_monk_scale_look_darker(faces: RenderedFaces) -> None:
    skin = faces.mattes["skin"]
    brightness = ((faces.images * skin).sum((1, 2, 3)) / skin.sum((1, 2, 3)).clamp_min(1)).numpy()
    assert np.corrcoef(brightness, faces.factors["monk_tone"])[0, 1] < -0.6


def test_albedo_falls_along_the_scale_and_runs_between_its_tones() -> None:
    tones = np.linspace(1, 10, 50)
    albedo = skin_albedo(tones)
    assert albedo.shape == (50, 3)
    assert (np.diff(albedo[tones >= 4].mean(axis=1)) < 0).all()  # the three lightest swatches differ in hue alone
    assert np.abs(np.diff(albedo, axis=0)).max() < 0.1
    np.testing.assert_array_equal(skin_albedo(np.array([0.0, 12.0])), skin_albedo(np.array([1.0, 10.0])))
    assert np.array_equal(linear(MONK[0]), MONK[0] ** 2)
