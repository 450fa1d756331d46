"""L2SAE, Reinhard and inversion on the same pairs."""

import numpy as np
import pytest

from l2sae.measures import method_comparison as comparison
from l2sae.measures.inversion import ENOUGH_STEPS, MODES


def test_unchanged_photos_transfer_nothing_and_keep_all_edges(pairs):
    figures = pairs.score([pairs.photos] * len(pairs.model.rois))
    assert figures["transfer"] == pytest.approx(0, abs=1e-6)
    assert figures["edge_correlation"] == pytest.approx(1, abs=1e-4)
    assert figures["outside_mean"] == 0


def test_a_flat_picture_of_the_references_colour_transfers_all(pairs):
    from kornia.color import lab_to_rgb

    target = pairs.colour.roll(-1, dims=0).nan_to_num()
    flat = [
        (lab_to_rgb(target[:, r, :, None, None].expand_as(pairs.lab)) * 2 - 1) for r in range(len(pairs.model.rois))
    ]
    assert pairs.score(flat)["transfer"] > 0.95


def test_reinhard_moves_colour_towards_the_reference(pairs):
    assert 0 < pairs.score(pairs.reinhard_edits())["transfer"] < 1


def test_trajectory_is_scored_at_powers_of_two_and_at_the_end(pairs):
    assert [point["step"] for point in pairs.trajectory("style", 0.1, 6)] == [1, 2, 4, 6]


def test_comparison_has_every_method_and_curves_grow_in_time(model, test_split):
    table, curves, intervals = comparison.compare(model, test_split, "detail", 3, 0.01, progress=lambda line: None)
    methods = {"detail", "replace", "reinhard", *(f"inversion_{mode}" for mode in MODES)}
    assert set(table) == methods | {"faces"}
    for method in methods:
        assert table[method]["seconds"] > 0
        assert set(intervals[method]) == {"transfer", "edge_correlation", "outside_mean"}
        for name, (low, high) in intervals[method].items():
            assert low <= table[method][name] <= high
    assert intervals["replace"]["transfer"][0] < intervals["replace"]["transfer"][1]
    for curve in curves.values():
        assert curve["seconds"] == sorted(curve["seconds"])
        assert len(curve["transfer"]) == len(curve["psnr"]) == len(curve["steps"]) == 3


def test_inversion_is_scored_after_the_steps_that_are_enough(model, test_split):
    table, curves, _ = comparison.compare(model, test_split, "detail", 8, 0.01, progress=lambda line: None)
    for mode in MODES:
        used = min(8, ENOUGH_STEPS[mode])
        place = curves[mode]["steps"].index(used)
        assert table[f"inversion_{mode}"]["transfer"] == curves[mode]["transfer"][place]
        assert curves[mode]["steps"][-1] == min(8, comparison.BEYOND * ENOUGH_STEPS[mode])


def test_intervals_are_those_of_resampled_faces(model, test_split):
    """Against a bootstrap by hand: faces drawn with replacement, sums over their ROIs."""
    pairs = comparison.Pairs(model, test_split, "detail", 4, resamples=400, seed=3)
    edits = pairs.reinhard_edits()
    columns = pairs._columns(edits)
    after, before = (columns[f"distance_{when}"].sum(axis=1) for when in ("after", "before"))
    draws = np.random.default_rng(0).integers(0, len(after), size=(4000, len(after)))
    with np.errstate(invalid="ignore"):
        expected = np.nanpercentile(1 - after[draws].sum(axis=1) / before[draws].sum(axis=1), [2.5, 97.5])
    assert pairs.score(edits)["ci"]["transfer"] == pytest.approx(list(expected), abs=0.1)


def test_grid_search_prefers_the_step_size_with_the_highest_transfer(model, test_split, monkeypatch):
    def trajectory(pairs, mode, rate, steps):
        return [{"step": 1, "transfer": rate}, {"step": 2, "transfer": rate * 1.001}, {"step": 4, "transfer": 0.0}]

    monkeypatch.setattr(comparison.Pairs, "trajectory", trajectory)
    found = comparison.grid_search(model, test_split, "detail", 4, progress=lambda line: None)
    assert {mode: (one["rate"], one["steps"]) for mode, one in found.items()} == dict.fromkeys(MODES, (0.3, 1))
