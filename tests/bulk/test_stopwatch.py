import time

import pytest

from l2sae.bulk.stopwatch import Stopwatch


def work(seconds: float) -> None:
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


class Worker:
    def run(self, seconds: float) -> str:
        work(seconds)
        return "done"


def test_time_counts_for_the_innermost_part() -> None:
    watch = Stopwatch()
    with watch.part("outer"):
        work(0.02)
        with watch.part("inner"):
            work(0.04)
        work(0.01)
    work(0.05)  # in no part
    found = watch.take()
    assert found == {"outer": pytest.approx(0.03, abs=0.01), "inner": pytest.approx(0.04, abs=0.01)}
    assert watch.take() == {}


def test_methods_count_and_return_what_they_do_even_when_they_fail() -> None:
    watch, worker = Stopwatch(), Worker()
    watch.follow("run", worker, "run")
    assert worker.run(0.01) == "done"
    with pytest.raises(TypeError):
        worker.run("no number")  # type: ignore[arg-type]
    assert watch.take()["run"] >= 0.01
    assert "run" not in vars(Worker())
