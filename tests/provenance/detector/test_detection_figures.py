import numpy as np
import pytest
from scipy import stats

from l2sae.provenance.attacks import get_attack
from l2sae.provenance.detector.detection_figures import (
    Scores,
    auc_by_rois,
    measure_detector,
    roc_curve,
    weighted_auc,
    weighted_iou,
)
from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.detector.localiser import Localiser, LocaliserNet


def scores(photo: list[float], edited: list[float], **more: object) -> Scores:
    count = len(photo)
    given = {"both": np.ones(count), "either": np.full(count, 2.0), "rois": (("hair",),) * count} | more
    return Scores(np.array(photo), np.array(edited), **given)


def test_auc_by_hand() -> None:
    # of nine pairs 0.9 and 0.8 win three each; 0.1 wins once, ties once and loses once
    found = weighted_auc(scores([0.0, 0.2, 0.1], [0.9, 0.1, 0.8]), np.ones((1, 3)))
    assert found[0] == pytest.approx((3 + 1.5 + 3) / 9)


def test_auc_equals_mann_whitney_and_the_area_below_the_curve() -> None:
    rng = np.random.default_rng(0)
    both = scores(rng.normal(size=40).round(1).tolist(), rng.normal(loc=0.7, size=40).round(1).tolist())
    area = weighted_auc(both, np.ones((1, 40)))[0]
    assert area == pytest.approx(stats.mannwhitneyu(both.edited, both.photo).statistic / 1600)
    false, true = roc_curve(both)
    assert area == pytest.approx(np.trapezoid(true, false))
    assert (false[0], true[0], false[-1], true[-1]) == (0, 0, 1, 1)


def test_weights_count_faces_several_times() -> None:
    twice = weighted_auc(scores([0.1, 0.1, 0.6], [0.5, 0.5, 0.7]), np.ones((1, 3)))
    weighted = weighted_auc(scores([0.1, 0.6], [0.5, 0.7]), np.array([[2.0, 1.0]]))
    assert weighted == pytest.approx(twice)


def test_iou_is_over_all_pixels_at_once() -> None:
    found = scores([0, 0], [1, 1], both=np.array([30.0, 0.0]), either=np.array([60.0, 40.0]))
    assert weighted_iou(found, np.array([[1.0, 1.0], [2.0, 0.0]])).tolist() == [0.3, 0.5]
    assert weighted_iou(scores([0], [1], both=np.zeros(1), either=np.zeros(1)), np.ones((1, 1))).tolist() == [0.0]


def test_auc_of_each_region_is_against_all_photos() -> None:
    found = scores([0.0, 0.5], [0.4, 0.9], rois=(("lips",), ("hair", "skin")))
    assert auc_by_rois(found) == {"lips": 0.5, "all": 1.0}


def test_detector_figures_have_the_keys_of_the_contract_and_intervals() -> None:
    rng = np.random.default_rng(1)
    photo = rng.integers(0, 256, (32, 48, 3)).astype(np.uint8)
    edited, truth = photo.copy(), np.zeros((32, 48), dtype=bool)
    edited[8:16, 8:16], truth[8:16, 8:16] = 200, True
    faces = [EditedFace(photo, edited, truth, ("hair",))] * 3
    attacks = [get_attack("none"), get_attack("crop_10")]
    localiser = Localiser(LocaliserNet().eval())
    figures, found = measure_detector(localiser, {"detail": faces}, attacks, 20, 0, progress=lambda line: None)
    for name in ("none", "crop_10"):
        assert 0 <= figures["detail"][name]["auc"] <= 1
        assert len(figures["ci"]["detail"][name]["iou"]) == 2
        assert found["detail", name].photo.shape == (3,)
