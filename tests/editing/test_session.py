import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.editing import EditError, EditSession, Noise, Swap, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


@pytest.fixture
def session(tiny_model: L2SAE, photos: Photos) -> EditSession:
    session = EditSession(tiny_model)
    session.load(photos[0])
    return session


def test_a_session_without_layers_renders_the_photo(session: EditSession, photos: Photos) -> None:
    assert np.array_equal(session.render(), photos[0])


def test_one_layer_is_one_edit(session: EditSession, tiny_model: L2SAE, photos: Photos) -> None:
    session.add_layer("hair", Swap(photos[1]), strength=0.8)
    assert np.array_equal(session.render(), edit(tiny_model, photos[0], "hair", Swap(photos[1]), strength=0.8))
    session.undo()
    session.add_layer(("hair", "lips"), Noise(2.0), seed=3)
    assert np.array_equal(session.render(), edit(tiny_model, photos[0], ("hair", "lips"), Noise(2.0), seed=3))


def test_undo_and_redo_walk_through_every_change(session: EditSession, photos: Photos) -> None:
    seen = [session.render()]
    session.add_layer("hair", Noise(2.0), seed=1)
    seen.append(session.render())
    session.add_layer("skin", Swap(photos[1]))
    seen.append(session.render())
    session.update_layer(0, strength=0.3)
    seen.append(session.render())
    session.mute(1)
    seen.append(session.render())
    session.remove_layer(0)
    seen.append(session.render())
    assert np.array_equal(seen[-1], photos[0])  # one layer removed, the other muted
    for expected in reversed(seen[:-1]):
        assert session.undo()
        assert np.array_equal(session.render(), expected)
    assert not session.undo()
    for expected in seen[1:]:
        assert session.redo()
        assert np.array_equal(session.render(), expected)
    assert not session.redo()


def test_a_new_change_ends_redo(session: EditSession) -> None:
    session.add_layer("hair", Noise(2.0))
    session.undo()
    session.add_layer("skin", Noise(2.0))
    assert not session.redo()
    assert [layer.rois for layer in session.layers] == [("skin",)]


def test_a_refused_change_leaves_the_session_as_it_was(session: EditSession, photos: Photos) -> None:
    session.add_layer("hair", Noise(2.0))
    before = session.render()
    for change in (
        lambda: session.add_layer("hat", Noise()),
        lambda: session.add_layer("hair", Swap("absent.png")),
        lambda: session.add_layer("hair", Noise(), matte=np.zeros((5, 5))),
        lambda: session.update_layer(0, strength=9),
        lambda: session.update_layer(0, colour="red"),
        lambda: session.update_layer(7, strength=1),
        lambda: session.remove_layer(-1),
    ):
        with pytest.raises(EditError):
            change()
    assert np.array_equal(session.render(), before)
    assert len(session.layers) == 1


def test_previews_are_small_and_show_the_edit(session: EditSession, photos: Photos) -> None:
    plain = session.render(preview=True)
    assert plain.shape == (47, 64, 3)  # 97 x 131, its longer side the model's
    matte = np.zeros((97, 131), np.uint8)
    matte[:, 60:] = 255
    session.add_layer("hair", Noise(2.0), matte=matte)
    preview = session.render(preview=True)
    assert np.array_equal(preview[:, :28], plain[:, :28])
    assert not np.array_equal(preview[:, 32:], plain[:, 32:])


def test_a_matte_of_the_layer_bounds_it(session: EditSession, photos: Photos) -> None:
    matte = np.zeros((97, 131))
    matte[10:30, 10:30] = 1.0
    session.add_layer("hair", Noise(2.0), matte=matte)
    assert np.array_equal(session.render()[matte == 0], photos[0][matte == 0])
    assert not np.array_equal(session.render(), photos[0])
    with pytest.raises(EditError, match="one matte for 2 ROIs"):
        session.add_layer(("hair", "lips"), Noise(), matte=matte)


def test_the_last_swap_of_an_roi_decides(tiny_model: L2SAE, session: EditSession, photos: Photos) -> None:
    full = np.full((97, 131), 255, np.uint8)
    target = Swap(photos[1])
    session.add_layer("skin", target, matte=full)
    once = session.render()
    session.add_layer("skin", target, matte=full)
    assert np.abs(session.render().astype(int) - once).max() <= 1


def test_sessions_without_a_photo_say_so(tiny_model: L2SAE) -> None:
    empty = EditSession(tiny_model)
    for use in (empty.render, empty.recipe, lambda: empty.add_layer("hair", Noise())):
        with pytest.raises(EditError, match="no photo loaded"):
            use()
    with pytest.raises(EditError, match="compose='add'"):
        EditSession(tiny_model, "add")
