"""Layers of a session, and how many of their mattes are kept."""

import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.data import render_faces
from l2sae.editing import EditError, EditSession, Noise, Swap
from l2sae.model import load_model
from l2sae.pictures.display import as_pictures

Photos = list[NDArray[np.uint8]]


def test_a_matte_of_the_layer_bounds_it(session: EditSession, photos: Photos) -> None:
    matte = np.zeros((97, 131))
    matte[10:30, 10:30] = 1.0
    session.add_layer("hair", Noise(2.0), matte=matte)
    assert np.array_equal(session.render()[matte == 0], photos[0][matte == 0])
    assert not np.array_equal(session.render(), photos[0])
    with pytest.raises(EditError, match="one matte for 2 ROIs"):
        session.add_layer(("hair", "lips"), Noise(), matte=matte)


def test_old_steps_are_forgotten_but_never_the_present(session: EditSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2sae.editing.history.MAX_STEPS", 3)
    session.add_layer("hair", Noise(2.0))
    for strength in (0.1, 0.2, 0.3, 0.4, 0.5):
        session.update_layer(0, strength=strength)
    assert session.layers[0].strength == 0.5
    assert [session.undo() for _ in range(4)] == [True, True, True, False]
    assert session.layers[0].strength == 0.2
    monkeypatch.setattr("l2sae.editing.session_layer.MAX_MATTE_BYTES", 1)
    session.update_layer(0, matte=np.ones((97, 131)))
    session.update_layer(0, matte=np.zeros((97, 131)))
    assert [session.undo(), session.undo()] == [True, False]


def test_of_two_layers_of_one_region_the_upper_one_shows() -> None:
    model = load_model(device="cpu")
    first, second, both = EditSession(model), EditSession(model), EditSession(model)
    face, *references = as_pictures(render_faces(3, 128, seed=3).images)
    for session, layers in ((first, references[:1]), (second, references[1:]), (both, references)):
        session.load(face)
        for reference in layers:
            session.add_layer(roi="lips", style=Swap(reference))
    one, other, above = (session.render() for session in (first, second, both))
    assert np.array_equal(above, other)
    assert not np.array_equal(above, one)
    both.update_layer(1, strength=0.5)
    assert not np.array_equal(both.render(), other), "through half an edit, what lies below shows"
