"""Named is the style of that name."""

import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.editing import EditError, Named, Swap, edit
from l2sae.editing.named_styles import NamedStyle
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


def test_a_named_style_edits_as_its_vector_does(tiny_model: L2SAE, photos: Photos, styles: list[NamedStyle]) -> None:
    for roi, style in (("hair", styles[0]), ("lips", styles[2])):
        by_name = edit(tiny_model, photos[0], roi, Named("copper"), align=None)
        assert np.array_equal(by_name, edit(tiny_model, photos[0], roi, Swap(style.vector), align=None))


def test_unknown_names_are_refused_with_the_known_ones(tiny_model: L2SAE, photos: Photos, styles: object) -> None:
    with pytest.raises(EditError, match="no style named 'gold' for hair: there are copper, silver"):
        edit(tiny_model, photos[0], "hair", Named("gold"))
    with pytest.raises(EditError, match="no style named 'copper' for skin: there are none"):
        edit(tiny_model, photos[0], "skin", Named("copper"))
