"""A run over many photos: it claims the output folder, works on what is not finished, and writes the table."""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from l2sae.bulk.one_photo import recipe_name
from l2sae.bulk.photo_lists import JOB, Item, batches, share
from l2sae.bulk.pool import run_here, run_in_processes
from l2sae.bulk.progress import Progress, reporting
from l2sae.bulk.ranks import Ranks, joined_ranks
from l2sae.bulk.results import EARLIER, ROWS, SKIPPED, TABLE, Row, read_rows, read_table, unfinished, write_table
from l2sae.bulk.storage import Folder, open_folder
from l2sae.bulk.superseded import clear_away, take_over
from l2sae.bulk.work import Work
from l2sae.model.threads import core_count
from l2sae.pictures.errors import EditError
from l2sae.pictures.files import PARTIAL, partial_prefix

Runner = Literal["processes", "ray"]
BATCH = 16
"""Photos in a batch: what is done again at most, for each worker, after a run was cut off."""


def check_runner(runner: str, workers: int | None, batch: int) -> None:
    """Refuse what no run can be made with.

    Raises:
        EditError: an unknown runner, or a number out of its range.
    """
    whole = all(isinstance(one, int) for one in (batch, 0 if workers is None else workers))
    if not whole or batch < 1 or (workers is not None and workers < 0):
        raise EditError(f"batch={batch}, workers={workers}: give batch 1 or more, workers 0 or more")
    if runner not in ("processes", "ray"):
        raise EditError(f"runner={runner!r}: give 'processes' or 'ray'")


def open_folders(
    paths: Iterable[str | os.PathLike[str]], options: Mapping[str, Any] | None, runner: Runner
) -> list[Folder]:
    """The folders at these paths or URLs, as the workers of this runner find them."""
    if runner == "ray":  # whose workers have another working folder
        paths = [path if "://" in os.fspath(path) else Path(path).absolute() for path in paths]
    return [open_folder(path, options) for path in paths]


def run(
    work: Work,
    items: Sequence[Item],
    description: Mapping[str, Any],
    workers: int | None,
    batch: int,
    runner: Runner,
    progress: bool | Progress,
) -> pd.DataFrame:
    """Do the work on all items that are not finished, on every rank its share.

    Args:
        work: what to do; its output folder takes the table.
        items: the photos.
        description: of the work, as JSON: the output folder belongs to work of this description.
        workers: as for `l2sae.bulk.edit_folder`.
        batch: likewise.
        runner: likewise.
        progress: likewise.

    Returns:
        The table, the same on every rank.

    Raises:
        EditError: the output folder holds other work's results; or what ends the run.
    """
    output = work.output
    with joined_ranks() as ranks:
        bare = not output.is_there()
        if ranks.rank == 0:
            _claim(output, description, work.overwrite)
        ranks.wait()
        try:
            _run_share(work, items, ranks, workers, batch, runner, progress)
        except Exception:
            if bare and ranks.ranks == 1:
                _unclaim(output)
            raise
        ranks.wait()
        if ranks.rank == 0:
            _finish(output, items, work.overwrite)
        ranks.wait()
        return read_table(output)


def _run_share(
    work: Work,
    items: Sequence[Item],
    ranks: Ranks,
    workers: int | None,
    batch: int,
    runner: Runner,
    progress: bool | Progress,
) -> None:
    """Do the work on this rank's share of what is not finished."""
    mine = share(items, ranks.rank, ranks.ranks)
    known = read_rows(work.output)
    todo = unfinished(mine, known, work.output, work.named)
    if not todo:
        return
    cut = list(batches(todo, batch))
    left = {item.key for item in todo}
    skipped = sum(known[one.key, one.stamp]["result"] == SKIPPED for one in mine if one.key not in left)
    shown = progress if ranks.rank == 0 else False
    with reporting(len(mine), len(mine) - len(todo), shown, skipped, work.verb) as report:
        for rows in _rows(work, cut, runner, _workers(workers, ranks, len(cut))):
            report(rows)


def _rows(work: Work, cut: list[list[Item]], runner: Runner, workers: int) -> Iterator[list[Row]]:
    if runner == "ray":
        from l2sae.bulk.ray_cluster import run_on_ray  # an optional package

        return run_on_ray(work, cut)
    if workers == 0:
        return run_here(work, iter(cut))
    return run_in_processes(work, iter(cut), workers)


def _workers(asked: int | None, ranks: Ranks, count: int) -> int:
    """How many processes to start; none where one would do, this one."""
    if asked is None:
        workers = min(max(1, core_count() // ranks.local), count)
        return 0 if workers == 1 else workers
    return min(asked, count)


def _claim(output: Folder, description: Mapping[str, Any], overwrite: bool) -> None:
    """Make the output folder this job's, with a file that says what the job is."""
    if output.exists(JOB):
        known = json.loads(output.read(JOB))
        if known == description:
            return
        if not overwrite:
            differing = sorted(key for key in description if known.get(key) != description[key])
            raise EditError(
                f"{output.url}: holds the results of another job, with other {', '.join(differing)}: name another "
                "folder, or overwrite=True"
            )
        take_over(output)
    output.write(JOB, (json.dumps(description, indent=1) + "\n").encode())


def _unclaim(output: Folder) -> None:
    """Remove a folder that holds nothing but the claim of a job that failed, so that it is in no other job's way."""
    if output.local is None or output.exists(TABLE) or output.list_names(ROWS):
        return
    kept = (output.local / JOB).parent
    if all(path.is_dir() or path.parent == kept for path in output.local.rglob("*")):
        shutil.rmtree(output.local)


def _finish(output: Folder, items: Sequence[Item], overwrite: bool) -> None:
    """Write the table, and clear away what is superseded, and what killed processes have left half written."""
    write_table(output, items, clear_away(output, items, read_rows(output), overwrite))
    output.remove(EARLIER)
    if output.local is None:
        return
    written = [TABLE, *(name for item in items for name in (item.name, recipe_name(item.name)))]
    beginnings = {partial_prefix(name.rpartition("/")[2]) for name in written}
    for folder in {(output.local / name).parent for name in written}:
        for partial in folder.glob(f".*{PARTIAL}"):
            if f".{partial.name[1:].partition('.')[0]}." in beginnings:
                partial.unlink(missing_ok=True)
    for partial in (output.local / JOB).parent.glob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)
