"""Metric files are sorted, rounded and finite, and a missing one names its stage."""

import json

import pytest

from l2sae.measures.metric_files import metric_table, read_metrics, write_metrics


def test_metric_files_are_sorted_rounded_and_finite(tmp_path):
    write_metrics({"b": {"y": 1.23456789, "x": None}, "a": [0.1 + 0.2]}, tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text()) == {"a": [0.3], "b": {"x": None, "y": 1.23457}}
    assert (tmp_path / "m.json").read_text().index('"a"') < (tmp_path / "m.json").read_text().index('"b"')
    with pytest.raises(ValueError, match=r"b\.y is nan"):
        write_metrics({"b": {"y": float("nan")}}, tmp_path / "n.json")
    assert not (tmp_path / "n.json").exists()


def test_missing_metrics_name_the_stage(tmp_path):
    with pytest.raises(FileNotFoundError, match="dvc repro evaluate"):
        read_metrics(tmp_path / "evaluate.json")


def test_metric_table_puts_intervals_beside_values():
    table = metric_table({"a": {"x": 1.0}, "ci": {"a": {"x": [0.5, 1.5]}}, "n": 3})
    assert list(table.loc["a.x"]) == [1.0, 0.5, 1.5]
    assert table.loc["n", "value"] == 3
