"""Photos' files, brought to this machine one ahead of the work."""

import errno
import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from l2sae.bulk.photo_lists import Item
from l2sae.pictures.files import is_full


@dataclass(frozen=True)
class Fetched:
    """A photo's file on this machine and its digest; or why it could not be had."""

    path: Path | None
    sha256: str = ""
    error: OSError | None = None


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
