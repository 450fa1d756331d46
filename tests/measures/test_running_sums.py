"""Sums over images give means and their intervals."""

import numpy as np
import torch

from l2sae.measures.running_sums import Tally, interval, resampling_weights, weighted_totals


def test_totals_weigh_images_and_the_first_row_is_the_plain_sum():
    weights = resampling_weights(5, 7, seed=0)
    assert weights.shape == (8, 5)
    assert (weights[0] == 1).all()
    assert (weights.sum(axis=1) == 5).all()
    totals = weighted_totals({"a": np.arange(10.0).reshape(5, 2)}, weights)
    np.testing.assert_array_equal(totals["a"][0], [20.0, 25.0])


def test_interval_covers_the_middle_95_percent():
    assert interval(np.arange(1001.0)) == [25.0, 975.0]


def test_nan_entries_are_counted_as_missing():
    tally = Tally()
    tally.add("x", torch.tensor([1.0, torch.nan, 3.0]))
    columns = tally.columns()
    assert columns["x"].sum() / columns["x/n"].sum() == 2.0
