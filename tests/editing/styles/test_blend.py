"""Blend mixes references by their weights."""

import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.editing import Blend, EditError, Swap, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


def test_blend_weights_count_relative_to_their_sum(tiny_model: L2SAE, photos: Photos) -> None:
    only = edit(tiny_model, photos[0], "hair", Blend([(photos[1], 3.0), (photos[2], 0.0)]))
    assert np.array_equal(only, edit(tiny_model, photos[0], "hair", Swap(photos[1])))
    half = edit(tiny_model, photos[0], "hair", Blend([(photos[1], 1), (photos[2], 1)]))
    assert np.array_equal(half, edit(tiny_model, photos[0], "hair", Blend([(photos[1], 2), (photos[2], 2)])))
    for weights in ((0, 0), (-1, 2), (float("nan"), 1)):
        with pytest.raises(EditError, match="Blend with weights"):
            Blend(list(zip(photos, weights, strict=False)))
