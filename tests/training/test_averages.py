"""Means between two points of the curves."""

from l2sae.training.averages import Averages


def test_means_count_each_name_by_itself_and_start_anew() -> None:
    averages = Averages()
    averages.add({"l1": 1.0, "gan": 4.0})
    averages.add({"l1": 3.0})
    assert averages.pop() == {"l1": 2.0, "gan": 4.0}
    assert averages.pop() == {}


def test_a_training_that_goes_on_has_the_means_of_one_that_was_never_cut() -> None:
    whole, first = Averages(), Averages()
    for averages in (whole, first):
        averages.add({"l1": 1.0})
    second = Averages(*first.state())
    for averages in (whole, second):
        averages.add({"l1": 2.0})
    assert second.pop() == whole.pop() == {"l1": 1.5}
