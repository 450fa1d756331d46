"""A worker process: takes batches from its standard input, answers on its standard output."""

import os
import pickle
import signal
import sys
import threading
import time
from typing import BinaryIO

from l2sae.bulk.freed_memory import return_freed_memory

PATIENCE = 0.2  # seconds between looks whether the parent process is still there


def main(parent: int) -> None:
    """Work until the input ends, or the process that started this one does."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt at the keyboard is the parent's to act on
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the replies
    worker = None
    while True:
        try:
            request = pickle.load(requests)  # noqa: S301 # of the process that started this one
        except EOFError:
            return
        try:
            if worker is None:
                worker = request.open()
                continue
            _reply(replies, worker.run(request))
            return_freed_memory()
        except Exception as error:
            _reply(replies, error)
            if worker is None:
                return


def _reply(replies: BinaryIO, answer: object) -> None:
    try:
        content = pickle.dumps(answer)
        pickle.loads(content)  # noqa: S301 # some exceptions can be written, but not read again
    except Exception:
        content = pickle.dumps(RuntimeError(f"{type(answer).__name__}: {answer}"))
    replies.write(content)
    replies.flush()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PATIENCE)
    os._exit(1)  # killed as it was, the parent could not say so


if __name__ == "__main__":
    main(int(sys.argv[1]))
