"""The simulation of long runs agrees with what can be computed by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from l2sae.bench.scale_simulation import TABLES, Assumed, Measured, simulate, simulate_runs, with_tables

STEADY = Assumed(request_s=0.0, node_hours=1e12)


def measured(photo_s: float = 1.0, task_s: float = 0.0) -> Measured:
    return Measured((photo_s, photo_s), task_s, 0.0, 0.0, 1024.0, 1024.0, 1e5, 5e5)


def seconds(photos: int, cores: int, assumed: Assumed = STEADY, **times: float) -> float:
    return simulate(photos, cores, measured(**times), assumed, np.random.default_rng(0)).seconds


def test_equal_batches_on_free_cores_take_the_time_of_the_rounds() -> None:
    assert seconds(16 * 40, 10) == pytest.approx(4 * 16)
    assert seconds(16 * 41, 10) == pytest.approx(5 * 16)
    assert seconds(8, 10) == pytest.approx(8)


def test_a_head_that_hands_out_slowly_sets_the_pace() -> None:
    assert seconds(16 * 100, 1000, task_s=2.0) == pytest.approx(100 * 2 + 16)


def test_requests_add_to_photos_batches_listing_and_table() -> None:
    assumed = Assumed(request_s=0.1, readers=1, node_hours=1e12)
    assert seconds(16, 1, assumed) == pytest.approx(16 * 1.2 + 0.2 + 0.1 + 0.1)


def test_what_is_lost_with_a_node_is_done_again() -> None:
    often = Assumed(request_s=0.0, node_hours=0.05, back_s=10.0)
    run = simulate(16 * 200, 10, measured(), often, np.random.default_rng(0))
    assert 5 < run.lost_batches < 60
    assert run.seconds > 200 / 10 * 16
    assert run.busy_share < 1


def test_tables_tell_hours_cost_and_the_heads_memory() -> None:
    driver = {"task_s": 0.001, "list_s": 1e-5, "row_s": 1e-5, "item_bytes": 2**20, "row_bytes": 0.0}
    ray = {"driver": driver, "edits": {"ray": {"core_s_quantiles": [0.5, 1.5]}}, "photo_bytes": 1e5}
    found = simulate_runs(ray, 4000, 0.1, cores=(2, 4), partitions=(1000, 2000, 4000), progress=lambda line: None)
    assert [row["cores"] for row in found["by_cores"]] == [2, 4]
    assert [row["partition"] for row in found["by_partition"]] == [1000, 2000, 4000]
    two, four = found["by_cores"]
    assert two["hours"] == pytest.approx(2 * four["hours"], rel=0.02)
    assert two["cost"] == pytest.approx(two["hours"] * 2 * 0.1)
    assert found["by_partition"][2]["head_gib"] == pytest.approx(4000 / 1024)
    assert found["bytes"]["photos"] == 4e8
    page = with_tables(f"before {TABLES[0]} stale {TABLES[1]} after", found)
    assert page.startswith("before")
    assert page.endswith("after")
    assert "stale" not in page
    assert "| 2 | " in page
    assert page == with_tables(page, found)


def test_the_page_shows_the_committed_results() -> None:
    root = Path(__file__).parents[2]
    page, kept = (root / "docs/ten_million.md").read_text(), root / "benchmarks/scale.json"
    if not kept.is_file():
        assert "\n".join(TABLES) in page  # nothing is shown that was not measured
    else:
        assert page == with_tables(page, json.loads(kept.read_text())), "run python -m l2sae.bench scale"
