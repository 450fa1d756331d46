import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import Swap, edit
from l2sae.editing.recipe_fields import ExactStyle
from l2sae.model import L2SAE
from tests.widgets.conftest import Driver

Photos = list[NDArray[np.uint8]]


def test_blend_arithmetic_and_map_give_their_vectors(send: Driver, tiny_model: L2SAE, photos: Photos) -> None:
    bank, session = send.controller.bank, send.controller.session
    cases = [
        ("use_blend", {"weights": {"ben": 1, "cem": 3, "ann": 0}}, Swap(bank.blend({"ben": 1, "cem": 3}))),
        ("use_arithmetic", {"base": "ben", "minus": "ann", "plus": "cem", "amount": 0.5},
         Swap(ExactStyle(bank.arithmetic("ben", "ann", "cem", 0.5)))),
        ("use_map", {"x": 0.5, "y": -1}, Swap(ExactStyle(send.controller.map.style(0.5, -1)))),
    ]  # fmt: skip
    for action, arguments, style in cases:
        send(action, **arguments)
        assert send.error == ""
        assert np.array_equal(session.render(), edit(tiny_model, photos[0], "hair", style))
    assert send.state["map"]["here"] == pytest.approx((0.5, -1), abs=1e-3)


@pytest.mark.parametrize(("chosen", "how"), [("use_noise", {"sigma": 3.0, "seed": 5}), ("use_style", {"name": "ben"})])
def test_frames_go_from_the_own_style_to_the_chosen_one(send: Driver, chosen: str, how: dict[str, Any]) -> None:
    send("interpolate")
    assert "choose a style for hair first" in send.error
    send(chosen, **how)
    edited = send.picture
    send("interpolate", count=5)
    [frames] = send.all("frames")
    pictures = [np.asarray(Image.open(io.BytesIO(data))).astype(int) for data in frames.buffers]
    distances = [np.abs(picture - edited).mean() for picture in pictures]
    assert len(pictures) == 5
    assert distances[-1] == 0
    assert distances[0] == max(distances) > 0.2


def test_styles_are_named_kept_and_forgotten(send: Driver, tiny_model: L2SAE, photos: Photos) -> None:
    send("use_noise", sigma=2.0, seed=5)
    noisy = send.controller.session.render()
    state = send("name_style", name="wild")
    assert state["styles"][-1]["name"] == "wild"
    send("name_style", name="wild")
    assert "already" in send.error
    send("keep")
    send("use_style", name="wild")
    assert np.array_equal(send.controller.session.render(), noisy)
    assert "wild" not in [style["name"] for style in send("forget_style", name="wild")["styles"]]
    assert send.state["layers"]
