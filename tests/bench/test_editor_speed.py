"""Times of the editors are summed up by their median, their 95th percentile and the longest."""

from l2sae.bench.editor_speed import SLIDERS, _times


def test_the_longest_wait_is_told() -> None:
    assert _times([1.0] * 9 + [50.0]) == {"median": 1.0, "p95": 27.95, "max": 50.0, "count": 10}


def test_every_slider_has_two_ends() -> None:
    for selector, ends, _ in SLIDERS.values():
        assert selector
        assert ends[0] < ends[1]
