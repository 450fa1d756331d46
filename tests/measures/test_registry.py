"""The registry knows every figure that is written, and what is written about figures comes from it."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from l2sae.figures.metrics_page import metrics_markdown
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


def test_the_page_is_what_the_command_writes() -> None:
    written = (REPOSITORY / "docs/metrics.md").read_text()
    assert written == metrics_markdown(), "run python -m l2sae.bench metrics-page"


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


def test_an_unknown_figure_names_the_file_to_add_it_to() -> None:
    with pytest.raises(KeyError, match=r"masks\.miuo.*figure_list\.py"):
        entry("masks.miuo")


def test_a_key_finds_its_entry_by_region_and_by_stage() -> None:
    assert entry("masks.iou.hair").key == "masks.iou.<roi>"
    assert entry("masks.iou.hair").mean_key == "masks.miou"
    assert entry("style.transfer_detail.mean").key == "style.transfer_detail.mean"
    assert entry("old.masks.miou.before", "continual").key == "old.<figure>.before"


def test_texts_have_the_figures_own_digits_and_no_negative_zero() -> None:
    assert entry("reconstruction.psnr").text(24.996) == "25.00"
    assert entry("locality.outside_share").text(0.004) == "0.400"
    assert entry("structure.miou_drop").text(-1e-9) == "0.0000"
    assert entry("reconstruction.psnr").text(None) == "–"
    assert entry("reconstruction.psnr").heading == "PSNR (dB) ↑"


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
