"""Batches of photos on one thread; the files are brought to this machine one ahead of the work."""

import errno
import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import Row, pack, rows_name, unpack
from l2sae.bulk.storage import Folder
from l2sae.model.threads import one_thread
from l2sae.pictures.files import is_full


@dataclass(frozen=True)
class Fetched:
    """A photo's file on this machine and its digest; or why it could not be had."""

    path: Path | None
    sha256: str = ""
    error: OSError | None = None


def run_batch(
    items: Sequence[Item],
    output: Folder,
    work: Callable[[Item, Fetched, Path], Row],
    is_there: Callable[[Sequence[Row]], bool] = lambda rows: True,
) -> list[Row]:
    """Work on a batch and leave its rows in the output folder; a batch that has left them already is done.

    Args:
        items: the photos.
        output: folder of the results.
        work: makes the row of a photo with its file; the path is a folder's, to be made, that is gone afterwards.
        is_there: whether the results that rows tell of still are.
    """
    name = rows_name(items)
    rows = unpack(output.read(name)) if output.exists(name) else []
    if rows and not any(row["again"] for row in rows) and is_there(rows):
        return rows
    with tempfile.TemporaryDirectory(prefix="l2sae-") as folder, one_thread():
        place = Path(folder)
        rows = [work(item, fetched, place / "results") for item, fetched in fetch_ahead(items, place)]
    output.write(name, pack(rows))
    return rows


def fetch_ahead(items: Sequence[Item], scratch: Path) -> Iterator[tuple[Item, Fetched]]:
    """Each item with its file; the next one is fetched meanwhile, and each is gone from ``scratch`` after its turn."""
    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(fetch, items[0], scratch / "0")
        for index, item in enumerate(items):
            fetched = coming.result()
            if index + 1 < len(items):
                coming = ahead.submit(fetch, items[index + 1], scratch / f"{index + 1}")
            yield item, fetched
            (scratch / f"{index}").unlink(missing_ok=True)


def fetch(item: Item, scratch: Path) -> Fetched:
    """The photo's file, brought here if it is elsewhere.

    Raises:
        OSError: this machine's disk is full.
    """
    local = item.folder.local
    try:
        if local is not None and (local / item.source).exists() and not (local / item.source).is_file():
            return Fetched(None, error=OSError(errno.EINVAL, "not a plain file"))
        path = local / item.source if local else scratch
        content = path.read_bytes() if local else item.folder.read(item.source)
        if local is None:
            path.write_bytes(content)
    except OSError as error:
        if is_full(error):
            raise
        return Fetched(None, error=error)
    return Fetched(path, hashlib.sha256(content).hexdigest())
