"""What of a cluster's figures can be taken without one."""

import psutil
import pytest

from l2sae.bench import ray_speed


def test_the_heads_costs_are_those_of_a_photo() -> None:
    found = ray_speed.measure_driver(photos=320)
    assert found.keys() == {"item_bytes", "row_bytes", "list_s", "row_s"}
    assert 0 < found["list_s"] < 0.1
    assert 0 < found["row_s"] < 0.1


def test_memory_is_noted_for_each_kind_of_process() -> None:
    lines: list[str] = []
    memory = ray_speed.Memory(lines.append)
    for done in (0, 400, 500, 600, 1000, 1950, 2000):
        memory(f"edited {done} of 2000 photos, 1.0/s, 1 min left")
    found = memory.grown()
    assert found.keys() == {"driver", "workers", "ray", "all"}
    assert found["driver"]["settled"] > 20
    assert abs(found["driver"]["growth"]) < 20
    assert len(lines) == 7


def test_memory_at_rest_is_that_of_this_process_where_there_is_no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil.Process, "children", lambda self, recursive=False: [])  # other tests leave helpers
    before = ray_speed.held_mib()
    block = bytearray(b"1" * 2**26)
    grown = ray_speed.grown_at_rest(before, ray_speed.held_mib())
    assert len(block) == 2**26
    assert grown["workers"] == {"before": 0.0, "after": 0.0, "growth": 0.0}
    assert grown["all"]["growth"] == grown["driver"]["growth"] > 40
