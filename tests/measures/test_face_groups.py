"""Groups of faces are compared where they are large enough."""

import numpy as np
import pandas as pd
import pytest

from l2sae.measures.face_groups import SMALL, group_figures
from l2sae.measures.running_sums import resampling_weights


def grouped(first, second, size=SMALL):
    """Figures of two glasses groups whose images all have these IoUs."""
    count = 2 * size
    overlap = np.zeros((count, 1, 3))
    overlap[:, 0, 0] = np.repeat([first, second], size)
    overlap[:, 0, 1] = overlap[:, 0, 0]
    overlap[:, 0, 2] = 1
    ones = np.ones((count, 1))
    columns = {
        "overlap": overlap,
        "distance_after": 0.5 * ones,
        "distance_before": ones,
        "outside_share": 0 * ones,
        "outside_share/n": ones,
    }
    columns |= {"psnr": np.full(count, 20.0), "psnr/n": np.ones(count)}
    attributes = pd.DataFrame({"glasses": np.repeat(["no", "yes"], size)})
    return group_figures(columns, attributes, resampling_weights(count, 50, 0))


def test_groups_have_their_own_figures_and_the_ratio_of_the_worst_to_the_best():
    groups, intervals = grouped(0.8, 0.6)
    assert groups["glasses"]["no"] == pytest.approx(
        {"miou": 0.8, "transfer": 0.5, "psnr": 20.0, "outside_share": 0.0, "images": SMALL, "small": False}
    )
    assert groups["glasses"]["worst_to_best"]["miou"] == pytest.approx(0.75)
    assert intervals["glasses"]["worst_to_best"]["miou"] == pytest.approx([0.75, 0.75])
    assert "mask mIoU of yes is 0.75 of that of no" in groups["glasses"]["statement"]
    assert "style transfer shows no difference beyond chance" in groups["glasses"]["statement"]


def test_small_groups_are_flagged_and_not_compared():
    groups, _ = grouped(0.8, 0.6, size=SMALL - 1)
    assert groups["glasses"]["yes"]["small"]
    assert groups["glasses"]["worst_to_best"] == {}
    assert "cannot be compared" in groups["glasses"]["statement"]
    assert f"yes ({SMALL - 1})" in groups["glasses"]["statement"]
