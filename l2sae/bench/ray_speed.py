"""Bulk edits and labels on a Ray cluster of this machine, with an object store, beside those on the local pool."""

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import fsspec
import numpy as np
import pandas as pd
import psutil
from PIL import Image
from skimage.data import astronaut

from l2sae.bench.bulk_speed import OPEN, STYLE, core_clock, growth, make_photos
from l2sae.bench.local_cluster import object_store, ray_nodes
from l2sae.bulk import edit_folder
from l2sae.bulk.label_folder import label_folder
from l2sae.bulk.photo_lists import Item, find_items
from l2sae.bulk.results import PARTS, pack, unpack
from l2sae.bulk.runs import Runner
from l2sae.bulk.storage import Folder
from l2sae.model import L2SAE

SETTLED = 500
"""Photos after which memory should grow no more."""
DIFFERENT = 48
"""Photos that are made; more are copies under other names."""
TASKS, ROUNDS = 300, 6
Progress = Callable[[str], object]


def measure_ray(
    model: L2SAE, photos: int, side: int, nodes: int, faces: int, marked: bool, progress: Progress = print
) -> Iterator[dict[str, Any]]:
    """All parts; what is measured so far is given after each.

    Args:
        model: makes the edits, of the hair by noise, as PNG.
        photos: of the long run on the cluster; the run on the local pool takes a tenth of them.
        side: of each, in pixels.
        nodes: of one core each; the local pool has as many workers.
        faces: photos that are labelled.
        marked: with watermarks.
        progress: called with plain lines.

    Returns:
        ``driver``: costs of the process that hands out batches; ``labels`` and ``edits``: photos a second on ``pool``
        and ``ray``. Of the long run: ``memory_mib``, while batches are at work, whose photos make it go up and down by
        100 MiB; and ``memory_at_rest_mib``, before and after the run, when no batch is at work. The workers have edited
        a tenth as many photos before.
    """
    found: dict[str, Any] = {"nodes": nodes, "side": side, "marked": marked}
    found["driver"] = measure_driver()
    progress(f"ray: driver: {found['driver']}")
    with TemporaryDirectory(prefix="l2sae-ray-") as name, object_store() as address:
        work, options = Path(name), {"endpoint_url": address}
        fs = fsspec.filesystem("s3", **options)
        _upload(fs, _portraits(work / "faces", faces), "bucket/faces", faces)
        some = max(nodes, photos // 10)
        made = make_photos(work / "photos", min(DIFFERENT, photos), side)
        for folder, count in (("some", some), ("many", photos)):
            _upload(fs, made, f"bucket/{folder}", count)
        found["photo_bytes"] = float(np.mean([path.stat().st_size for path in made.iterdir()]))

        def edits(source: str, runner: Runner, say: Progress | bool = False) -> pd.DataFrame:
            free: dict[str, Any] = {} if marked else {"policy": OPEN, "unmarked": True}
            return edit_folder(
                model, f"s3://bucket/{source}", f"s3://bucket/{source}-{runner}", ("hair",), STYLE, progress=say,
                runner=runner, workers=nodes, storage_options=options, **free,
            )  # fmt: skip

        def labels(runner: Runner) -> pd.DataFrame:
            return label_folder(
                "s3://bucket/faces", f"s3://bucket/labels-{runner}", batch=4, runner=runner, workers=nodes,
                storage_options=options, progress=False,
            )  # fmt: skip

        found["labels"] = {"pool": _timed(lambda: labels("processes"))}
        found["edits"] = {"pool": _timed(lambda: edits("some", "processes"))}
        progress(f"ray: local pool: {found['labels']}, {found['edits']}")
        yield found
        began = time.perf_counter()
        with ray_nodes(nodes):
            found["start_s"] = time.perf_counter() - began
            found["driver"] |= measure_dispatch()
            found["labels"]["ray"] = _timed(lambda: labels("ray"))
            progress(f"ray: labels: {found['labels']['ray']}")
            found["edits"]["ray_some"] = _timed(lambda: edits("some", "ray"))
            progress(f"ray: edits: {found['edits']['ray_some']}")
            yield found
            memory, before = Memory(progress), held_mib()
            found["edits"]["ray"] = _timed(lambda: edits("many", "ray", memory))
            found["memory_mib"], found["memory_at_rest_mib"] = memory.grown(), grown_at_rest(before, held_mib())
            progress(f"ray: memory: {found['memory_mib']}, at rest: {found['memory_at_rest_mib']}")
            sizes = fs.du("bucket/many-ray", total=False)
            found["result_bytes"] = float(np.mean([size for path, size in sizes.items() if path.endswith(".png")]))
            yield found


def measure_driver(photos: int = 20_000, batch: int = 16) -> dict[str, float]:
    """What the process that hands out batches spends on a photo, in processor time: without the store's latency.

    Returns:
        ``item_bytes`` and ``row_bytes`` of its memory; ``list_s``, to list and name a photo; ``row_s``, to read the row
        of one, in a file of a batch's.
    """
    with TemporaryDirectory(prefix="l2sae-driver-") as name:
        folder = Path(name) / "photos"
        folder.mkdir()
        for index in range(photos):
            (folder / f"{index:08}.jpg").touch()
        before, began = _resident(psutil.Process()), time.process_time()
        items = find_items(Folder(str(folder)), ".png", Folder(str(Path(name) / "out")))
        listed, held = time.process_time() - began, _resident(psutil.Process()) - before
    content = pack([_row(item) for item in items[:batch]])
    before, began = _resident(psutil.Process()), time.process_time()
    kept = [unpack(content) for _ in range(photos // batch)]
    read, rows = time.process_time() - began, _resident(psutil.Process()) - before
    done = len(kept) * batch
    return {
        "item_bytes": held * 2**20 / photos, "row_bytes": rows * 2**20 / done, "list_s": listed / photos,
        "row_s": read / done,
    }  # fmt: skip


def measure_dispatch(tasks: int = TASKS) -> dict[str, float]:
    """Seconds of handing out and taking back one task that does nothing, on the cluster that Ray is connected to.

    Of several rounds the quickest counts: the others have waited for other programs.
    """
    import ray

    nothing = ray.remote(num_cpus=1)(_nothing)
    ray.get([nothing.remote() for _ in range(10)])  # workers have started
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        ray.get([nothing.remote() for _ in range(tasks // ROUNDS)])
        taken.append((time.perf_counter() - began) / (tasks // ROUNDS))
    return {"task_s": min(taken)}


def _nothing() -> None: ...


class Memory:
    """Notes what each kind of process holds whenever it is told how many photos are done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.samples: dict[str, list[tuple[int, float]]] = {}

    def __call__(self, line: str) -> None:
        """Take a sample; a line begins as ``edited 12 of 3000``."""
        done, held = int(line.split()[1]) if line.startswith("edited ") else 0, held_mib()
        for kind, mib in held.items():
            self.samples.setdefault(kind, []).append((done, mib))
        self._progress(f"{line}: " + ", ".join(f"{kind} {mib:.0f} MiB" for kind, mib in held.items()))

    def grown(self) -> dict[str, dict[str, float]]:
        """Of each kind and of all: MiB when 500 photos were done and at the end, and the difference."""
        return {kind: growth(samples, SETTLED) for kind, samples in self.samples.items()}


def held_mib() -> dict[str, float]:
    """MiB that this process, Ray's workers, Ray's other processes and all of them hold; the S3 server is left out."""
    held: dict[str, float] = {"driver": 0.0, "workers": 0.0, "ray": 0.0}
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            command = " ".join(process.cmdline())
            if "moto.server" not in command:
                kind = "driver" if process.pid == me.pid else "workers" if command.startswith("ray::") else "ray"
                held[kind] += _resident(process)
        except psutil.Error:  # it has just ended
            continue
    return held | {"all": sum(held.values())}


def grown_at_rest(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Of each kind: MiB before and after, and the difference."""
    return {kind: {"before": mib, "after": after[kind], "growth": after[kind] - mib} for kind, mib in before.items()}


def _resident(process: psutil.Process) -> float:
    """MiB of a process; of what it shares with others, its part."""
    info = process.memory_full_info()
    return float(getattr(info, "pss", info.uss)) / 2**20


def _timed(work: Callable[[], pd.DataFrame]) -> dict[str, Any]:
    """Run it, and describe the run: photos a second, and processor seconds of a photo where its parts were timed."""
    with core_clock() as clock:
        table = work()
    done = table[table["result"] == "done"]
    spent = done[[f"{part}_s" for part in PARTS]].sum(axis=1)
    return {
        "photos": len(table), "done": len(done), "seconds": clock.seconds, "photos_per_s": len(table) / clock.seconds,
        "photo_s": float(done["seconds"].mean()), "workers": int(done["worker"].nunique()),
    } | ({
        "core_s": float(spent.mean()), "core_s_quantiles": np.quantile(spent, np.linspace(0, 1, 21)).tolist(),
    } if spent.any() else {})  # fmt: skip


def _row(item: Item) -> dict[str, Any]:
    return {
        "photo": item.photo, "output": item.name, "result": "done", "width": 512, "height": 512, "export": "0" * 32,
        "original_sha256": "0" * 64, "result_sha256": "1" * 64, "seconds": 1.0, "worker": "host:1", "name": item.key,
        "stamp": item.stamp, "again": False,
    }  # fmt: skip


def _upload(fs: Any, folder: Path, target: str, count: int) -> None:
    """Put ``count`` photos into the store: those of the folder, over and over under other names."""
    contents = [(path.read_bytes(), path.suffix) for path in sorted(folder.iterdir())]
    for index in range(count):
        content, suffix = contents[index % len(contents)]
        fs.pipe_file(f"{target}/{index:06}{suffix}", content)


def _portraits(folder: Path, count: int) -> Path:
    """A public-domain portrait, moved and turned a little, as JPEG photos."""
    folder.mkdir()
    portrait = Image.fromarray(astronaut()[:400, 20:420])
    for index in range(min(count, DIFFERENT)):
        portrait.rotate(index % 11 - 5, Image.Resampling.BICUBIC, translate=(index % 7, index % 5)).save(
            folder / f"{index:03}.jpg", quality=92
        )
    return folder
