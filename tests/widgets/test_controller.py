"""What every editor can do: photos, layers, views and files."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.data import render_faces
from l2sae.editing import Colour, Noise, Recipe, Swap, edit
from l2sae.editing.named_styles import NamedStyle
from l2sae.model import L2SAE, load_model
from l2sae.pictures.display import as_pictures
from l2sae.widgets import Face, SwapController
from tests.marks import same_but_for_the_mark
from tests.widgets.conftest import Driver

Photos = list[NDArray[np.uint8]]


def test_the_start_shows_the_first_face_and_all_thumbnails(send: Driver) -> None:
    state = send("start")
    assert state["photo"] == {"name": "ann", "width": 131, "height": 97}
    assert state["error"]["psnr"] > 0
    [thumbs] = send.all("thumbs")
    assert thumbs.content["names"] == ["ann", "ben", "cem"]
    assert len(send.all("before")[0].buffers) == len(send.all("state")[0].buffers) == 1
    send("use_style", name="ben")
    assert not send.all("thumbs")


def test_a_style_of_a_face_is_the_packages_edit(send: Driver, tiny_model: L2SAE, photos: Photos) -> None:
    state = send("use_style", name="ben")
    assert state["layers"][0]["face"] == "ben"
    expected = edit(tiny_model, photos[0], "hair", Swap(photos[1]))
    assert np.array_equal(send.controller.session.render(), expected)
    assert np.abs(send.picture.astype(int) - expected).mean() < 6  # JPEG


def test_a_colour_is_one_step_however_long_it_is_looked_for(send: Driver, tiny_model: L2SAE, photos: Photos) -> None:
    for code in ("#aa0000", "#7a1f2b"):
        send("use_colour", live=True, code=code, gesture=5)
    state = send("use_colour", code="#2040C0", gesture=5)
    assert (state["layers"][0]["kind"], state["layers"][0]["text"]) == ("colour", "#2040c0")
    assert np.array_equal(send.controller.session.render(), edit(tiny_model, photos[0], "hair", Colour("#2040c0")))
    send("use_colour", code="blue")
    assert "six hexadecimal digits" in send.error
    assert send("undo")["layers"] == []


def test_named_styles_and_colours_leave_and_come_back(send: Driver, styles: list[NamedStyle]) -> None:
    send("use_named", name="silver")
    send("choose_roi", roi="lips")
    send("use_colour", code="#7a1f2b")
    rendered = send.controller.session.render()
    send("save_recipe")
    [file] = send.all("file")
    send("clear")
    state = send("load_recipe", data=file.buffers[0], name="edit.json")
    assert [layer["text"] for layer in state["layers"]] == ["silver", "#7a1f2b"]
    assert np.array_equal(send.controller.session.render(), rendered)


def test_each_roi_has_one_layer_and_its_own_source(send: Driver) -> None:
    send("use_style", name="ben")
    send("use_noise", sigma=1.5, seed=3)
    send("choose_roi", roi="lips")
    state = send("use_style", name="cem")
    assert [(layer["rois"], layer["kind"]) for layer in state["layers"]] == [(("hair",), "noise"), (("lips",), "face")]
    assert state["layers"][0]["sigma"] == 1.5
    state = send("keep")
    assert [layer["rois"] for layer in state["layers"]] == [("hair",)]


def test_noise_repeats_by_seed(send: Driver, tiny_model: L2SAE, photos: Photos) -> None:
    send("use_noise", sigma=2.0, seed=5)
    expected = edit(tiny_model, photos[0], "hair", Noise(2.0), seed=5)
    assert np.array_equal(send.controller.session.render(), expected)
    send("use_noise", sigma=2.0, seed=-1)
    assert "seed -1" in send.error


def test_a_dragged_slider_is_one_step_and_small_while_it_moves(send: Driver) -> None:
    send("use_style", name="ben")
    for value in (0.9, 0.6, 0.3):
        send("set_strength", live=True, index=0, value=value, gesture=4)
        assert not send.all("draft")
    send("set_strength", index=0, value=0.2, gesture=4)
    assert send.state["layers"][0]["strength"] == 0.2
    assert send("undo")["layers"][0]["strength"] == 1.0
    assert send("redo")["layers"][0]["strength"] == 0.2


@pytest.mark.parametrize(
    ("action", "arguments", "path", "high", "roi"),
    [
        ("set_strength", {"index": 0}, ["value"], 2, "skin"),
        ("use_noise", {"seed": 3}, ["sigma"], 4, "skin"),
        ("use_arithmetic", {"base": "ben", "plus": "cem"}, ["amount"], 2, "skin"),
        # skins of two faces in one light differ little
        ("use_blend", {"weights": {"cem": 0.4}}, ["weights", "ben"], 1, "hair"),
    ],
)
def test_between_keyframes_a_blend_is_close_to_the_exact_picture(
    action: str, arguments: dict[str, Any], path: list[str], high: float, roi: str
) -> None:
    pictures = as_pictures(render_faces(3, 256, seed=5).images)
    faces = [Face(name, picture) for name, picture in zip(("ann", "ben", "cem"), pictures, strict=True)]
    send = Driver(SwapController(load_model(device="cpu"), faces))
    send("start")
    send("choose_roi", roi=roi)
    send("use_style", name="ben")
    before = send("choose_roi", roi=roi)  # the style may have said something of the skin
    keys = {"slider": action, "arguments": arguments, "path": path, "ends": [0, high], "gesture": 0.5}
    send("keyframes", live=True, **keys)
    assert {**send.state, "latency_ms": 0} == {**before, "latency_ms": 0}
    (reply,) = send.all("keyframes")
    assert (reply.content["ends"], reply.content["gesture"]) == ([0, high], 0.5)
    frames = np.stack([np.asarray(Image.open(io.BytesIO(data)), np.float32) for data in reply.buffers])
    exact = {}
    for step, shown in ((0, frames[0]), (4.5, (frames[4] + frames[5]) / 2), (8, frames[8])):
        value = high * step / 8
        if action == "use_blend":
            arguments["weights"]["ben"] = value
        else:
            arguments[path[0]] = value
        send(action, **arguments)
        assert send.error == ""
        exact[step] = send.controller.session.render(size=256).astype(np.float32)
        assert np.abs(shown - exact[step]).mean() < 1.5  # levels of 255, JPEG's own error included
    assert np.abs(exact[0] - exact[8]).mean() > 2  # how far depends on the model; at more than the error above


def test_layers_are_muted_moved_removed_and_cleared(send: Driver, photos: Photos) -> None:
    send("use_style", name="ben")
    send("choose_roi", roi="skin")
    send("use_style", name="cem")
    assert [layer["rois"][0] for layer in send("move", index=0, to=1)["layers"]] == ["skin", "hair"]
    assert send("mute", index=0, muted=True)["layers"][0]["muted"] is True
    assert len(send("remove", index=0)["layers"]) == 1
    assert send("clear")["layers"] == []
    assert np.array_equal(send.controller.session.render(), photos[0])
    assert len(send("undo")["layers"]) == 1


def test_views_show_difference_and_outside(send: Driver) -> None:
    send("use_style", name="ben")
    edited = send.picture
    assert send("set_view", view="difference")["view"] == "difference"
    assert np.abs(send.picture.astype(int) - edited).mean() > 5
    send("set_view", view="outside")
    [reply] = send.all("state")
    assert reply.content["largest"] == 0
    assert 0 <= reply.content["share"] <= 1
    send("set_view", view="nonsense")
    assert "view 'nonsense'" in send.error


def test_visitors_of_a_server_name_no_files(tiny_model: L2SAE, gallery: list[Face], tmp_path: Path) -> None:
    send = Driver(SwapController(tiny_model, gallery, root=tmp_path, paths=False))
    assert send("start")["paths"] is False
    send("open_path", path="/etc/hostname")
    assert "upload the photo instead" in send.error


def test_recipes_leave_and_come_back(send: Driver, tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> None:
    send("use_style", name="ben")
    send("choose_roi", roi="lips")
    send("use_noise", sigma=1.0, seed=9)
    rendered = send.controller.session.render()
    send("save_recipe")
    [file] = send.all("file")
    [saved] = (tmp_path / "edits").glob("*.recipe.json")
    assert np.array_equal(Recipe.load(saved).replay(tiny_model, photos[0]), rendered)
    send("clear")
    send("load_recipe", data=file.buffers[0], name="edit.json")
    assert "the recorded edit" in send.state["message"]["text"]
    assert np.array_equal(send.controller.session.render(), rendered)
    send("choose_photo", name="cem")
    send("load_recipe", data=file.buffers[0], name="edit.json")
    assert "another photo" in send.state["message"]["text"]
    before = send.state["layers"]
    for data in (b"{}", b"\xff\xfe", b'{"version": 1, "layers": NaN}'):
        send("load_recipe", data=data, name="bad.json")
        assert "bad.json" in send.error
        assert send.state["layers"] == before


def test_the_browsers_draft_restores_the_edit_after_a_restart(
    send: Driver, tiny_model: L2SAE, gallery: list[Face], tmp_path: Path
) -> None:
    send("use_style", name="ben")
    [draft] = send.all("draft")
    rendered = send.controller.session.render()
    fresh = Driver(SwapController(tiny_model, gallery, root=tmp_path))
    fresh("start")
    fresh("choose_photo", name=draft.content["photo"])
    fresh("load_recipe", data=draft.content["recipe"].encode(), name="last edit")
    assert np.array_equal(fresh.controller.session.render(), rendered)


def test_exports_are_written_whole_with_their_recipe(
    send: Driver, tiny_model: L2SAE, photos: Photos, tmp_path: Path
) -> None:
    send("use_style", name="ben")
    send("export")
    send("export")
    assert sorted(p.name for p in (tmp_path / "edits").glob("*.png")) == ["ann-001.png", "ann-002.png"]
    picture = np.asarray(Image.open(tmp_path / "edits" / "ann-001.png").convert("RGB"))
    rendered = send.controller.session.render()
    assert same_but_for_the_mark(picture, rendered)
    recipe = Recipe.load(tmp_path / "edits" / "ann-001.recipe.json")
    assert np.array_equal(recipe.replay(tiny_model, photos[0]), rendered)


def test_an_export_as_jpeg_holds_the_mark_and_its_recipe(
    send: Driver, tiny_model: L2SAE, photos: Photos, tmp_path: Path
) -> None:
    send("use_style", name="ben")
    send("export", format="jpeg")
    [file] = send.all("file")
    assert (file.content["name"], file.content["mime"]) == ("ann-001.jpg", "image/jpeg")
    with Image.open(io.BytesIO(file.buffers[0])) as written:
        assert (written.format, written.size) == ("JPEG", (131, 97))
    recipe = Recipe.load(tmp_path / "edits" / "ann-001.recipe.json")
    assert np.array_equal(recipe.replay(tiny_model, photos[0]), send.controller.session.render())
    send("export")
    assert (tmp_path / "edits" / "ann-002.png").is_file()  # never beside a recipe of another picture
    send("export", format="gif")
    assert "png, jpeg" in send.error


def test_a_reference_without_the_roi_gets_a_message(send: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    style = send.controller.bank["ben"]
    object.__setattr__(style, "rois", ("skin",))
    send("use_style", name="ben")
    assert "ben shows no hair" in send.error


def test_two_editors_share_one_model(tiny_model: L2SAE, gallery: list[Face], photos: Photos) -> None:
    first, second = (Driver(SwapController(tiny_model, gallery)) for _ in range(2))
    first("start")
    second("start")
    second("choose_photo", name="ben")
    first("use_style", name="cem")
    second("use_noise", sigma=2.0)
    assert np.array_equal(first.controller.session.render(), edit(tiny_model, photos[0], "hair", Swap(photos[2])))
    assert np.array_equal(second.controller.session.render(), edit(tiny_model, photos[1], "hair", Noise(2.0)))


def test_uploads_and_paths_load_photos_and_styles(send: Driver, photos: Photos, tmp_path: Path) -> None:
    file = tmp_path / "mine.png"
    Image.fromarray(photos[2]).save(file)
    assert send("upload_photo", data=file.read_bytes(), name="mine.png")["photo"]["name"] == "mine.png"
    assert send("upload_style", data=file.read_bytes(), name="cem.png")["styles"][-1]["name"] == "cem 2"
    assert send("open_path", path=f" {file} ")["photo"]["width"] == 80
    before = send.state["photo"]
    for data, reason in [
        (b"", "empty file"),
        (b"no picture", "mine.png: not an image"),
        (file.read_bytes()[:99], "mine.png"),
    ]:
        send("upload_photo", data=data, name="mine.png")
        assert reason in send.error
        assert send.state["photo"] == before
    send("open_path", path="/absent.png")
    assert "no such picture" in send.error
    send("open_path", path="")
    assert "type the path" in send.error
