"""Batches of photos on a Ray cluster, e.g. many machines that share storage; needs the extra ``cluster``."""

import time
from collections.abc import Hashable, Iterator, Sequence
from itertools import islice
from typing import Any

from l2sae.bulk.freed_memory import return_freed_memory
from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import Row
from l2sae.bulk.work import Work, Worker
from l2sae.pictures.errors import EditError

AHEAD = 4
"""Batches that wait for each core of the cluster: enough to keep it busy, few enough for any number of photos."""
RETRIES = 20
"""Of a batch whose worker or machine is lost: more than machines that come and go cost it, fewer than for ever, as a
photo that ends every worker would."""
EVERY = 5.0
"""Seconds between two looks at how large the cluster is."""


def run_on_ray(work: Work, batches: Sequence[Sequence[Item]]) -> Iterator[list[Row]]:
    """Rows of each batch, as they end, from one task of one core for each.

    A task whose worker or machine is lost is given to another one. It finds in the output folder what the first one has
    finished, so that no photo is done twice. Machines that join the cluster later take their share.

    Raises:
        EditError: Ray is not installed; a batch has lost its worker again and again; or what a task raised.
    """
    try:
        import ray
    except ImportError:
        raise EditError("runner='ray' needs Ray: pip install 'l2sae[cluster]'") from None
    ours = not ray.is_initialized()
    if ours:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_do_batch)
        shared, coming, limit = ray.put(work), iter(batches), _Limit(ray)
        running: list[Any] = []
        while True:
            running += [task.remote(shared, batch) for batch in islice(coming, max(0, limit.now() - len(running)))]
            if not running:
                return
            ended, running = ray.wait(running)
            if running:  # many may have ended: looking at all that wait costs the more, the more there are
                more, running = ray.wait(running, num_returns=len(running), timeout=0)
                ended += more
            for one in ended:
                yield _result(ray, one)
    finally:
        if ours:
            ray.shutdown()


class _Limit:
    """How many batches may wait or be at work: it follows the cluster's size."""

    def __init__(self, ray: Any) -> None:
        self._ray, self._limit, self._looked = ray, 0, float("-inf")

    def now(self) -> int:
        if time.monotonic() - self._looked > EVERY:
            self._limit = AHEAD * max(1, int(self._ray.cluster_resources().get("CPU", 1)))
            self._looked = time.monotonic()
        return self._limit


def _result(ray: Any, ended: Any) -> list[Row]:
    try:
        return ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise EditError(
            f"a batch has lost its worker {RETRIES + 1} times, perhaps for want of memory "
            f"({type(error).__name__}): run the same again to go on where it ended, on larger machines if need be"
        ) from None


_workers: dict[Hashable, Worker] = {}
"""Of this process: the one of the work that came last."""


def _do_batch(work: Work, batch: Sequence[Item]) -> list[Row]:
    if work.key not in _workers:
        _workers.clear()
        _workers[work.key] = work.open()
    rows = _workers[work.key].run(batch)
    return_freed_memory()
    return rows
