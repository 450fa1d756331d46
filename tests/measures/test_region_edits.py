"""What an edit of one region did, by hand-made edits."""

import math

import pytest
import torch

from l2sae.measures.reconstruction import eight_bit
from l2sae.measures.region_edits import RegionEdits, hue_error, levels_changed, region_box, where_visible


@pytest.fixture
def edits() -> RegionEdits:
    photos = eight_bit(torch.rand(1, 3, 50, 50, generator=torch.Generator().manual_seed(0)) - 0.5)
    regions = torch.zeros(1, 2, 50, 50, dtype=torch.bool)
    regions[:, 0, 20:30, 20:30] = True  # the second is absent
    return RegionEdits(photos, regions)


def test_changes_are_told_inside_from_outside(edits: RegionEdits) -> None:
    edited = edits.photos.clone()
    edited[..., 20:30, 20:30] += 4 / 127.5
    edited[..., 0, :25] += 5 / 127.5
    found = {name: float(value[0]) for name, value in edits.changes(edited, 0).items()}
    outside = float(edits.outside[0, 0].sum())
    assert outside == pytest.approx(2500 - 14 * 14, abs=12)  # a rim of 2 pixels, 4 % of the width, is neither
    assert found["inside_mean"] == pytest.approx(4, rel=1e-3)
    assert found["outside_mean"] == pytest.approx(25 * 5 / outside, rel=1e-3)
    assert found["outside_share"] == pytest.approx(25 / outside, rel=1e-4)
    assert edits.largest_outside(edited, 0) == pytest.approx(5, rel=1e-3)


def test_an_absent_region_has_no_colour(edits: RegionEdits) -> None:
    assert edits.colour(edits.photos, 1).isnan().all()
    assert not edits.colour(edits.photos, 0).isnan().any()
    assert float(edits.distance(edits.photos, 0, edits.colour(edits.photos, 0))) == 0


def test_a_photo_correlates_with_itself(edits: RegionEdits) -> None:
    detail = edits.detail(edits.crop(edits.photos, 0), 0)
    assert float(detail.edge_correlation(detail)) == pytest.approx(1, abs=1e-4)
    assert detail.lab.shape == (1, 3, 14, 14)


def test_a_box_holds_its_region_with_a_margin_and_everything_where_there_is_none(edits: RegionEdits) -> None:
    assert region_box(edits.regions[:, :1]) == (slice(18, 32), slice(18, 32))
    assert region_box(edits.regions[:, 1:]) == (slice(0, 50), slice(0, 50))


def test_hues_of_greys_cannot_be_told() -> None:
    red, yellow, grey = (torch.tensor([50.0, a, b]) for a, b in ((40, 0), (0, 40), (1, 1)))
    assert float(hue_error(red, yellow)) == pytest.approx(90, abs=1e-3)
    assert math.isnan(float(hue_error(red, grey)))


def test_only_visible_differences_count() -> None:
    values = where_visible(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([9.9, 10.0, torch.nan]))
    assert values.isnan().tolist() == [True, False, True]
    assert float(levels_changed(torch.ones(1), torch.zeros(1))) == 127.5
