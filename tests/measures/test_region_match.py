"""Regions of a data set are found among a model's, one to one where they are the same."""

import pytest
import torch

from l2sae.editing import Noise
from l2sae.measures.region_match import match_regions
from l2sae.model import L2SAE
from l2sae.rois import Roi


def test_own_regions_match_one_to_one_and_mattes_pass_through(model: L2SAE) -> None:
    match = match_regions(model, model.rois)
    mattes = torch.rand(2, len(model.rois), 4, 4)
    assert match.equal
    assert match.mattes(mattes) is mattes


def test_a_region_of_several_parts_is_the_sum_of_its_members(model: L2SAE) -> None:
    names = {roi.name: roi.parts for roi in model.rois}
    rois = (Roi(name="head", channels=1, parts=(*names["hair"], *names["skin"], "hat")),)
    match = match_regions(model, rois)
    assert not match.equal
    mattes = torch.zeros(1, len(model.rois), 1, 2)
    mattes[0, model.roi_names.index("hair")] = torch.tensor([0.25, 1.0])
    mattes[0, model.roi_names.index("skin")] = 0.5
    assert match.mattes(mattes).flatten().tolist() == [0.75, 1.0]
    assert set(match.layer(0, Noise(1.0)).styles) == {"hair", "skin"}


def test_a_region_smaller_than_any_takes_the_one_that_holds_it(model: L2SAE) -> None:
    match = match_regions(model, (Roi(name="eye", channels=1, parts=("l_eye",)),))
    assert match.members == ((model.roi_names.index("eyes"),),)


def test_a_region_that_the_model_does_not_know_is_named(model: L2SAE) -> None:
    with pytest.raises(ValueError, match=r"rois\.coat.*leave it out"):
        match_regions(model, (Roi(name="coat", channels=1, parts=("cloth",)),))
