"""How far a bulk edit is, in words."""

import pytest

from l2sae.bulk.progress import Lines, duration, reporting
from l2sae.bulk.results import DONE, SKIPPED


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (3570, "1 h 0 min"), (3900, "1 h 5 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_last_batch_is_always_told_and_the_ones_before_now_and_then() -> None:
    said: list[str] = []
    lines = Lines(4, 1, said.append)
    lines.update([{"result": DONE}])
    assert said == []
    lines.update([{"result": DONE}, {"result": SKIPPED}])
    assert len(said) == 1
    assert said[0].startswith("edited 3 of 4 photos, ")
    assert said[0].endswith(", 1 skipped")


def test_a_function_hears_of_what_is_finished_and_false_hears_nothing() -> None:
    said: list[str] = []
    with reporting(5, 3, said.append) as update:
        update([{"result": DONE}])
    with reporting(5, 3, False) as update:
        update([{"result": DONE}])
    assert said == ["3 of 5 photos are finished already"]
