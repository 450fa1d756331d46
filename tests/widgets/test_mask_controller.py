import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing.mask_tools import mask_png
from l2sae.editing.named_styles import NamedStyle
from l2sae.model import L2SAE
from l2sae.widgets import MaskController
from tests.widgets.conftest import Driver

Photos = list[NDArray[np.uint8]]
DISK = {"points": [[60, 40, 1]], "size": 30, "hardness": 1}


@pytest.fixture
def send(mask: MaskController) -> Driver:
    return Driver(mask)


def test_the_start_sends_every_predicted_matte_in_its_colour(send: Driver, tiny_model: L2SAE) -> None:
    send("start")
    mattes = send.all("matte")
    assert [m.content["roi"] for m in mattes] == list(tiny_model.roi_names)
    first = np.asarray(Image.open(io.BytesIO(mattes[0].buffers[0])))
    assert first.shape == (97, 131, 4)
    assert tuple(first[0, 0, :3]) == (230, 159, 0)
    assert np.array_equal(first[..., 3], send.controller.mask("hair"))


def test_a_stroke_makes_a_layer_and_shows_the_edit_inside_it_alone(send: Driver, photos: Photos) -> None:
    send("empty")
    assert "is empty" in send.state["message"]["text"]
    state = send("stroke", **DISK)
    assert state["layers"][0]["drawn"]
    assert [m.content["roi"] for m in send.all("matte")] == ["hair"]
    mask, rendered = send.controller.mask("hair"), send.controller.session.render()
    assert mask.sum() / 255 == pytest.approx(np.pi * 225, rel=0.03)
    assert np.array_equal(rendered[mask == 0], photos[0][mask == 0])
    assert not np.array_equal(rendered, photos[0])


def test_named_styles_and_colours_show_inside_the_mask_alone(
    send: Driver, photos: Photos, styles: list[NamedStyle]
) -> None:
    send("start")
    assert send.all("named")[0].content["styles"]["hair"]
    send("empty")
    send("stroke", **DISK)
    for action, arguments, kind in (
        ("use_named", {"name": "silver"}, "named"), ("use_colour", {"code": "#7a1f2b"}, "colour"),
    ):  # fmt: skip
        [layer] = send(action, **arguments)["layers"]
        assert layer["kind"] == kind
        assert layer["drawn"]
        mask, rendered = send.controller.mask("hair"), send.controller.session.render()
        assert np.array_equal(rendered[mask == 0], photos[0][mask == 0])
        assert not np.array_equal(rendered, photos[0])


def test_every_tool_changes_the_mask_and_is_one_step(send: Driver) -> None:
    send("empty")
    send("stroke", **DISK)
    for action, arguments in [
        ("stroke", DISK | {"erase": True, "size": 10}),
        ("polygon", {"points": [[5, 5], [50, 5], [50, 50]]}),
        ("polygon", {"points": [[5, 5], [50, 5], [50, 50]], "erase": True}),
        ("click", {"x": 60, "y": 40, "tolerance": 0.5}),
        ("click", {"x": 20, "y": 20, "tolerance": 0.3, "combine": "add"}),
        ("click", {"x": 20, "y": 20, "tolerance": 0.3, "combine": "subtract"}),
        ("feather", {"radius": 6}),
        ("grow", {"pixels": 3}),
        ("grow", {"pixels": -2}),
        ("invert", {}),
        ("refine", {}),
        ("predicted", {}),
        ("empty", {}),
    ]:
        before = send.controller.mask("hair").copy()
        send(action, **arguments)
        assert send.error == "", action
        after = send.controller.mask("hair").copy()
        assert not np.array_equal(before, after), action
        send("undo")
        assert np.array_equal(send.controller.mask("hair"), before), action
        send("redo")
        assert np.array_equal(send.controller.mask("hair"), after), action


def test_masks_are_saved_and_loaded(send: Driver) -> None:
    send("stroke", **DISK)
    drawn = send.controller.mask("hair").copy()
    send("save_mask")
    [file] = send.all("file")
    assert file.content["name"] == "ann-hair.png"
    send("empty")
    send("load_mask", data=file.buffers[0], name="ann-hair.png")
    assert np.array_equal(send.controller.mask("hair"), drawn)
    send("load_mask", data=b"junk", name="junk.png")
    assert "junk.png: not a readable PNG" in send.error
    send("load_mask", data=mask_png(np.zeros((50, 200), np.uint8)), name="wide.png")
    assert "200 x 50 pixels, the photo has 131 x 97" in send.error
    assert np.array_equal(send.controller.mask("hair"), drawn)


def test_a_mask_painted_on_white_is_taken_and_said(send: Driver) -> None:
    picture = Image.new("L", (131, 97), 255)
    picture.paste(0, (40, 20, 90, 60))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    send("load_mask", data=buffer.getvalue(), name="ink.png")
    assert np.array_equal(send.controller.mask("hair"), 255 - np.asarray(picture))
    assert "ink.png: black on white, so black is inside" in send.state["message"]["text"]
    send("invert")
    assert np.array_equal(send.controller.mask("hair"), np.asarray(picture))


def test_a_mask_of_one_pixel_edits_that_pixel_at_most(send: Driver, photos: Photos) -> None:
    one = np.zeros((97, 131), np.uint8)
    one[50, 60] = 255
    send("load_mask", data=mask_png(one), name="one.png")
    assert "1 pixel:" in send.state["message"]["text"]
    changed = (send.controller.session.render() != photos[0]).any(axis=2)
    assert changed.sum() <= 1


def test_masks_of_two_rois_are_layers_of_their_own(send: Driver) -> None:
    send("stroke", **DISK)
    send("choose_roi", roi="lips")
    send("polygon", points=[[5, 5], [50, 5], [50, 50]])
    assert [(layer["rois"], layer["drawn"]) for layer in send.state["layers"]] == [(("hair",), True), (("lips",), True)]
    send("use_noise", sigma=2.0, seed=1)
    assert send.state["layers"][1]["drawn"]
    assert send.state["layers"][1]["kind"] == "noise"
    assert send.state["cover"]["lips"] > 0


def test_bad_input_gets_a_message(send: Driver, tiny_model: L2SAE) -> None:
    for action, arguments in [
        ("stroke", {"points": [], "size": 3}), ("stroke", {"points": [[1, 2, 3, 4, 5]], "size": 3}),
        ("stroke", {"points": [[1, 2]], "size": float("nan")}), ("polygon", {"points": [[1, 1]]}),
        ("click", {"x": 1e6, "y": 0}), ("click", {"x": 1, "y": 1, "combine": "xor"}), ("feather", {"radius": -3}),
        ("grow", {"pixels": 10_000}),
    ]:  # fmt: skip
        send(action, **arguments)
        assert send.error, action
        assert send.state["layers"] == []
    empty = Driver(MaskController(tiny_model))
    for action in ("start", "invert", "refine", "predicted", "empty", "save_mask", "slices"):
        empty(action)
    assert "choose a face" in empty.error
