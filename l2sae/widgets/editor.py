"""The editors as widgets: a controller, a worker, and a page of plain JavaScript. Everything is served locally."""

from pathlib import Path
from typing import Any

import anywidget
import traitlets

from l2sae.editing import EditError
from l2sae.widgets.controller import Controller
from l2sae.widgets.mask_controller import MaskController
from l2sae.widgets.opening import behind_voila, open_gallery, open_model
from l2sae.widgets.render_worker import Request, Worker
from l2sae.widgets.swap_controller import SwapController
from l2sae.widgets.uploads import MAX_UPLOAD, PartedUpload

STATIC = Path(__file__).parent / "static"


def _source(*names: str) -> str:
    """Files of ``static`` as one module, since a widget's page is a single one and nothing is fetched."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


class Editor(anywidget.AnyWidget):
    """A controller on a page. The widget holds neither model nor tensors itself.

    Requests come as messages ``{action, arguments, generation, live}`` with files as buffers; they are carried out by
    the worker, and acknowledged at once where its answer may take long. A large file comes before its request, in
    messages ``{upload, name, part}``; the request carries the rest of it and names the upload.
    """

    _css = _source("editor.css")
    title = traitlets.Unicode("").tag(sync=True)
    most_upload = traitlets.Int(MAX_UPLOAD).tag(sync=True)

    def __init__(self, controller: Controller, **traits: Any) -> None:
        super().__init__(**traits)
        self.controller = controller
        self.worker = Worker(self._carry_out)
        self.upload = PartedUpload()
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: Any, buffers: list[Any]) -> None:
        try:
            if "part" in content:
                self._receive_part(content, buffers)
                return
            request = self._request(content, buffers)
        except (KeyError, TypeError, ValueError) as error:
            self.send({"type": "refused", "text": f"not a request: {error!r}"})
            return
        except EditError as error:
            self.send({"type": "refused", "text": str(error)})
            return
        if not (request.live and self.worker.idle):
            self.send({"type": "received", "generation": request.generation})
        self.worker.submit(request)

    def _request(self, content: Any, buffers: list[Any]) -> Request:
        arguments = {str(key): value for key, value in dict(content.get("arguments") or {}).items()}
        files = tuple(bytes(buffer) for buffer in buffers)
        if "upload" in arguments:
            files = (self.upload.whole(str(arguments.pop("upload")), str(arguments.get("name", "")), *files),)
        generation, live = int(content.get("generation", 0)), bool(content.get("live", False))
        return Request(str(content["action"]), arguments, generation, live, files)

    def _receive_part(self, content: Any, buffers: list[Any]) -> None:
        upload = str(content["upload"])
        try:
            self.upload.add(upload, str(content["name"]), int(content["part"]), *map(bytes, buffers))
        except EditError as error:
            self.send({"type": "refused", "upload": upload, "text": str(error)})
        else:
            self.send({"type": "part", "upload": upload})

    def _carry_out(self, requests: list[Request]) -> None:
        for step in (self.controller.handle, self.controller.draft):
            for reply in step(requests):
                self.send(reply.content, reply.buffers)


class SwapEditor(Editor):
    """Explore latent swaps."""

    _esm = _source("shared.js", "panels.js", "swap.js")


class MaskEditor(Editor):
    """Explore ROI masks."""

    _esm = _source("shared.js", "panels.js", "mask.js")


def swap_editor(photos: str | Path | None = None, model: str | Path = "models/l2sae.safetensors") -> SwapEditor:
    """The latent-swap editor on the trained model, with a gallery.

    Args:
        photos: a folder of photos of your own to show in the gallery first.
        model: a checkpoint; where it is absent, the shipped model serves, and the editor says so.
    """
    loaded, note = open_model(model)
    gallery = open_gallery(loaded, photos=photos)
    return SwapEditor(SwapController(loaded, gallery, note=note, paths=not behind_voila()), title="Latent swap")


def mask_editor(photos: str | Path | None = None, model: str | Path = "models/l2sae.safetensors") -> MaskEditor:
    """The ROI-mask editor on the trained model, with a gallery; arguments as for `swap_editor`."""
    loaded, note = open_model(model)
    gallery = open_gallery(loaded, photos=photos)
    return MaskEditor(MaskController(loaded, gallery, note=note, paths=not behind_voila()), title="ROI masks")
