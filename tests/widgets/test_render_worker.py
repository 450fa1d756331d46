import threading
import time

from l2sae.widgets import Request, Worker
from l2sae.widgets.render_worker import drop_stale


def live(value: int, index: int = 0) -> Request:
    return Request("strength", {"index": index, "value": value}, value, live=True)


def test_only_the_last_of_a_movement_is_kept() -> None:
    assert drop_stale([live(1), live(2), live(3)]) == [live(3)]
    assert drop_stale([]) == []


def test_what_is_no_movement_is_never_dropped() -> None:
    undo, add = Request("undo"), Request("add")
    assert drop_stale([undo, undo, add]) == [undo, undo, add]
    assert drop_stale([live(1), undo, live(2)]) == [live(1), undo, live(2)]
    assert drop_stale([live(1), live(2, index=1)]) == [live(1), live(2, index=1)]
    final = Request("strength", {"index": 0, "value": 9})
    assert drop_stale([live(1), live(2), final]) == [final]


def test_submitting_never_waits_and_the_last_request_lands() -> None:
    done: list[list[int]] = []
    submitted = threading.Event()

    def slow(batch: list[Request]) -> None:
        assert submitted.wait(60)
        done.append([request.generation for request in batch])

    worker = Worker(slow)
    for value in range(100):
        worker.submit(live(value))
    submitted.set()
    assert worker.wait()
    assert done[-1] == [99]
    assert len(done) <= 2


def test_work_is_done_off_the_callers_thread_and_one_batch_at_a_time() -> None:
    seen, running = set(), []

    def work(batch: list[Request]) -> None:
        running.append(1)
        assert len(running) == 1
        seen.add(threading.get_ident())
        time.sleep(0.005)
        running.pop()

    worker = Worker(work)
    for _ in range(10):
        worker.submit(Request("undo"))
    assert worker.wait()
    assert seen
    assert threading.get_ident() not in seen


def test_an_idle_worker_leaves_no_thread_and_starts_again() -> None:
    done = []
    worker = Worker(done.append, idle=0.2)
    worker.submit(Request("undo"))
    worker.wait()
    first = worker._thread
    assert first is not None
    first.join(5)
    assert not first.is_alive()
    worker.submit(Request("redo"))
    assert worker.wait()
    assert [batch[0].action for batch in done] == ["undo", "redo"]
