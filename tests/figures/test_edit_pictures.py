import re

import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from l2sae.data import FaceBatch
from l2sae.figures import edit_pictures as draw
from l2sae.figures.drawing import Provenance, save_figure
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
from l2sae.figures.training_curves import read_curves, training_figure
from l2sae.measures.regions import choose_faces
from l2sae.rois import DEFAULT_ROIS

REGIONS = len(DEFAULT_ROIS)
ORIGIN = Provenance("notebooks/figures.ipynb", "abc123", "0123456789abcdef")
METRICS = {
    "reconstruction": {"psnr": 26.5, "lpips": None},
    "masks": {"iou": {"hair": 0.9, "skin": 0.8}, "miou": 0.85},
    "locality": {"outside_share": 0.004},
    "baseline": {"blur": {"psnr": 21.25}},
    "ci": {"reconstruction": {"psnr": [26.0, 27.0]}, "locality": {"outside_share": [0.003, 0.005]}},
}


@pytest.fixture(scope="module")
def faces(test_split) -> FaceBatch:
    return choose_faces(test_split, 3)


@pytest.mark.parametrize(
    ("name", "options", "panels"),
    [
        ("reconstruction_figure", {}, 5 * 3),
        ("swap_figure", {"compose": "detail"}, REGIONS * 9),
        ("noise_figure", {"compose": "detail", "seed": 0}, REGIONS * 9),
        ("several_rois_figure", {"compose": "detail"}, 3 * (REGIONS + 2)),
        ("composition_figure", {}, 3 * 7),
        ("strength_figure", {"compose": "replace"}, REGIONS * 6),
    ],
)
def test_each_figure_fills_all_its_panels(model, faces, name, options, panels):
    figure = getattr(draw, name)(model, faces, **options)
    assert len(figure.axes) == panels
    assert all(len(axes.images) == 1 for axes in figure.axes)


def test_strength_0_shows_the_photo_itself(model, faces):
    figure = draw.strength_figure(model, faces, "detail")
    photo = ((faces.images[0] + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    shown = figure.axes[0].images[0].get_array()
    window = draw.close_up(faces.labels[0] == 1)
    assert (shown == photo[window[1], window[2]]).all()


def test_small_rois_are_shownclose_up_and_never_cut_off():
    region = torch.zeros(96, 96, dtype=torch.bool)
    assert draw.close_up(region) == (slice(None), slice(0, 96), slice(0, 96))
    region[90:94, 40:50] = True
    assert draw.close_up(region) == (slice(None), slice(64, 96), slice(28, 60))
    region[:] = True
    assert draw.close_up(region) == (slice(None), slice(0, 96), slice(0, 96))


def test_faces_that_show_every_roi_come_first(test_split):
    chosen = choose_faces(test_split, 3)
    labels = test_split.batch(range(len(test_split))).labels
    complete = [i for i, face in enumerate(labels) if set(range(1, 6)) <= set(face.unique().tolist())]
    expected = (complete + [i for i in range(len(test_split)) if i not in complete])[:3]
    assert torch.equal(chosen.images, test_split.batch(expected).images)


def test_saved_figures_name_their_origin_and_equal_figures_are_equal_files(tmp_path):
    for folder in ("a", "b"):
        figure = Figure(figsize=(1, 1))
        figure.add_subplot().plot([0, 1])
        png, pdf = save_figure(figure, "line", tmp_path / folder, ORIGIN, dpi=50)
    info = Image.open(png).text
    assert (info["Notebook"], info["GitCommit"], info["Parameters"]) == (ORIGIN.notebook, "abc123", ORIGIN.parameters)
    content = pdf.read_bytes()
    assert b"GitCommit=abc123" in content
    assert not re.search(rb"CreationDate|ModDate", content)
    for path in (png, pdf):
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()


def test_provenance_changes_with_the_parameters(params):
    other = params.model_copy(update={"seed": params.seed + 1})
    first, second = Provenance.of("n.ipynb", params), Provenance.of("n.ipynb", other)
    assert first.parameters != second.parameters
    assert first.commit == second.commit


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
