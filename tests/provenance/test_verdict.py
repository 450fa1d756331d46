"""The whole stage on a few small faces."""

from pathlib import Path

import pytest

from l2sae.data import FaceDataset
from l2sae.measures.metric_files import flatten, write_metrics
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.provenance.drawings import heat_figure, roc_figure, survival_figure
from l2sae.provenance.verdict import (
    comparable,
    evaluate_localiser,
    fit_localiser,
    join_figures,
    measure_marks,
    photo_attacks,
)
from l2sae.training import build_model

ATTACKS = ["none", "jpeg_75", "second_edit"]


@pytest.fixture(scope="module")
def attacked(params: Params) -> Params:
    provenance = params.provenance.model_copy(update={"attacks": tuple(ATTACKS)})
    return params.model_copy(update={"provenance": provenance})


def test_stage_gives_every_key_of_the_contract_twice_the_same(
    model: L2SAE, attacked: Params, train_split: FaceDataset, test_split: FaceDataset, tmp_path: Path
) -> None:
    files = []
    for run in ("a", "b"):
        localiser = fit_localiser(model, train_split, attacked, progress=lambda line: None)
        other = build_model(attacked).eval()
        found = evaluate_localiser(localiser, model, test_split, attacked, other, progress=lambda line: None)
        files.append(tmp_path / f"{run}.json")
        write_metrics(found.figures, files[-1])
    assert files[0].read_bytes() == files[1].read_bytes()
    (tmp_path / "keys").mkdir()
    marks = measure_marks(test_split, model, attacked, tmp_path / "keys", progress=lambda line: None)
    figures = join_figures(marks, detector=found.figures)
    keys = {key for key in flatten(figures) if not key.startswith("ci.")}
    assert keys >= {f"watermark.{attack}.{name}" for attack in ATTACKS for name in ("bit_accuracy", "detected")}
    assert keys >= {"watermark.psnr", "watermark.false_positive_rate", "manifest.tampered"}
    compositions, kept = ("detail", "replace"), ATTACKS[:-1]
    detector = {f"detector.{c}.{attack}.{name}" for c in compositions for attack in kept for name in ("auc", "iou")}
    assert keys >= detector
    intervals = flatten(figures["ci"])
    assert detector <= set(intervals)
    assert "detector.other_model.replace.none.iou" in keys & set(intervals)
    assert all(intervals[key][0] <= flatten(figures)[key] <= intervals[key][1] for key in detector)
    for figure in (
        survival_figure(figures, ATTACKS),
        roc_figure(found.scores),
        heat_figure(localiser, found.faces, 1),
    ):
        assert len(figure._repr_png_()) > 1000


def test_second_edit_is_no_attack_on_photos() -> None:
    assert [attack.name for attack in photo_attacks(ATTACKS)] == ["none", "jpeg_75"]


def test_models_compare_when_they_differ_in_weights_only(model: L2SAE, tiny_model: L2SAE, params: Params) -> None:
    assert comparable(build_model(params), model)
    assert not comparable(model, model)
    assert not comparable(model, tiny_model)  # of another size
