"""What is held before a face hides it, and nothing comes to light."""

import numpy as np
import pytest
import torch

from l2sae.render.factors import OCCLUDERS
from l2sae.render.rendered_faces import RenderedFaces, render_faces
from l2sae.rois import DEFAULT_ROIS, roi_labels

SIZE = 64


@pytest.mark.parametrize("name", OCCLUDERS)
def test_an_occluder_can_be_put_before_every_face(bare: RenderedFaces, name: str) -> None:
    assert set(bare.factors["occlusion"]) == {"none"}
    assert bare.factors["hidden"].max() == 0
    hidden = render_faces(16, size=SIZE, seed=3, factors={name: 1.0})
    able = np.ones(16, bool) if name != "strands" else ~np.isin(bare.factors["hair_style"], ["bald", "receding"])
    assert (hidden.factors["occlusion"][able] == name).mean() > 0.9
    np.testing.assert_array_equal(hidden.factors["monk_tone"], bare.factors["monk_tone"])
    changed = (hidden.images - bare.images).abs().flatten(1).mean(1)
    assert (changed[torch.from_numpy(hidden.factors["occlusion"] == name)] > 0).all()
    # Nothing comes to light by being hidden: only hair may grow, and only by strands of it.
    for roi, matte in hidden.mattes.items():
        grown = (matte - bare.mattes[roi]).amax()
        assert grown <= 1e-6 or (name, roi) == ("strands", "hair")


def test_a_face_mask_hides_the_lips_and_much_of_the_face(bare: RenderedFaces) -> None:
    masked = render_faces(16, size=SIZE, seed=3, factors={"face_mask": 1.0})
    assert masked.mattes["lips"].amax() < 0.05
    assert masked.mattes["nose"].sum() < 0.7 * bare.mattes["nose"].sum()
    torch.testing.assert_close(masked.mattes["eyes"], bare.mattes["eyes"], atol=0.3, rtol=0)
    assert masked.factors["hidden"].min() > 0.2
    assert (masked.labels == roi_labels(DEFAULT_ROIS)["lips"]).sum() == 0


def test_hands_have_the_colour_of_the_face() -> None:
    """The pixels that a hand covers are about as bright as the face that it hides."""
    bare, hands = (render_faces(32, size=SIZE, seed=9, factors={"hand": value}) for value in (0.0, 1.0))
    covered = (bare.mattes["skin"] - hands.mattes["skin"]) > 0.9
    rows = covered.flatten(1).sum(1) > 30
    assert rows.sum() > 20

    def brightness(images: torch.Tensor, where: torch.Tensor) -> np.ndarray:
        return ((images.mean(1, keepdim=True) * where).sum((1, 2, 3)) / where.sum((1, 2, 3)))[rows].numpy()

    skin = bare.mattes["skin"] > 0.9
    assert np.corrcoef(brightness(hands.images, covered), brightness(bare.images, skin))[0, 1] > 0.8
