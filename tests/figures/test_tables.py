"""Tables of figures show values, intervals and trivial methods, and mark the best of a column."""

import pandas as pd
import pytest

from l2sae.figures.tables import (
    MISSING,
    comparison_table,
    roi_table,
    runs_table,
    speed_table,
    summary_table,
    table_figure,
    write_table,
)

METRICS = {
    "reconstruction": {"psnr": 26.5, "lpips": None},
    "masks": {"iou": {"hair": 0.9, "skin": 0.8}, "miou": 0.85},
    "locality": {"outside_share": 0.004},
    "baseline": {"blur": {"psnr": 21.25}},
    "ci": {"reconstruction": {"psnr": [26.0, 27.0]}, "locality": {"outside_share": [0.003, 0.005]}},
}


def test_summary_table_shows_interval_and_trivial_method():
    table = summary_table(METRICS)
    assert list(table.loc["PSNR (dB) ↑"]) == ["26.50", "26.00 to 27.00", "21.25 (blur)"]
    assert list(table.loc["pixels changed outside the ROI (%) ↓"])[:2] == ["0.400", "0.300 to 0.500"]
    assert table.loc["SSIM ↑", "value"] == MISSING


def test_roi_table_has_a_row_for_each_roi_and_the_mean():
    table = roi_table(METRICS, ("hair", "skin"))
    assert list(table.index) == ["hair", "skin", "mean"]
    assert list(table["IoU"]) == ["0.900", "0.800", "0.850"]


def test_speed_table_shows_median_and_quartiles():
    figures = {"latency_ms": {"edit": 31.44}, "spread": {"latency_ms": {"edit": {"p25": 30.0, "p75": 33.3}}}}
    assert list(speed_table(figures).loc["one edit"]) == ["31.4", "30.0 to 33.3"]


def test_tables_are_written_as_csv_and_latex(tmp_path):
    csv, tex = write_table(summary_table(METRICS), "summary", tmp_path)
    assert pd.read_csv(csv, index_col="figure", dtype=str).loc["PSNR (dB) ↑", "value"] == "26.50"
    text = tex.read_text()
    assert r"\toprule" in text
    assert r"pixels changed outside the ROI (\%) $\downarrow$ & 0.400" in text


def test_table_figure_shows_every_cell():
    table = roi_table(METRICS, ("hair", "skin"))
    texts = {text.get_text() for text in table_figure(table, "Each ROI").axes[0].texts}
    assert {"Each ROI", "ROI", *table.columns, *table.index, "0.900"} <= texts


def test_best_of_a_column_is_marked_and_ties_share_it(tmp_path):
    methods = {
        "detail": {"transfer": 0.801, "edge_correlation": 0.9, "outside_mean": 0.01, "seconds": 0.02},
        "replace": {"transfer": 0.804, "edge_correlation": 0.5, "outside_mean": 0.02, "seconds": 0.02},
        "reinhard": {"transfer": 0.7, "edge_correlation": 0.5, "outside_mean": 0.02, "seconds": 0.02},
    }
    table, best = comparison_table({"comparison": methods | {"faces": 6}})
    assert list(table.index) == ["L2SAE, detail", "L2SAE, replace", "Reinhard"]
    assert best == {(0, 0), (1, 0), (0, 1), (0, 2)}  # 0.801 and 0.804 print alike; equal times mark nothing
    text = write_table(table, "methods", tmp_path, best)[1].read_text()
    assert r"\textbf{0.90} & \textbf{0.010}" in text
    intervals = {"ci": {"comparison": {"detail": {"transfer": [0.7, 0.9]}}}}
    table, again = comparison_table({"comparison": methods | {"faces": 6}} | intervals)
    assert list(table.iloc[:2, 0]) == ["0.80 [0.70, 0.90]", "0.80"]
    assert again == best


def test_runs_on_different_labels_are_refused_in_one_table():
    runs = {name: {"metrics": {"labels": name, "masks.miou": 0.5}} for name in ("human", "rendered")}
    with pytest.raises(ValueError, match="human, rendered labels cannot share a table"):
        runs_table(runs)
    table, _ = runs_table({"a": runs["human"]})
    assert table.loc["a", "mask mIoU ↑"] == "0.500"
