"""How many cores there are, and how many threads torch uses.

An operation's threads wait for each other at its end. Where another program takes a core now and then, they all wait
for the one that is behind, hundreds of times in an edit. So edits leave to other programs the cores that those use.
That may not change a bit of the result, and would where an operation adds up numbers in an order that depends on the
threads: normalisation, sums over a picture, running means, products with a single vector, convolutions of single
places or of few. These run on one thread.
The number of threads is 1, 2, 4, 8 and so on: others would part the networks' tensors in the middle of a processor's
vector, whose functions round otherwise than those of single numbers. ``python -m l2sae.bench busy`` measures the gain.
"""

import math
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor

FEW_PLACES = 8**2  # of a picture: on an Intel Xeon, convolutions of fewer part the sum over channels among the threads
LOOK_EVERY = 0.1  # seconds: the system counts the time of its cores in hundredths
IGNORED = 0.3  # cores: other programs that use less, altogether, make no operation wait long


def core_count() -> int:
    """Cores that this process may run on."""
    return len(_cores())


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads for each of torch's operations meanwhile."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def one_thread() -> AbstractContextManager[None]:
    """One thread for each of torch's operations meanwhile.

    On small tensors several threads gain little, and wait long for each other where other programs want the cores;
    and the last bits of results depend on their number.
    """
    return threads(1)


def in_one_order(x: Tensor) -> AbstractContextManager[None]:
    """For an operation on ``x`` whose last bits depend on the number of threads: one thread, except in training.

    A training's bits depend on the threads in any case, since those of its gradients do.
    """
    settled = x.device.type != "cpu" or torch.is_grad_enabled() or torch.compiler.is_compiling()
    return nullcontext() if settled or torch.get_num_threads() == 1 else one_thread()


class OtherPrograms:
    """How many cores other programs use, between one look and the next."""

    def __init__(self) -> None:
        self._taken = 0.0
        self._last = self._look()

    def cores_taken(self) -> float:
        """The mean number of cores that other programs used since the last look, of those this process may use."""
        if time.monotonic() - self._last[0] >= LOOK_EVERY:
            before, self._last = self._last, self._look()
            passed, busy, own = (new - old for new, old in zip(self._last, before, strict=True))
            self._taken = max(0.0, busy - own) / passed
        return self._taken

    @staticmethod
    def _look() -> tuple[float, float, float]:
        """Seconds: on the clock, of the cores at work, and of these in this process."""
        import psutil  # 15 ms, which the import of the package need not cost

        times = psutil.cpu_times(percpu=True)
        chosen = [times[core] for core in _cores() if core < len(times)]
        kinds = ("user", "nice", "system", "irq", "softirq", "interrupt", "dpc")
        busy = sum(getattr(core, kind, 0.0) for core in chosen for kind in kinds)
        return time.monotonic(), busy, time.process_time()


OTHERS: list[OtherPrograms] = []
"""What is known of other programs: nothing before the first edit."""


@contextmanager
def fair_threads() -> Iterator[None]:
    """As many of torch's threads meanwhile as other programs leave cores free, at least one; no bit depends on it."""
    count = torch.get_num_threads()
    if count == 1:
        yield
        return
    if not OTHERS:
        OTHERS.append(OtherPrograms())
    free = core_count() - math.ceil(OTHERS[0].cores_taken() - IGNORED)
    with threads(2 ** int(math.log2(max(1, min(count, free))))):
        yield
