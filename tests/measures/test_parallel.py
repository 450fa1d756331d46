import threading

import pytest
import torch

from l2sae.measures.parallel import side_by_side

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items():
    first_may_end = threading.Event()

    def work(item):
        if item == 0:
            assert first_may_end.wait(60)  # only item 1, worked on beside it, lets it end
        if item == 1:
            first_may_end.set()
        return item * item

    assert list(side_by_side(work, range(5), CPU)) == [0, 1, 4, 9, 16]


def test_each_item_has_one_thread_and_no_gradients_and_the_threads_come_back():
    seen = list(side_by_side(lambda _: (torch.get_num_threads(), torch.is_inference_mode_enabled()), range(3), CPU))
    assert seen == [(1, True)] * 3
    assert torch.get_num_threads() == 2


def test_items_are_read_as_they_are_needed():
    read = []

    def items():
        for item in range(20):
            read.append(item)
            yield item

    results = side_by_side(lambda item: item, items(), CPU)
    next(results)
    assert len(read) <= 4
    assert list(results) == list(range(1, 20))


def test_an_error_reaches_the_caller():
    def work(item):
        raise ValueError(f"item {item}")

    with pytest.raises(ValueError, match="item 0"):
        list(side_by_side(work, range(3), CPU))
    assert torch.get_num_threads() == 2
