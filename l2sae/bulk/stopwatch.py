"""What the parts of the work on one photo cost: seconds of this thread's processor time."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from l2sae.provenance import Detection, Watermark

Result = TypeVar("Result")


class Stopwatch:
    """Adds up the time of parts that may lie inside each other; time counts for the innermost one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what runs inside for the part ``name``."""
        self.enter(name)
        try:
            yield
        finally:
            self.leave()

    def timed(self, name: str, function: Callable[..., Result]) -> Callable[..., Result]:
        """The function, whose calls count for the part ``name``."""

        @functools.wraps(function)
        def wrapped(*args: Any, **options: Any) -> Result:
            with self.part(name):
                return function(*args, **options)

        return wrapped

    def enter(self, name: str) -> None:
        """Begin a part."""
        self._count()
        self._inside.append(name)

    def leave(self) -> None:
        """End the part begun last."""
        self._count()
        self._inside.pop()

    def take(self) -> dict[str, float]:
        """The seconds so far, and start anew."""
        seconds, self.seconds, self._inside = self.seconds, {}, []
        return seconds

    def _count(self) -> None:
        now = time.thread_time()
        if self._inside:
            part = self._inside[-1]
            self.seconds[part] = self.seconds.get(part, 0.0) + now - self._since
        self._since = now


def time_methods(watch: Stopwatch, part: str, target: object, *names: str) -> None:
    """Count the calls of an object's methods for a part; for an object of one's own, since it stays so."""
    for name in names:
        setattr(target, name, watch.timed(part, getattr(target, name)))


class TimedWatermark:
    """A watermark whose embedding and detection count for the part ``name``."""

    def __init__(self, watermark: Watermark, watch: Stopwatch, name: str) -> None:
        self.name = watermark.name
        self._watermark, self._watch, self._part = watermark, watch, name

    def embed(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """As the watermark does."""
        with self._watch.part(self._part):
            return self._watermark.embed(picture)

    def detect(self, picture: NDArray[np.uint8]) -> Detection:
        """As the watermark does."""
        with self._watch.part(self._part):
            return self._watermark.detect(picture)
