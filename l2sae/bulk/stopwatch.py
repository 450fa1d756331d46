"""What the parts of the work on one photo cost: seconds of this thread's processor time."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stopwatch:
    """Adds up the time of parts that may lie inside each other; time counts for the innermost one."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inside: list[str] = []
        self._since = 0.0

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what runs inside for the part ``name``."""
        self._count()
        self._inside.append(name)
        try:
            yield
        finally:
            self._count()
            self._inside.pop()

    def follow(self, part: str, target: object, *names: str) -> None:
        """Count the calls of an object's methods for a part; for an object of one's own, since it stays so."""
        for name in names:
            setattr(target, name, self.part(part)(getattr(target, name)))

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
