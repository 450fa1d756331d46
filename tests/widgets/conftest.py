import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import FaceWarning, named_styles
from l2sae.editing.named_styles import NamedStyle
from l2sae.model import L2SAE
from l2sae.widgets import Controller, Face, MaskController, Reply, Request, SwapController


@pytest.fixture(autouse=True)
def _untrained_models_see_no_faces() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FaceWarning)
        yield


@pytest.fixture
def gallery(photos: list[NDArray[np.uint8]]) -> list[Face]:
    return [Face(name, photo) for name, photo in zip(("ann", "ben", "cem"), photos, strict=True)]


@pytest.fixture
def swap(tiny_model: L2SAE, gallery: list[Face], tmp_path: Path) -> SwapController:
    controller = SwapController(tiny_model, gallery, exports=tmp_path / "edits", root=tmp_path)
    controller.handle([Request("start")])
    return controller


@pytest.fixture
def mask(tiny_model: L2SAE, gallery: list[Face], tmp_path: Path) -> MaskController:
    controller = MaskController(tiny_model, gallery, exports=tmp_path / "edits", root=tmp_path)
    controller.handle([Request("start")])
    return controller


@pytest.fixture
def send(swap: SwapController) -> "Driver":
    return Driver(swap)


@pytest.fixture
def styles(tiny_model: L2SAE, monkeypatch: pytest.MonkeyPatch) -> list[NamedStyle]:
    """The named styles of the tiny model: two of hair, and one of lips."""
    made = [
        NamedStyle("hair", "copper", torch.full((tiny_model.style_size,), 0.9), torch.tensor([50.0, 30.0, 40.0])),
        NamedStyle("hair", "silver", torch.full((tiny_model.style_size,), -0.9), torch.tensor([70.0, 0.0, 0.0])),
        NamedStyle("lips", "copper", torch.full((tiny_model.style_size,), 0.5), torch.tensor([40.0, 40.0, 20.0])),
    ]
    monkeypatch.setitem(named_styles._known, tiny_model, named_styles.NamedStyles(made))
    return made


class Driver:
    """Sends one request and reads the replies."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.replies: list[Reply] = []

    def __call__(self, action: str, data: bytes | None = None, live: bool = False, **arguments: Any) -> dict[str, Any]:
        buffers = () if data is None else (data,)
        requests = [Request(action, arguments, 7, live, buffers)]
        self.replies = [*self.controller.handle(requests), *self.controller.draft(requests)]
        return self.state

    @property
    def state(self) -> dict[str, Any]:
        return self.all("state")[-1].content["state"]

    @property
    def error(self) -> str:
        message = self.state["message"]
        return message["text"] if message.get("level") == "error" else ""

    @property
    def picture(self) -> NDArray[np.uint8]:
        """The picture in view."""
        return np.asarray(Image.open(io.BytesIO(self.all("state")[-1].buffers[0])))

    def all(self, kind: str) -> list[Reply]:
        return [reply for reply in self.replies if reply.content["type"] == kind]
