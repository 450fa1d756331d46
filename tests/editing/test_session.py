import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.editing import EditError, EditSession, Noise, Swap, edit
from l2sae.editing.recipe import CropRecord
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


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


def test_the_last_swap_of_an_roi_decides(tiny_model: L2SAE, session: EditSession, photos: Photos) -> None:
    full = np.full((97, 131), 255, np.uint8)
    target = Swap(photos[1])
    session.add_layer("skin", target, matte=full)
    once = session.render()
    session.add_layer("skin", target, matte=full)
    assert (session.render() == once).all(), "at the photo's edges too, which a drawn matte reaches whole"


def test_sessions_without_a_photo_say_so(tiny_model: L2SAE) -> None:
    empty = EditSession(tiny_model)
    for use in (empty.render, empty.recipe, lambda: empty.add_layer("hair", Noise())):
        with pytest.raises(EditError, match="no photo loaded"):
            use()
    with pytest.raises(EditError, match="compose='add'"):
        EditSession(tiny_model, "add")


def test_layers_change_places(session: EditSession) -> None:
    for seed, roi in enumerate(("hair", "skin", "lips")):
        session.add_layer(roi, Noise(2.0), seed=seed)
    session.move_layer(0, 2)
    assert [layer.rois[0] for layer in session.layers] == ["skin", "lips", "hair"]
    session.move_layer(2, 0)
    assert [layer.rois[0] for layer in session.layers] == ["hair", "skin", "lips"]
    session.undo()
    assert [layer.rois[0] for layer in session.layers] == ["skin", "lips", "hair"]
    with pytest.raises(EditError, match="no layer 3"):
        session.move_layer(0, 3)


def test_composition_and_clearing_are_undone_too(session: EditSession) -> None:
    session.add_layer("hair", Noise(2.0))
    detail = session.render()
    session.set_compose("replace")
    replaced = session.render()
    assert not np.array_equal(detail, replaced)
    session.clear()
    assert session.layers == ()
    session.undo()
    assert np.array_equal(session.render(), replaced)
    session.undo()
    assert session.compose == "detail"
    assert np.array_equal(session.render(), detail)


def test_one_gesture_is_one_step(session: EditSession) -> None:
    session.add_layer("hair", Noise(2.0))
    for strength in (0.9, 0.5, 0.2):
        session.update_layer(0, gesture=1, strength=strength)
    session.update_layer(0, gesture=2, strength=0.7)
    session.undo()
    assert session.layers[0].strength == 0.2
    session.undo()
    assert session.layers[0].strength == 1.0
    assert session.can_redo
    session.update_layer(0, gesture=2, strength=0.3)  # an undo ends the gesture
    session.undo()
    assert session.layers[0].strength == 1.0


def test_screen_sizes_show_the_edit_smaller(session: EditSession, photos: Photos) -> None:
    matte = np.zeros((97, 131), np.uint8)
    matte[:, 66:] = 255
    session.add_layer("hair", Noise(2.0), matte=matte)
    shown = session.render(size=80)
    assert shown.shape == (59, 80, 3)
    assert np.array_equal(shown[:, :39], session.original(80)[:, :39])
    assert not np.array_equal(shown[:, 42:], session.original(80)[:, 42:])
    assert np.array_equal(session.render(size=4000), session.render())
    assert session.mattes(80)["hair"].shape == (59, 80)


def test_a_change_can_be_tried_without_making_it(session: EditSession) -> None:
    session.add_layer("hair", Noise(2.0))
    before = session.render()
    tried = session.render_with(0, strength=0.2)
    assert np.array_equal(session.render(), before)
    session.update_layer(0, strength=0.2)
    assert np.array_equal(session.render(), tried)


def test_a_recipe_takes_the_session_to_the_recorded_edit(
    session: EditSession, tiny_model: L2SAE, photos: Photos
) -> None:
    session.add_layer("hair", Swap(photos[1]), strength=0.6)
    session.add_layer("skin", Noise(2.0), seed=4, matte=np.eye(97, 131))
    recorded, recipe = session.render(), session.recipe()
    session.clear()
    assert session.apply(recipe)
    assert np.array_equal(session.render(), recorded)
    session.undo()
    assert session.layers == ()
    other = EditSession(tiny_model)
    other.load(photos[1])
    assert not other.apply(recipe)
    assert [layer.matte for layer in other.layers] == [None, None]
    assert other.layers[0].strength == 0.6
    with pytest.raises(EditError, match="model_sha256"):
        session.apply(recipe.model_copy(update={"model_sha256": "0" * 64}))


def test_a_recipe_that_is_undone_or_refused_leaves_the_face_where_it_was(session: EditSession, photos: Photos) -> None:
    session.add_layer("hair", Swap(photos[1]))
    here, recipe = session.render(), session.recipe()
    box = CropRecord(x=60.0, y=45.0, side=80.0, angle=0.0)
    elsewhere = recipe.model_copy(update={"photo": recipe.photo.model_copy(update={"crop": box, "keeps_light": True})})
    assert session.apply(elsewhere)
    there = session.render()
    assert not np.array_equal(there, here)
    assert session.recipe().photo == elsewhere.photo
    session.undo()
    assert np.array_equal(session.render(), here)
    assert session.recipe() == recipe
    session.redo()
    assert np.array_equal(session.render(), there)
    session.undo()
    no_style = recipe.layers[0].model_copy(update={"rois": ("beard",)})
    with pytest.raises(EditError, match="beard"):
        session.apply(elsewhere.model_copy(update={"layers": (no_style,)}))
    assert np.array_equal(session.render(), here)
    assert session.recipe() == recipe


def test_drafts_replay_without_a_recorded_result(session: EditSession, tiny_model: L2SAE, photos: Photos) -> None:
    session.add_layer("hair", Noise(2.0))
    draft = session.recipe(draft=True)
    assert draft.result_sha256 is None
    assert np.array_equal(draft.replay(tiny_model, photos[0]), session.render())
