"""Named styles are sent with their colours."""

import numpy as np
from numpy.typing import NDArray

from l2sae.editing import Named, edit
from l2sae.editing.named_styles import NamedStyle
from l2sae.model import L2SAE
from tests.widgets.conftest import Driver

Photos = list[NDArray[np.uint8]]


def test_named_styles_are_sent_and_are_the_packages_edit(
    send: Driver, tiny_model: L2SAE, photos: Photos, styles: list[NamedStyle]
) -> None:
    send("start")
    [named] = send.all("named")
    assert named.content["styles"]["hair"] == [
        {"name": "copper", "colour": "#b46133"}, {"name": "silver", "colour": "#ababab"}
    ]  # fmt: skip
    assert [style["name"] for style in named.content["styles"]["lips"]] == ["copper"]
    assert named.content["styles"]["skin"] == []
    state = send("use_named", name="copper")
    assert (state["layers"][0]["kind"], state["layers"][0]["text"]) == ("named", "copper")
    assert np.array_equal(send.controller.session.render(), edit(tiny_model, photos[0], "hair", Named("copper")))
    before = state["layers"]
    send("use_named", name="gold")
    assert "there are copper, silver" in send.error
    assert send.state["layers"] == before
