"""Pictures of what marks survive and what the localiser sees."""

import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.drawings import heat_figure, survival_figure

ATTACKS = ["none", "jpeg_75"]


def test_bars_have_the_values_and_missing_ones_none() -> None:
    metrics = {
        "watermark": {"none": {"detected": 1.0}, "jpeg_75": {"detected": 0.5}},
        "ci": {"watermark": {"jpeg_75": {"detected": [0.4, 0.6]}}},
        "detector": {"detail": {"none": {"auc": 0.9}}},
    }
    left, right = survival_figure(metrics, ATTACKS).axes
    assert [bar.get_width() for bar in left.patches] == [1.0, 0.5]
    assert left.lines[1].get_xdata() == pytest.approx([0.4, 0.6])
    assert [bar.get_width() for bar in right.patches] == [0.9]
    assert [label.get_text() for label in left.get_yticklabels()] == ATTACKS


def test_edits_of_the_most_different_regions_are_shown(photos: list[NDArray[np.uint8]]) -> None:
    photo = photos[1]

    def edit(*rois: str, share: float = 0.5) -> EditedFace:
        truth = np.zeros(photo.shape[:2], bool)
        truth[: round(share * len(truth))] = True
        return EditedFace(photo=photo, edited=255 - photo, truth=truth, rois=rois)

    def looks(picture: NDArray[np.uint8]) -> tuple[float, NDArray[np.float32]]:
        return 0.75, np.full(picture.shape[:2], 0.5, np.float32)

    faces = {"detail": [edit("hair"), edit("hair"), edit("hair", "skin"), edit("lips", share=0.1)]}
    figure = heat_figure(looks, faces, count=2)  # type: ignore[arg-type]
    pictures = [axes for axes in figure.axes if axes.images]
    assert len(pictures) == 2 * 4
    assert [text.get_text() for axes in pictures for text in axes.texts].count("0.75") == 4
