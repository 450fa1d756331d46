"""From sums over images to figures: hand-computed means, overlaps and transfers."""

import numpy as np
import pytest

from l2sae.measures.figures_from_sums import CONDITION_FIGURES, robustness_figures, with_intervals
from l2sae.measures.metric_files import get
from l2sae.measures.registry import entry

COLUMNS = {
    # two images, two regions: intersection, prediction, truth
    "overlap": np.array([[[8, 10, 10], [0, 0, 0]], [[2, 10, 4], [5, 5, 10]]], float),
    "distance_after": np.array([[2.0, 0.0], [4.0, 5.0]]), "distance_after/n": np.array([[1, 0], [1, 1]], float),
    "distance_before": np.array([[8.0, 0.0], [4.0, 10.0]]), "distance_before/n": np.array([[1, 0], [1, 1]], float),
    "outside_share": np.array([[0.2, 0.0], [0.0, 0.1]]), "outside_share/n": np.array([[1, 0], [1, 1]], float),
    "psnr": np.array([30.0, 20.0]), "psnr/n": np.ones(2),
}  # fmt: skip


def test_figures_are_ratios_of_sums_over_images_then_means_over_regions() -> None:
    found = robustness_figures(COLUMNS, np.array([[1, 1], [2, 0]]))
    assert found["miou"][0] == pytest.approx(np.mean([10 / (20 + 14 - 10), 5 / 10]))
    assert found["miou"][1] == pytest.approx(16 / (20 + 20 - 16))  # the second region is in no image
    assert found["transfer"] == pytest.approx([np.mean([1 - 6 / 12, 0.5]), 1 - 2 / 8])
    assert found["psnr"].tolist() == [25, 30]
    assert found["outside_share"] == pytest.approx([0.1, 0.2])


def test_names_of_conditions_are_figures_of_the_registry() -> None:
    for key in CONDITION_FIGURES.values():
        assert entry(key, "evaluate").key


def test_undefined_figures_are_left_out_and_others_have_intervals() -> None:
    made = with_intervals({"a.b": np.array([1.0, 0.5, 1.5]), "c": np.array([np.nan, np.nan, 1.0])})
    assert get(made, "a.b") == 1
    assert get(made, "ci.a.b") == pytest.approx([0.525, 1.475])
    assert "c" not in made
