"""How far the work on many photos is: a bar where someone is watching, plain lines elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tqdm.auto import tqdm

from l2sae.bulk.results import SKIPPED, Row

Progress = Callable[[str], object]
EVERY = 5.0  # seconds between plain lines at least


class Lines:
    """Plain lines with the count, the rate and the time left."""

    def __init__(self, total: int, known: int, say: Progress, skipped: int = 0, verb: str = "edited") -> None:
        self._verb, self._total, self._known, self._say = verb, total, known, say
        self._done, self._skipped = 0, skipped
        self._began = self._said = time.monotonic()

    def update(self, rows: Sequence[Row]) -> None:
        """Count the rows of a batch, and say so every few seconds, and at the end."""
        self._done += len(rows)
        self._skipped += sum(row["result"] == SKIPPED for row in rows)
        now = time.monotonic()
        finished = self._known + self._done == self._total
        if now - self._said >= EVERY or finished:
            self._said = now
            rate = self._done / max(now - self._began, 1e-6)
            left = duration((self._total - self._known - self._done) / rate)
            self._say(
                f"{self._verb} {self._known + self._done - self._skipped} of {self._total} photos, {rate:.1f}/s, "
                + (f"in {duration(now - self._began)}" if finished else f"{left} left")
                + (f", {self._skipped} skipped" if self._skipped else "")
            )


@contextmanager
def reporting(
    total: int, known: int, progress: bool | Progress, skipped: int = 0, verb: str = "edited"
) -> Iterator[Callable[[Sequence[Row]], object]]:
    """What to call with the rows of each batch.

    Args:
        total: number of photos.
        known: how many of them are finished already.
        progress: False reports nothing; a function is called with plain lines; True takes a bar in a terminal or in
            JupyterLab, and prints plain lines elsewhere, as when papermill runs a notebook.
        skipped: of the known ones.
        verb: what is done to a photo.
    """
    if progress is False:
        yield lambda rows: None
    elif progress is True and (sys.stderr.isatty() or "JPY_SESSION_NAME" in os.environ):
        with tqdm(total=total, initial=known, unit="photo", smoothing=0.1) as bar:
            yield lambda rows: bar.update(len(rows))
    else:
        say = print if progress is True else progress
        if known:
            say(f"{known} of {total} photos are finished already")
        yield Lines(total, known, say, skipped, verb).update


def duration(seconds: float) -> str:
    """Seconds in words, e.g. ``1 h 5 min``."""
    minutes = int(seconds / 60 + 0.5)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
