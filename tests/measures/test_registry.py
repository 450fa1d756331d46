"""The registry knows every figure that is written, and what is written about figures comes from it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from l2sae.measures.figure_list import STAGES
from l2sae.measures.metric_files import flatten, read_metrics, write_metrics
from l2sae.measures.registry import entries, entry, fits_a_figure, headline, shown_in, write_headline

REPOSITORY = Path(__file__).parents[2]
FILES = [file for file in sorted((REPOSITORY / "metrics").glob("*.json")) if file.stem in STAGES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_committed_figure_is_registered(file: Path) -> None:
    figures = {key: value for key, value in json.loads(file.read_text()).items() if key not in ("ci", "spread")}
    keys = [key for key in flatten(figures) if not key.endswith("_reason")]
    assert keys
    for key in keys:
        entry(key, file.stem)


def test_an_unknown_figure_names_the_file_to_add_it_to() -> None:
    with pytest.raises(KeyError, match=r"masks\.miuo.*figure_list\.py"):
        entry("masks.miuo")


def test_a_key_finds_its_entry_by_region_and_by_stage() -> None:
    assert entry("masks.iou.hair").key == "masks.iou.<roi>"
    assert entry("masks.iou.hair").mean_key == "masks.miou"
    assert entry("style.transfer_detail.mean").key == "style.transfer_detail.mean"
    assert entry("old.masks.miou.before", "continual").key == "old.<figure>.before"


def test_the_headline_is_at_most_twenty_short_numbers(tmp_path: Path) -> None:
    names = [one.headline for one in entries() if one.headline]
    assert len(names) == len(set(names)) <= 20
    assert sum(len(name) + 3 for name in names) <= 160 + 3 * len(names)
    figures = {"reconstruction": {"psnr": 25.04321}, "labels": "human", "ci": {"masks": {"miou": [0, 1]}}}
    write_metrics(figures, tmp_path / "evaluate.json")
    assert write_headline(tmp_path) == {"psnr": 25.04}
    assert read_metrics(tmp_path / "headline.json") == {"psnr": 25.04}
    assert write_headline(tmp_path) == {"psnr": 25.04}  # its own file is no source
    assert headline({"evaluate": {}}) == {}


def test_tables_follow_the_order_of_the_list() -> None:
    order = {one.key: place for place, one in enumerate(entries())}
    for first, second in pairwise(shown_in("summary")):
        assert order[first.key] < order[second.key]


def test_patterns_of_tolerances_fit_figures_and_intervals() -> None:
    assert fits_a_figure("evaluate.ci.masks.*")
    assert fits_a_figure("*.psnr")
    assert not fits_a_figure("evaluate.localty.*")
