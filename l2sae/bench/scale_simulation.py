"""A run over millions of photos, simulated from times that were measured with few.

Photos are cut into partitions, one call of `edit_folder` each, one after another on all cores. The head process of a
call lists its photos, hands out batches, and puts the table together; a batch goes to the core that is free first.
Nodes are lost now and then, with what is at work on them. What cannot be measured on one machine is assumed, and is
written beside the results.
"""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

HOUR = 3600.0
CORES = (64, 256, 1024, 4096)
PARTITIONS = (10_000, 50_000, 250_000, 1_000_000, 10_000_000)
Progress = Callable[[str], object]


@dataclass(frozen=True)
class Assumed:
    """What one machine cannot tell.

    Attributes:
        request_s: seconds of a request to the object store.
        waits: requests of a photo that its worker waits for: whether there is a result, and writing it.
        readers: files that the head reads at a time.
        keys: names that one request lists.
        node_hours: mean time until a node is lost; spot machines last about as long.
        back_s: seconds until another one has taken its place.
        batch: photos in a batch.
    """

    request_s: float = 0.03
    waits: int = 2
    readers: int = 16
    keys: int = 1000
    node_hours: float = 24.0
    back_s: float = 180.0
    batch: int = 16


@dataclass(frozen=True)
class Measured:
    """What ``python -m l2sae.bench ray`` has measured; see there.

    Attributes:
        photo_s: 21 quantiles of the core seconds of a photo.
        task_s: head seconds of handing out a batch and taking it back.
        list_s: head seconds of listing and naming a photo.
        row_s: head seconds of reading a photo's row.
        item_bytes: head memory of a photo that is listed.
        row_bytes: head memory of a photo's row.
        photo_bytes: size of a photo's file.
        result_bytes: size of a result's file.
    """

    photo_s: tuple[float, ...]
    task_s: float
    list_s: float
    row_s: float
    item_bytes: float
    row_bytes: float
    photo_bytes: float
    result_bytes: float

    @classmethod
    def of(cls, ray: Mapping[str, Any]) -> "Measured":
        """From ``benchmarks/ray.json``, or one of a run whose long part has not ended."""
        driver, edits = ray["driver"], ray["edits"]
        run = edits.get("ray") or edits.get("ray_some") or edits["pool"]
        names = ("task_s", "list_s", "row_s", "item_bytes", "row_bytes")
        sizes = {name: float(ray.get(name, 0.0)) for name in ("photo_bytes", "result_bytes")}
        return cls(tuple(run["core_s_quantiles"]), **{name: float(driver[name]) for name in names}, **sizes)


@dataclass(frozen=True)
class Run:
    """One partition: seconds by the clock, of them the head's before and after, and what was lost with nodes."""

    seconds: float
    list_s: float
    table_s: float
    busy_share: float
    lost_batches: int


def simulate(photos: int, cores: int, measured: Measured, assumed: Assumed, generator: np.random.Generator) -> Run:
    """One partition on a cluster of this many cores.

    Args:
        photos: of the partition.
        cores: one worker each.
        measured: times and sizes.
        assumed: the rest.
        generator: draws the photos' times and the losses.
    """
    times = batch_seconds(photos, measured, assumed, generator)
    list_s = photos * measured.list_s + math.ceil(photos / assumed.keys) * assumed.request_s
    table_s = len(times) * assumed.request_s / assumed.readers + photos * measured.row_s
    ended, lost = _schedule(times, cores, measured.task_s, assumed, generator)
    useful = float(times.sum())
    seconds = list_s + ended + table_s
    return Run(seconds, list_s, table_s, useful / (cores * seconds), lost)


def batch_seconds(
    photos: int, measured: Measured, assumed: Assumed, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Seconds of each batch on one core: its photos' times drawn from the measured quantiles, and its requests."""
    quantiles = np.asarray(measured.photo_s)
    draws = np.interp(generator.random(photos), np.linspace(0, 1, len(quantiles)), quantiles)
    draws += assumed.waits * assumed.request_s
    starts = np.arange(0, photos, assumed.batch)
    return np.asarray(np.add.reduceat(draws, starts) + 2 * assumed.request_s)


def _schedule(
    times: NDArray[np.float64], cores: int, task_s: float, assumed: Assumed, generator: np.random.Generator
) -> tuple[float, int]:
    """Seconds until the last batch has ended, and how many were lost; the next goes to the core that is free first."""
    free = [0.0] * min(cores, len(times))
    queue, ended, lost, handed = times.tolist(), 0.0, 0, 0
    place = 0
    while place < len(queue):
        seconds = queue[place]
        place, handed = place + 1, handed + 1
        begin = max(heapq.heappop(free), handed * task_s)
        if generator.random() < -math.expm1(-seconds / (assumed.node_hours * HOUR)):
            lost += 1
            queue.append(seconds)
            heapq.heappush(free, begin + generator.random() * seconds + assumed.back_s)
            continue
        ended = max(ended, begin + seconds)
        heapq.heappush(free, begin + seconds)
    return ended, lost


def simulate_runs(
    ray: Mapping[str, Any],
    photos: int,
    price: float,
    cores: Sequence[int] = CORES,
    partitions: Sequence[int] = PARTITIONS,
    progress: Progress = print,
) -> dict[str, Any]:
    """Tables by cores, and by size of the partitions.

    Args:
        ray: ``benchmarks/ray.json``.
        photos: of all partitions.
        price: of a core for an hour.
        cores: of the clusters; the second one is that of the table by partitions.
        partitions: photos in each; the middle one is that of the table by cores.
        progress: called with plain lines.

    Returns:
        ``by_cores`` and ``by_partition``: rows of `_summary`; ``assumed`` and ``measured``, what they follow from, and
        ``bytes``, of all photos and of all results.
    """
    measured, assumed = Measured.of(ray), Assumed()
    sizes = [size for size in partitions if size <= photos] or [photos]
    size, of = sizes[len(sizes) // 2], cores[min(1, len(cores) - 1)]
    rows = {
        "by_cores": [_summary(photos, size, one, measured, assumed, price) for one in cores],
        "by_partition": [_summary(photos, one, of, measured, assumed, price) for one in sizes],
    }
    for name, table in rows.items():
        for row in table:
            progress(f"scale: {name}: {row}")
    total = {"photos": photos * measured.photo_bytes, "results": photos * measured.result_bytes}
    return {
        "photos": photos, "price_per_core_hour": price, "measured": asdict(measured), "assumed": asdict(assumed),
        "bytes": total, **rows,
    }  # fmt: skip


def _summary(
    photos: int, partition: int, cores: int, measured: Measured, assumed: Assumed, price: float
) -> dict[str, float]:
    """A run of all partitions, each like one that is simulated: hours, cost, and what the head needs."""
    run = simulate(partition, cores, measured, assumed, np.random.default_rng(0))
    count = photos / partition
    hours = count * run.seconds / HOUR
    return {
        "cores": cores, "partition": partition, "hours": hours, "cost": hours * cores * price,
        "busy_share": run.busy_share, "head_minutes": count * (run.list_s + run.table_s) / 60,
        "head_gib": partition * (measured.item_bytes + measured.row_bytes) / 2**30,
        "lost_batches": count * run.lost_batches,
        "batches_per_s_of_head": 1 / measured.task_s, "batches_per_s_of_cores": cores / float(
            np.mean(measured.photo_s) + assumed.waits * assumed.request_s) / assumed.batch,
    }  # fmt: skip


TABLES = "<!-- tables: written by python -m l2sae.bench scale -->", "<!-- end of tables -->"


def with_tables(page: str, found: Mapping[str, Any]) -> str:
    """A page in Markdown whose tables are those of ``benchmarks/scale.json``."""
    before, rest = page.split(TABLES[0])
    return f"{before}{TABLES[0]}\n{tables_markdown(found)}\n{TABLES[1]}{rest.split(TABLES[1])[1]}"


def tables_markdown(found: Mapping[str, Any]) -> str:
    """The tables, with what was measured and what is assumed."""
    measured, assumed = found["measured"], found["assumed"]
    sizes = ", ".join(
        f"{what} {found['bytes'][what] / 1e12:.1f} TB" for what in ("photos", "results") if found["bytes"][what] > 0
    )
    held = (measured["item_bytes"] + measured["row_bytes"]) / 1024
    lines = [
        f"{found['photos']:,} photos: {sizes}. A photo takes {np.mean(measured['photo_s']):.2f} seconds of one core, "
        f"and {assumed['waits']} requests of {assumed['request_s'] * 1000:.0f} ms. The head hands out a batch in "
        f"{measured['task_s'] * 1000:.1f} ms, and holds {held:.1f} KiB "
        f"of a photo. A node is lost after {assumed['node_hours']:.0f} hours on average. A core costs "
        f"{found['price_per_core_hour']:g} for an hour. Requests, losses and price are assumed.",
    ]
    columns = {
        "hours": ("hours", "{:.1f}"), "cost": ("cost", "{:,.0f}"), "busy_share": ("cores at work", "{:.0%}"),
        "head_minutes": ("minutes of the head alone", "{:.0f}"), "head_gib": ("memory of the head, GiB", "{:.1f}"),
        "lost_batches": ("batches done again", "{:,.0f}"),
    }  # fmt: skip
    for name, first in (("by_cores", "cores"), ("by_partition", "partition")):
        rows = found[name]
        fixed = "partition" if first == "cores" else "cores"
        lines += [
            "",
            f"| {first}, with {fixed} {rows[0][fixed]:,} | {' | '.join(title for title, _ in columns.values())} |",
        ]
        lines += [f"|---:|{'---:|' * len(columns)}"]
        for row in rows:
            values = [text.format(row[key]) for key, (_, text) in columns.items()]
            lines += [f"| {row[first]:,} | {' | '.join(values)} |"]
    return "\n".join(["", *lines, ""])
