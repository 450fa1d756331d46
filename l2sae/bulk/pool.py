"""Workers on this machine: processes of one thread each, since Python's threads take turns.

They are started as ``python -m l2sae.bulk.pool_worker`` and spoken to through pipes, so that a script needs no
``if __name__ == "__main__"``, nothing of a notebook is copied, and workers end with the process that started them,
however it ends.
"""

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import Row
from l2sae.bulk.work import Work
from l2sae.pictures.errors import EditError


def run_here(work: Work, batches: Iterator[list[Item]]) -> Iterator[list[Row]]:
    """Rows of each batch, from this process."""
    yield from map(work.open().run, batches)


def run_in_processes(work: Work, batches: Iterator[list[Item]], workers: int) -> Iterator[list[Row]]:
    """Rows of each batch, as they end, in any order; each worker takes the next batch when it is free.

    Raises:
        EditError: a worker has ended, e.g. for want of memory; or what a worker raised.
    """
    processes = [_start() for _ in range(workers)]
    answers: queue.SimpleQueue[list[Row] | Exception | None] = queue.SimpleQueue()
    lock = threading.Lock()
    threads = [  # one for each worker: it waits for answers
        threading.Thread(target=_serve, args=(process, work, batches, lock, answers), daemon=True)
        for process in processes
    ]
    try:
        for thread in threads:
            thread.start()
        busy = workers
        while busy:
            answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            if answer is None:
                busy -= 1
            else:
                yield answer
    finally:
        for process in processes:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(BrokenPipeError):  # of what the worker had not read
                        stream.close()


def _start() -> subprocess.Popen[bytes]:
    """A worker process, which finds this very package and uses one thread."""
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "l2sae.bulk.pool_worker", str(os.getpid())]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)


def _serve(
    process: subprocess.Popen[bytes],
    work: Work,
    batches: Iterator[list[Item]],
    lock: threading.Lock,
    answers: "queue.SimpleQueue[list[Row] | Exception | None]",
) -> None:
    """Give one worker batch after batch, and pass its answers on; None when there are no more."""
    try:
        _send(process.stdin, work)
        while True:
            with lock:
                batch: Sequence[Item] | None = next(batches, None)
            if batch is None:
                break
            _send(process.stdin, batch)
            answer = pickle.load(process.stdout)  # type: ignore[arg-type] # noqa: S301 # of our own process
            answers.put(answer)
            if isinstance(answer, Exception):
                return
        answers.put(None)
    except (OSError, EOFError, ValueError, pickle.UnpicklingError):
        answers.put(
            EditError(
                f"a worker has ended (exit code {process.wait()}), perhaps for want of memory: run the same again to "
                "go on where it ended, with fewer workers if need be"
            )
        )


def _send(stream: IO[bytes] | None, what: Any) -> None:
    assert stream is not None  # noqa: S101 # for the type checker: opened as a pipe
    pickle.dump(what, stream)
    stream.flush()
