"""The protocol with a trivial model, half points, groups by hand, and the whole stage on a tiny data set."""

from dataclasses import dataclass

import pytest
import torch

from l2sae.figures.robustness_curves import curves_figure, groups_figure, severity_table, strip_figure
from l2sae.measures.metric_files import flatten, write_metrics
from l2sae.measures.robustness import L2SAESubject, RobustnessSubject, half_points, robustness
from l2sae.measures.robustness_conditions import CONDITIONS, SEVERITIES
from l2sae.params import Params

SMALL_RUN = {"faces": 3, "group_faces": 12, "bootstrap": 10}
LABEL_PRESERVING = ("blur", "jpeg", "noise", "resolution")


@dataclass
class Unmoved:
    """A model that returns every picture as it is, and sees ROIs everywhere or nowhere."""

    roi_names: tuple[str, ...]
    matte: float
    device = torch.device("cpu")

    def encode(self, images):
        return images

    def reconstruct(self, code):
        return code

    def mask(self, code):
        return torch.full((len(code), len(self.roi_names), *code.shape[-2:]), self.matte)

    def edit(self, code, reference, roi):
        return code


@pytest.fixture(scope="module")
def small(params) -> Params:
    return params.model_copy(update={"robustness": params.robustness.model_copy(update=SMALL_RUN)})


@pytest.fixture(scope="module")
def figures(model, test_split, small):
    return robustness(L2SAESubject(model), test_split, small, "rendered", progress=lambda line: None)


def test_every_condition_has_five_severities_with_figures_and_intervals(figures):
    for name, condition in CONDITIONS.items():
        assert [row["severity"] for row in figures[name]] == [1, 2, 3, 4, 5]
        assert [row["level"] for row in figures[name]] == list(condition.levels)
        for row, bounds in zip(figures[name], figures["ci"][name], strict=True):
            assert {"miou", "transfer", "psnr", "outside_share"} <= set(row)
            for key, (low, high) in bounds.items():
                assert low <= row[key] + 1e-9
                assert row[key] <= high + 1e-9


def test_two_runs_write_equal_files(figures, model, test_split, small, tmp_path):
    again = robustness(L2SAESubject(model), test_split, small, "rendered", progress=lambda line: None)
    write_metrics(figures, tmp_path / "a.json")
    write_metrics(again, tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_trivial_model_can_be_plugged_in(test_split, small):
    subject: RobustnessSubject = Unmoved(("hair", "skin", "eyes", "nose", "lips"), 0.0)
    figures = robustness(subject, test_split, small, "rendered", progress=lambda line: None)
    for name in CONDITIONS:
        for row in figures[name]:
            assert row["miou"] == 0.0
            assert row["transfer"] == pytest.approx(0.0, abs=1e-5)
            assert row["outside_share"] == 0.0
            assert row["psnr"] > 80
    assert figures["half"]["blur"] == {}  # half of nothing is no statement


def test_photos_run_what_keeps_their_labels_and_say_why_the_rest_is_missing(test_split, small):
    photos = small.model_copy(update={"data": small.data.model_copy(update={"source": "label_map", "root": "photos"})})
    subject = Unmoved(("hair", "skin", "eyes", "nose", "lips"), 1.0)
    figures = robustness(subject, test_split, photos, "human", progress=lambda line: None)
    for name in CONDITIONS:
        if name in LABEL_PRESERVING:
            assert len(figures[name]) == 5
        else:
            assert figures[name] is None
            assert "data.source: rendered" in figures[f"{name}_reason"]


def test_a_split_of_one_image_is_refused(test_split, small, monkeypatch):
    monkeypatch.setattr(type(test_split), "__len__", lambda self: 1)
    with pytest.raises(ValueError, match=r"test split has 1 image.*data\.split"):
        robustness(Unmoved(("hair",), 0.0), test_split, small, "rendered")


def test_half_point_lies_between_the_measured_levels_around_it():
    rows = [{"miou": 0.8, "transfer": 0.6}, {"miou": 0.7, "transfer": 0.2}, {"miou": 0.5}, {"miou": 0.1}]
    found = half_points(rows, (10, 20, 40))
    assert found["miou"] == pytest.approx({"reached": True, "severity": 2.25, "level": 25.0})
    assert found["transfer"] == pytest.approx({"reached": True, "severity": 0.75})  # no level before the first


def test_half_that_is_not_reached_names_the_last_level():
    rows = [{"miou": 0.8}, {"miou": 0.7}, {"miou": 0.41}]
    assert half_points(rows, (50, 5))["miou"] == {"reached": False, "severity": 2, "level": 5.0}


def test_monk_tones_fall_into_their_bins(figures, test_split):
    tones = test_split.attributes["monk_tone"].astype(int)
    groups = figures["groups"]["skin_tone"]
    assert groups["monk_1_to_3"]["images"] == int((tones <= 3).sum())
    assert groups["monk_8_to_10"]["images"] == int((tones >= 8).sum())
    assert not any("." in key for key in figures["groups"])
    assert all(value is not None for value in flatten(figures).values())


def test_figures_and_table_show_what_was_measured(figures, model, test_split, small):
    curves = curves_figure(figures)
    assert len(curves.axes) == 4 * len(CONDITIONS)
    assert all(axes.lines[0].get_xdata()[-1] == SEVERITIES[-1] for axes in curves.axes)
    assert len(groups_figure(figures).axes) == len(figures["groups"])
    assert list(severity_table(figures, "miou").index) == list(CONDITIONS)
    strip = strip_figure(L2SAESubject(model), test_split, small, "blur", "hair", face=1)
    pictures = [axes.images[0].get_array() for axes in strip.axes if axes.images]
    assert len(pictures) == 3 * 6 + 1
    assert (pictures[0] != pictures[5]).any()
