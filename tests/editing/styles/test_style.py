"""What a style of one's own has to offer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing import Style, Swap, edit
from l2sae.editing.references import encode_reference
from l2sae.editing.styles.style import StyleRecord
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


def test_a_style_of_ones_own_edits_without_being_listed(tiny_model: L2SAE, photos: Photos) -> None:
    class Opposite(Style):
        usage = "Opposite()"

        def vectors(self, model: L2SAE, own: Tensor, seed: int, rois: Sequence[str]) -> Tensor:
            return -own

        def record(self, model: L2SAE) -> StyleRecord:
            raise NotImplementedError

    vector = -encode_reference(tiny_model, photos[1])
    by_kind = edit(tiny_model, photos[1], "hair", Opposite(), align=None)
    assert np.array_equal(by_kind, edit(tiny_model, photos[1], "hair", Swap(vector), align=None))
