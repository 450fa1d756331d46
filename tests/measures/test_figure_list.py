"""The list of figures has each key once, and an entry of it says what a table needs."""

import pytest

from l2sae.measures.figure_list import STAGES
from l2sae.measures.registry import entries, entry, shown_in


@pytest.mark.parametrize("stage", STAGES)
def test_a_key_is_registered_once(stage: str) -> None:
    keys = [one.key for one in entries(stage)]
    assert len(keys) == len(set(keys))


def test_baselines_and_means_are_figures_themselves() -> None:
    for one in entries():
        if one.baseline:
            assert entry(one.baseline).key
            assert one.baseline_name
        if one.tables:
            assert one.label, one.key


def test_a_figure_in_a_table_of_runs_says_which_way_is_better() -> None:
    for table in ("runs", "ablation", "continual", "methods"):
        assert all(one.sign for one in shown_in(table))
