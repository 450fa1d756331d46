"""Hand-computed cases of the swap figures, with a stand-in for the model's edits where the truth must be known."""

import numpy as np
import pytest
import torch

from l2sae.measures.figures_from_sums import summarise
from l2sae.measures.reconstruction import eight_bit
from l2sae.measures.region_match import match_regions
from l2sae.measures.regions import one_hot
from l2sae.measures.running_sums import RunningSums, Tally
from l2sae.measures.swaps import FaceStatistics, SwapMeasurement, face_statistics

COLOURS = torch.tensor([[0.8, -0.5, -0.6], [-0.7, 0.2, 0.7]])
NOTHING = torch.tensor([0.1, 0.1, 0.1])


@pytest.fixture
def two_faces(model):
    """Two flat pictures of different colours, each with two of the ROIs as bars; the others are absent."""
    labels = torch.zeros(2, 32, 32, dtype=torch.uint8)
    labels[:, :12], labels[:, 16:28] = 1, 2
    regions = one_hot(labels, len(model.rois))
    photos = eight_bit(COLOURS[:, :, None, None].expand(2, 3, 32, 32).contiguous())
    return photos, regions


def measure(model, photos, regions, paint, monkeypatch) -> dict:
    """Figures of the pairs (0, 1) and (1, 0) when each edit of ROI r is ``paint(photos, region, references)``."""
    mattes = regions.float()
    styles = model.encode(photos).style.detach()
    statistics = face_statistics(styles, photos, regions, mattes)
    swapped = statistics.at(torch.tensor([1, 0]))
    measurement = SwapMeasurement(model, photos, regions, "detail", match_regions(model, model.rois))
    references = photos.flip(0)

    def render(r, style, compose, seed=0):
        return eight_bit(paint(photos, regions[:, [r]], references))

    monkeypatch.setattr(measurement, "_render", render)
    measurement.mattes = mattes
    sums, tally = RunningSums(), Tally()
    with torch.inference_mode():
        measurement.measure_pair(statistics, swapped, torch.zeros(2), sums)
        sums.add("diversity", torch.zeros(2, len(model.rois)))
    sums.into(tally)
    for name in ("overlap", "constant"):
        tally.add(name, torch.ones(2, len(model.rois), 3))
    tally.add("boundary", torch.zeros(2, len(model.rois)))
    return summarise(tally.columns(), model.roi_names, "detail", 10, 0)


def test_an_edit_that_changes_nothing_transfers_nothing(model, two_faces, monkeypatch):
    figures = measure(model, *two_faces, lambda photo, region, reference: photo, monkeypatch)
    assert figures["style"]["transfer"]["hair"] == pytest.approx(0.0, abs=1e-6)
    assert figures["style"]["transfer_replace"]["mean"] == pytest.approx(0.0, abs=1e-6)
    assert figures["locality"] == {"outside_mean": 0.0, "outside_share": 0.0, "inside_mean": 0.0}


def test_a_transplant_of_the_reference_colour_transfers_all_of_it(model, two_faces, monkeypatch):
    def paint(photo, region, reference):
        return torch.where(region, reference, photo)

    figures = measure(model, *two_faces, paint, monkeypatch)
    assert figures["style"]["transfer"]["hair"] == pytest.approx(1.0, abs=1e-5)
    assert figures["style"]["transfer_detail"]["skin"] == pytest.approx(1.0, abs=1e-5)
    assert figures["locality"]["outside_mean"] == 0.0
    expected = (two_faces[0][0, :, 0, 0] - two_faces[0][1, :, 0, 0]).abs().mean() * 127.5
    assert figures["locality"]["inside_mean"] == pytest.approx(float(expected), rel=1e-5)


def test_absent_rois_are_left_out_and_counted_as_no_pairs(model, two_faces, monkeypatch):
    figures = measure(model, *two_faces, lambda photo, region, reference: photo, monkeypatch)
    assert figures["style"]["transfer"]["pairs"] == {"hair": 2, "skin": 2} | dict.fromkeys(model.roi_names[2:], 0)
    assert "eyes" not in figures["style"]["transfer"]


def test_pairs_that_hardly_differ_do_not_count(model, two_faces, monkeypatch):
    photos, regions = two_faces
    alike = eight_bit(photos[:1].expand(2, -1, -1, -1) + torch.tensor([0.0, 0.02])[:, None, None, None])
    figures = measure(model, alike, regions, lambda photo, region, reference: photo, monkeypatch)
    assert set(figures["style"]["transfer"]["pairs"].values()) == {0}
    assert "mean" not in figures["style"]["transfer"]


def test_change_outside_is_counted_in_levels_beyond_four_percent_of_the_width(model, two_faces, monkeypatch):
    def paint(photo, region, reference):
        spoiled = photo.clone()
        spoiled[..., -1, :] += 5 / 127.5  # the last of 32 rows, far from hair, 4 rows below skin
        return spoiled

    figures = measure(model, *two_faces, paint, monkeypatch)
    rows_outside = {"hair": 32 - 12 - 1, "skin": 32 - 12 - 2}  # dilated by 1.28
    rows_outside |= dict.fromkeys(model.roi_names[2:], 32)
    share = np.mean([1 / rows for rows in rows_outside.values()])
    assert figures["locality"]["outside_share"] == pytest.approx(share, rel=1e-5)
    assert figures["locality"]["outside_mean"] == pytest.approx(5 * share, rel=1e-3)


def test_true_mattes_leave_the_outside_alone(model, two_faces):
    photos, regions = two_faces
    textured = eight_bit(photos + 0.2 * torch.randn(photos.shape, generator=torch.Generator().manual_seed(0)))
    statistics = FaceStatistics(*(torch.randn(2, model.style_size),) * 5)
    measurement = SwapMeasurement(model, textured, regions, "detail", match_regions(model, model.rois))
    with torch.inference_mode():
        assert measurement.change_outside_given(statistics, 0) == 0.0
        measurement.edits.outside[:] = True
        assert measurement.change_outside_given(statistics, 0) > 0.0  # the edit itself did change something
