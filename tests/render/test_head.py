"""Neck and ears belong to the head that they are seen with."""

import numpy as np
import pytest
import torch

from l2sae.render.rendered_faces import render_faces
from l2sae.rois import Roi

SIZE = 64


@pytest.mark.parametrize("part", ["neck", "l_ear"])
def test_neck_and_ears_have_the_hue_of_the_face(part: str) -> None:
    rois = [Roi(name=name, channels=1, parts=(name,)) for name in ("skin", part)]
    faces = render_faces(64, size=SIZE, seed=2, rois=rois, factors={"face_mask": 0.0})
    inside = {name: (matte > 0.9).float() for name, matte in faces.mattes.items()}
    rows = inside[part].flatten(1).sum(1) > 12
    assert rows.sum() > 10
    light = ((faces.images + 1) / 2).square()
    mean = {name: (light * where).sum((2, 3)) / where.sum((2, 3)) for name, where in inside.items()}
    face, other = (torch.log(mean[name][rows, 0] / mean[name][rows, 2]).numpy() for name in ("skin", part))
    assert np.corrcoef(face, other)[0, 1] > 0.85
