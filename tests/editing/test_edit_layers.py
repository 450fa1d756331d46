"""A layer gives each region its style."""

import numpy as np
from numpy.typing import NDArray

from l2sae.editing import Noise, Swap, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


def test_each_roi_may_have_its_own_style(tiny_model: L2SAE, photos: Photos) -> None:
    mattes = {roi: np.zeros(photos[0].shape[:2], np.uint8) for roi in ("hair", "lips")}
    mattes["hair"][:40] = 255
    mattes["lips"][60:] = 255
    styles = {"hair": Swap(photos[1]), "lips": Noise(2.0)}
    both = edit(tiny_model, photos[0], style=styles, mattes=mattes)
    for roi, style in styles.items():
        alone = edit(tiny_model, photos[0], roi, style, mattes={roi: mattes[roi]})
        assert np.abs(both[mattes[roi] > 0].astype(int) - alone[mattes[roi] > 0]).max() <= 1
    assert np.array_equal(both[40:60], photos[0][40:60])


def test_face_stands_for_skin_and_nose(tiny_model: L2SAE, photos: Photos) -> None:
    whole = edit(tiny_model, photos[0], ("face", "hair"), Noise(2.0))
    assert np.array_equal(whole, edit(tiny_model, photos[0], ("skin", "nose", "hair"), Noise(2.0)))
    styles = {"face": Noise(2.0), "nose": Noise(1.0)}
    own = edit(tiny_model, photos[0], style={"skin": Noise(2.0), "nose": Noise(1.0)})
    assert np.array_equal(edit(tiny_model, photos[0], style=styles), own)
