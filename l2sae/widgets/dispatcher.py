"""Requests of an editor's page: each is carried out by the method of its name, and what cannot be done is said."""

import inspect
import logging
import time
import warnings
from collections.abc import Sequence
from typing import Any

from l2sae.editing import EditError, FaceWarning
from l2sae.model.threads import one_thread
from l2sae.pictures.errors import FaceNotFoundError, NoPhotoError
from l2sae.widgets.messages import Reply
from l2sae.widgets.render_worker import Request

NOT_FOUND = "choose another region or photo, or a closer crop; in the ROI-mask editor the region can be drawn."
NOTHING = "No photo yet: choose a face on the left, or open a photo of your own."


class Dispatcher:
    """Carries out requests, and answers with state and pictures. A subclass has the actions and the state.

    Args:
        note: the message of the first reply; empty: none.
    """

    actions: tuple[str, ...] = ()
    """Names of the methods that a request may ask for."""

    def __init__(self, note: str = "") -> None:
        self._message: dict[str, str] = {"level": "note", "text": note} if note else {}
        self._extra: list[Reply] = []

    def state(self) -> dict[str, Any]:
        """All that the browser shows beside pictures, as JSON."""
        raise NotImplementedError

    def _pictures(self) -> list[Reply]:
        """Pictures that belong to the present state, beside the view."""
        raise NotImplementedError

    def _view(self, live: bool) -> Reply:
        """The reply that the state goes into, with the picture in view if there is one; a small one while ``live``."""
        raise NotImplementedError

    def handle(self, requests: Sequence[Request]) -> list[Reply]:
        """Carry out requests in order; what cannot be done becomes a message in the reply, and changes nothing."""
        started = time.perf_counter()
        for request in requests:
            self._message = {}
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", FaceWarning)
                self._attempt(request)
            if caught and not self._message:
                self.say("warning", str(caught[-1].message))
        last = requests[-1]
        with one_thread():  # the browser needs the other cores
            view = self._view(last.live)
        replies = [*self._extra, *self._pictures(), view]  # state and picture in one: each message costs milliseconds
        self._extra = []
        view.content["state"] = self.state() | {"latency_ms": round(1000 * (time.perf_counter() - started), 1)}
        for reply in replies:
            reply.content["generation"] = last.generation
        return replies

    def _attempt(self, request: Request) -> None:
        try:
            if request.action not in self.actions:
                raise EditError(f"unknown action {request.action!r}")
            action = getattr(self, request.action)
            arguments = request.arguments | ({"data": request.buffers[0]} if request.buffers else {})
            try:
                inspect.signature(action).bind(**arguments)
            except TypeError as error:
                raise EditError(f"{request.action}: {error}") from None
            action(**arguments)
        except (EditError, OSError) as error:
            self.say("error", _in_the_editor(error))
        except Exception as error:
            logging.getLogger(__name__).exception("action %s", request.action)
            self.say("error", f"This did not work, and nothing was changed: {type(error).__name__}: {error}")

    def say(self, level: str, text: str) -> None:
        """Put a message into the next reply; ``level`` is ``note``, ``warning`` or ``error``."""
        self._message = {"level": level, "text": text}


def _in_the_editor(error: EditError | OSError) -> str:
    """An error of the package with the remedies that an editor has."""
    if isinstance(error, NoPhotoError):
        return NOTHING
    if isinstance(error, FaceNotFoundError) and not error.reference:
        return f"No {error.missing} found in the photo: {NOT_FOUND}"
    return str(error)
