"""Requests that make no sense are refused, and replies say which request they answer."""

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from l2sae.model import L2SAE, load_model
from l2sae.widgets import Request, SwapController
from tests.widgets.conftest import Driver


def test_nothing_loaded_is_a_message_not_a_crash(tiny_model: L2SAE) -> None:
    send = Driver(SwapController(tiny_model))
    assert send("start")["loaded"] is False
    for action, arguments in [
        ("use_noise", {"sigma": 1.0}), ("export", {}), ("save_recipe", {}), ("interpolate", {}),
        ("set_strength", {"index": 0, "value": 1.0}), ("set_view", {"view": "outside"}),
        ("undo", {}), ("redo", {}), ("keep", {}), ("use_map", {"x": 0, "y": 0}), ("clear", {}),
    ]:  # fmt: skip
        send(action, **arguments)
        assert "Traceback" not in json.dumps(send.state)
    send("use_noise", sigma=1.0)
    assert "choose a face" in send.error


def test_requests_that_make_no_sense_are_refused_and_change_nothing(send: Driver) -> None:
    send("use_style", name="ben")
    before = send.state["layers"]
    for action, arguments in [
        ("__init__", {}), ("handle", {"requests": []}), ("set_strength", {"index": 0}),
        ("set_strength", {"index": 5, "value": 1.0}), ("set_strength", {"index": 0, "value": 9.0}),
        ("set_strength", {"index": 0, "value": "much"}), ("choose_roi", {"roi": "hat"}), ("use_style", {"name": "zoe"}),
        ("use_noise", {"sigma": float("nan")}), ("set_compose", {"compose": "add"}), ("use_map", {"x": 99, "y": 0}),
        ("keyframes", {"slider": "undo", "arguments": {}, "path": ["value"], "ends": [0, 1], "gesture": 1}),
        ("keyframes", {"slider": "set_strength", "arguments": {"index": 5}, "path": ["value"], "ends": [0, 2],
                       "gesture": 1}),
        ("keyframes", {"slider": "set_strength", "arguments": {}, "path": [], "ends": [0, 2], "gesture": 1}),
        ("use_blend", {"weights": {}}),
        ("choose_photo", {"name": "zoe"}), ("mute", {}),
    ]:  # fmt: skip
        send(action, **arguments)
        assert send.error, action
        assert send.state["layers"] == before


@pytest.mark.finds_faces
def test_a_photo_without_a_face_is_said_to_be_none_and_edits_of_it_are_refused(tmp_path: Path) -> None:
    send = Driver(SwapController(load_model(device="cpu"), exports=tmp_path))
    wall = io.BytesIO()
    Image.new("RGB", (150, 100), (128, 128, 128)).save(wall, "PNG")
    message = send("upload_photo", data=wall.getvalue(), name="wall.png")["message"]
    assert message["level"] == "warning"
    assert message["text"].startswith("wall.png: no face found")
    state = send("use_noise", sigma=1.0)
    assert send.error.startswith("No hair found in the photo: choose another region")
    assert "mattes=" not in send.error
    assert state["layers"] == []


def test_replies_carry_the_generation_of_the_last_request(swap: SwapController) -> None:
    requests = [Request("use_style", {"name": "ben"}, 3), Request("undo", {}, 4)]
    replies = [r for r in swap.handle(requests) if r.content["type"] in ("before", "state")]
    assert {reply.content["generation"] for reply in replies} == {4}
