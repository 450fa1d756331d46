"""Plots of metric files show what the files say."""

import numpy as np
import pytest

from l2sae.figures import metric_plots as plots

ONE = {"transfer": 0.7, "edge_correlation": 0.8, "outside_mean": 0.01}
CURVE = {"steps": [1, 2], "seconds": [0.1, 0.2], "transfer": [0.3, 0.5], "psnr": [20.0, 22.0]}
BENCHMARK = {
    "latency_ms": {"encode": 6.0, "masks": 2.0, "decode": 5.0, "edit": 25.0},
    "roofline": {
        "ratio": 4.0,
        "peak_gflop_per_s": 200.0,
        "parts": {name: {"gflop_per_s": 50.0} for name in ("encode", "decode", "masks")},
    },
    "throughput": {"edit_images_per_s": {"1": 40.0, "16": 60.0}},
    "scaling": {
        "resolution": [
            {"megapixels": 0.1, "ms": 20.0, "peak_mb": 300.0},
            {"megapixels": 12, "ms": 900.0, "peak_mb": 600.0},
        ],
        "rois": [{"rois": 1, "ms": 20.0, "ms_own_styles": 21.0}, {"rois": 2, "ms": 25.0, "ms_own_styles": 30.0}],
    },
    "comparison": {name: {"seconds": 0.03, **ONE} for name in ("detail", "replace", "reinhard")},
    "inversion": {"curve": dict.fromkeys(("style", "both", "warm"), CURVE)},
}


def test_quality_against_time_has_every_method_once():
    figure = plots.quality_time_figure(BENCHMARK)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert sorted(labels) == sorted(label for name, (label, _, _) in plots.METHODS.items() if name != "in_light")
    assert figure.axes[0].lines[3].get_xdata().tolist() == CURVE["seconds"]
    assert len(figure.axes[1].lines) == 3


def test_parts_of_an_edit_add_up_to_it():
    assert sum(plots.edit_parts(BENCHMARK).values()) == pytest.approx(25.0)
    assert plots.edit_parts(BENCHMARK)["decode, twice"] == 10.0


def test_rest_of_an_edit_is_never_negative():
    short = {"latency_ms": BENCHMARK["latency_ms"] | {"edit": 1.0}}
    assert plots.edit_parts(short)["composite, resize"] == 0.0


def test_scaling_has_a_panel_for_size_memory_rois_and_batch():
    figure = plots.scaling_figure(BENCHMARK)
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "photo (megapixels)", "photo (megapixels)", "number of ROIs", "batch size"
    ]  # fmt: skip


def test_shares_of_the_peak_are_percent():
    right = plots.time_parts_figure(BENCHMARK).axes[1]
    assert [bar.get_width() for bar in right.patches] == [25.0] * 4


def test_bars_have_the_values_and_a_missing_roi_none():
    metrics = {"masks": {"iou": {"hair": 0.9}}, "ci": {"masks": {"iou": {"hair": [0.8, 0.95]}}}}
    bars = plots.rois_figure(metrics, ("hair", "lips")).axes[0].patches
    assert bars[0].get_height() == 0.9
    assert np.isnan(bars[1].get_height())
