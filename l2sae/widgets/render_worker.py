"""Work off the event handler: a kernel that renders inside its message handler makes every slider lag behind."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any


@dataclass(frozen=True)
class Request:
    """What the browser asks for.

    Attributes:
        action: name of a controller's method.
        arguments: its keyword arguments.
        generation: counts the requests of one browser view; replies carry it, so that a late reply is not shown.
        live: part of a movement that is still going on; a later request with the same action may replace it.
        buffers: the contents of files.
    """

    action: str
    arguments: dict[str, Any] = field(default_factory=dict)
    generation: int = 0
    live: bool = False
    buffers: tuple[bytes, ...] = ()


def drop_stale(requests: Sequence[Request]) -> list[Request]:
    """Leave out live requests that the next one, of the same action and target, makes superfluous; the last stays."""
    kept = []
    for request, following in zip_longest(requests, requests[1:]):
        if request.live and following is not None and _target(request) == _target(following):
            continue
        kept.append(request)
    return kept


def _target(request: Request) -> tuple[str, Any]:
    return request.action, request.arguments.get("index")


class Worker:
    """A thread that hands requests to ``carry_out`` in batches, in order, without those that are stale.

    While one batch is worked on, the next gathers; so whatever the pace of the requests, the last one always lands.
    The thread starts with the first request and ends by itself when there is nothing to do for ``idle`` seconds.
    """

    def __init__(self, carry_out: Callable[[list[Request]], None], idle: float = 5.0) -> None:
        self._carry_out, self._idle = carry_out, idle
        self._pending: list[Request] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not self._pending and not self._busy

    def submit(self, request: Request) -> None:
        """Queue a request; returns at once."""
        with self._changed:
            self._pending.append(request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="l2sae-widget", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait(self, timeout: float = 30.0) -> bool:
        """Wait until everything submitted is done; False when the time is up."""
        with self._changed:
            return self._changed.wait_for(lambda: self.idle, timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._pending, self._idle):
                    self._thread = None
                    return
                batch, self._pending, self._busy = drop_stale(self._pending), [], True
            try:
                self._carry_out(batch)
            finally:
                with self._changed:
                    self._busy = False
                    self._changed.notify_all()
