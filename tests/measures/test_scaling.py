"""How the time and memory of an edit grow: each photo is edited as often as asked, and rows hold what was measured."""

import numpy as np
import pytest
import torch

from l2sae.measures import scaling


class Clock:
    """Counts the calls, runs the first of each, and says that each took as long as its number."""

    def __init__(self) -> None:
        self.repeats: list[int] = []

    def seconds(self, call, repeats):
        call()
        self.repeats.append(repeats)
        return np.full(repeats, float(len(self.repeats)))


def test_stopwatch_times_as_often_as_asked() -> None:
    calls: list[int] = []
    seconds = scaling.Stopwatch(torch.device("cpu"), 4).seconds(lambda: calls.append(0))
    assert len(seconds) == 4
    assert len(calls) > 4  # some to warm up


def test_large_photos_are_timed_once_and_rows_have_their_sizes(photos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "SIZES", ((64, 64), (300, 400)))
    monkeypatch.setattr(scaling, "_SMALL", 64 * 64)
    clock, edited = Clock(), []
    rows = scaling.by_resolution(photos[1], edited.append, clock.seconds, lambda: 2**21, 3)
    assert [picture.shape for picture in edited] == [(64, 64, 3), (300, 400, 3)]
    assert [(row["width"], row["height"], row["megapixels"]) for row in rows] == [(64, 64, 0.004096), (400, 300, 0.12)]
    assert clock.repeats == [3, 1]
    assert [row["ms"] for row in rows] == [1000, 2000]
    assert {row["peak_mb"] for row in rows} == {2.0}


def test_regions_are_added_one_by_one(model) -> None:
    clock = Clock()
    styles = torch.randn(len(model.rois), model.style_size, generator=torch.Generator().manual_seed(0))
    rows = scaling.by_rois(model, torch.zeros(1, 3, 32, 32), styles, "detail", clock.seconds, 2)
    assert [row["rois"] for row in rows] == list(range(1, len(model.rois) + 1))
    assert len(clock.repeats) == 2 * len(rows)


def test_arithmetic_of_a_product_is_counted() -> None:
    square = torch.ones(50, 50)
    found = scaling.achieved({"product": lambda: square @ square}, {"product": 2.0})
    assert found["product"]["gflop"] == pytest.approx(2 * 50**3 / 1e9)
    assert found["product"]["gflop_per_s"] == pytest.approx(found["product"]["gflop"] / 2e-3)
