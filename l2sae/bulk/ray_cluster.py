"""Bulk edits on a Ray cluster, e.g. many machines that share storage; needs the extra ``cluster``."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from l2sae.bulk.one_photo import BatchEditor, Context
from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import Row
from l2sae.pictures.errors import EditError

AHEAD = 4
"""Batches that wait for each core of the cluster: enough to keep it busy, few enough for any number of photos."""


def run_on_ray(context: Context, batches: Sequence[Sequence[Item]]) -> Iterator[list[Row]]:
    """Rows of each batch, as they end, from one task of one core for each.

    A task whose worker or machine is lost is given to another one. It finds what the first one has finished by the
    manifests in the output folder, so that no photo is exported twice.

    Raises:
        EditError: Ray is not installed; or what a task raised.
    """
    try:
        import ray
    except ImportError:
        raise EditError("runner='ray' needs Ray: pip install -e '.[cluster]'") from None
    ours = not ray.is_initialized()
    if ours:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        edit = ray.remote(num_cpus=1, max_retries=-1)(_edit_batch)
        shared, coming = ray.put(context), iter(batches)
        limit = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        running = [edit.remote(shared, batch) for batch in islice(coming, limit)]
        while running:
            [ended], running = ray.wait(running)
            yield _result(ray, ended)
            running += [edit.remote(shared, batch) for batch in islice(coming, 1)]
    finally:
        if ours:
            ray.shutdown()


def _result(ray: Any, ended: Any) -> list[Row]:
    try:
        return ray.get(ended)
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None


_editors: dict[tuple[str, str, bool], BatchEditor] = {}
"""Of this worker process: the one of the job that came last."""


def _edit_batch(context: Context, batch: Sequence[Item]) -> list[Row]:
    key = (context.job_id, context.output.url, context.overwrite)
    if key not in _editors:
        _editors.clear()
        _editors[key] = BatchEditor(context)
    return _editors[key].run(batch)
