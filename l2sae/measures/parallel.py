"""Batches measured side by side: on a CPU, one thread a batch is faster than all threads on the pieces of one."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TypeVar

import torch

from l2sae.model.threads import one_thread

Item = TypeVar("Item")
Result = TypeVar("Result")


def batches(count: int, size: int) -> Iterator[tuple[int, ...]]:
    """The numbers from 0 to ``count`` in batches of ``size``; the last may be smaller."""
    return (tuple(range(start, min(start + size, count))) for start in range(0, count, size))


def side_by_side(work: Callable[[Item], Result], items: Iterable[Item], device: torch.device) -> Iterator[Result]:
    """Results of ``work`` for each item, in the order of the items, without gradients.

    As many items are worked on at once as torch has threads, each on one thread, so that results do not depend on the
    number of threads; at most one more is read ahead. On a device other than the CPU they are worked on one by one.
    """
    workers = torch.get_num_threads() if device.type == "cpu" else 1

    def measured(item: Item) -> Result:
        with torch.inference_mode():  # holds for one thread only
            return work(item)

    with one_thread() if device.type == "cpu" else nullcontext(), ThreadPoolExecutor(workers) as pool:
        pending: deque[Future[Result]] = deque()
        for item in items:
            pending.append(pool.submit(measured, item))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
