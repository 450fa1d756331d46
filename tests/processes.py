"""Waiting for processes to end."""

import time
from collections.abc import Collection

import psutil

PATIENCE = 60.0  # seconds: a bound for what hangs, far above what a busy machine needs


def assert_gone(pids: Collection[int]) -> None:
    """Wait until the processes have ended; those that nobody waits for (zombies) count as ended."""
    deadline = time.monotonic() + PATIENCE
    while running := [pid for pid in pids if _is_running(pid)]:
        assert time.monotonic() < deadline, f"still running: {running}"
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
