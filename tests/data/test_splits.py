"""Splits depend on a face's own name and nothing else."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2sae.data.listing import Entry
from l2sae.data.splits import assign_splits, contiguous_counts, split_by_ratio, unit_hash
from l2sae.params import SplitRatios

RATIOS = SplitRatios(train=0.7, val=0.1, test=0.2)
NAMES = st.lists(st.text("abcdef0123456789", min_size=1, max_size=8), min_size=1, max_size=40, unique=True)


def entries(names: list[str], split: str | None = None) -> list[Entry]:
    return [Entry(name, Path(name), (), split) for name in names]


@given(NAMES, NAMES)
def test_adding_files_moves_no_face(names: list[str], more: list[str]) -> None:
    before = assign_splits(entries(names), RATIOS)
    after = assign_splits(entries(list(dict.fromkeys(names + more))), RATIOS)
    for split, members in before.items():
        assert {entry.name for entry in members} <= {entry.name for entry in after[split]}


@given(st.text(max_size=20))
def test_zero_ratios_receive_nothing(name: str) -> None:
    assert split_by_ratio(name, SplitRatios(train=0.5, val=0.5, test=0.0)) != "test"
    assert split_by_ratio(name, SplitRatios(train=1.0, val=0.0, test=0.0)) == "train"


def test_ratios_hold_for_many_names() -> None:
    chosen = assign_splits(entries([str(i) for i in range(5000)]), RATIOS)
    assert [round(len(chosen[split]) / 5000, 1) for split in ("train", "val", "test")] == [0.7, 0.1, 0.2]


def test_hash_is_of_the_stem_and_stays_what_it_was() -> None:
    assert unit_hash("a/b/face") == unit_hash("face") == pytest.approx(0.0098, abs=1e-4)


@given(NAMES.filter(lambda names: len(names) > 1))
def test_declared_train_gives_some_of_itself_to_val(names: list[str]) -> None:
    chosen = assign_splits(entries(names, "train") + entries(["z"], "test"), "official")
    assert len(chosen["val"]) >= 1
    assert sorted(e.name for e in chosen["train"] + chosen["val"]) == sorted(names)
    assert [e.name for e in chosen["test"]] == ["z"]


@given(st.integers(10, 5000))
def test_ranges_cover_every_rendered_face(count: int) -> None:
    assert sum(contiguous_counts(count, RATIOS).values()) == count
