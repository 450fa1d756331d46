"""What a person judges an edit by."""

import numpy as np
import pytest
import torch

from l2sae.editing import EditSession, Noise
from l2sae.model import L2SAE


def test_reconstruction_error_is_that_of_the_decoded_photo(session: EditSession, tiny_model: L2SAE) -> None:
    found = session.reconstruction_error()
    editor = session.editor
    with torch.no_grad():
        decoded = tiny_model.decode(editor.latents.structure, editor.latents.style)
    mean_square = float(((decoded - editor.images) / 2).square().mean())
    assert found.psnr == pytest.approx(-10 * np.log10(mean_square), abs=1e-3)
    assert set(found.rois) == set(tiny_model.roi_names)


def test_difference_is_grey_where_nothing_changed(session: EditSession) -> None:
    matte = np.zeros((97, 131), np.uint8)
    matte[20:60, 20:60] = 255
    session.add_layer("hair", Noise(3.0), matte=matte)
    shown = session.difference()
    assert (shown[matte == 0] == 128).all()
    assert (shown[matte > 0] != 128).any()


def test_nothing_changes_where_no_matte_reaches(session: EditSession) -> None:
    matte = np.zeros((97, 131), np.uint8)
    matte[20:60, 20:60] = 100  # weak: below one half, so all of it counts as outside
    session.add_layer("hair", Noise(3.0), matte=matte)
    outside = session.outside()
    assert outside.largest == 0
    assert 0 < outside.share <= 1600 / (97 * 131)
    assert (outside.picture[matte == 0] != (230, 159, 0)).any(axis=1).all()
