"""How many cores there are, and how many threads torch uses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def core_count() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for each of torch's operations meanwhile.

    On small tensors several threads gain little, and wait long for each other where other programs want the cores;
    and the last bits of results depend on their number.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
