import ctypes
import sys
from typing import Any

import pytest

from l2sae.bulk import freed_memory

psutil = pytest.importorskip("psutil")

BLOCK, BLOCKS = 64 * 1024, 1024  # small enough for the heap, 64 MiB together


def resident_mib() -> float:
    return float(psutil.Process().memory_info().rss) / 2**20


@pytest.fixture
def fresh() -> Any:
    freed_memory._trim.cache_clear()
    yield
    freed_memory._trim.cache_clear()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's heap")
def test_freed_blocks_below_a_used_one_go_back_to_the_system() -> None:
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "malloc_trim"):
        pytest.skip("another C library than glibc")
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = [libc.malloc(BLOCK) for _ in range(BLOCKS)]
    for block in blocks:
        ctypes.memset(block, 1, BLOCK)
    for block in blocks[:-1]:
        libc.free(block)
    held = resident_mib()
    freed_memory.return_freed_memory()
    returned = held - resident_mib()
    libc.free(blocks[-1])
    assert returned > 48


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch, fresh: None) -> None:
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: object())
    freed_memory.return_freed_memory()
    assert freed_memory._trim() is None
