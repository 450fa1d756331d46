"""The parts of a painted face share its pixels out."""

import torch

from l2sae.render.rendered_faces import PARTS, render_faces
from l2sae.rois import Roi

SIZE = 64


def test_parts_share_the_pixels_out_and_skin_takes_in_neck_and_ears() -> None:
    rois = [Roi(name=part, channels=1, parts=(part,)) for part in PARTS]
    mattes = render_faces(64, size=SIZE, seed=2, rois=rois).mattes
    assert mattes["neck"].mean() > 0.01
    assert mattes["l_ear"].mean() > 0.0005
    total = torch.stack(list(mattes.values())).sum(0)
    assert total.max() <= 1 + 1e-5
    skin = mattes["skin"] + mattes["neck"] + mattes["l_ear"] + mattes["r_ear"]
    torch.testing.assert_close(render_faces(64, size=SIZE, seed=2).mattes["skin"], skin)
