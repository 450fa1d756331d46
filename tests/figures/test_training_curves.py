"""Curves of a training come from its log."""

import pytest

from l2sae.figures.training_curves import read_curves, training_figure


def test_training_curves_come_from_the_log(tmp_path):
    folder = tmp_path / "plots" / "metrics"
    folder.mkdir(parents=True)
    for name, values in {"l1": "0\t0.5\n10\t0.25\n", "val_psnr": "0\t12\n10\t20\n"}.items():
        (folder / f"{name}.tsv").write_text(f"step\t{name}\n{values}")
    curves = read_curves(tmp_path)
    assert curves["val_psnr"].to_dict() == {0: 12, 10: 20}
    figure = training_figure(curves)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["training losses", "validation PSNR (dB)"]


def test_missing_log_names_the_stage(tmp_path):
    with pytest.raises(FileNotFoundError, match="dvc repro train"):
        read_curves(tmp_path)
