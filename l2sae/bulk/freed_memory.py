"""What a worker has freed goes back to the system, so that it holds no more after a million photos than after a few."""

import ctypes
from functools import cache
from typing import Any


def return_freed_memory() -> None:
    """Have the C library give back the pages of its heaps that hold nothing; only glibc can, elsewhere nothing happens.

    Pixels come in blocks of many megabytes. glibc keeps them in its heap once they are freed, from which it drops the
    top alone: what a worker holds then follows the one small block that lies highest, and goes up and down by 50 MiB
    from batch to batch. Giving everything back takes milliseconds.
    """
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # another C library; Windows has no such handle
        return None
