"""Eyes and brows lie on their sides."""

import torch

from l2sae.render.rendered_faces import render_faces
from l2sae.rois import Roi

SIZE = 64


def test_subjects_left_is_on_the_pictures_right() -> None:
    rois = [Roi(name=part, channels=1, parts=(part,)) for part in ("l_eye", "r_eye", "l_brow", "r_brow")]
    mattes = render_faces(32, size=SIZE, seed=1, rois=rois).mattes
    columns = torch.arange(SIZE, dtype=torch.float32)
    centre = {name: (m[:, 0] * columns).sum((1, 2)) / m.sum((1, 2, 3)).clamp_min(1e-6) for name, m in mattes.items()}
    for part in ("eye", "brow"):
        both = (mattes[f"l_{part}"].sum((1, 2, 3)) > 1) & (mattes[f"r_{part}"].sum((1, 2, 3)) > 1)
        assert both.sum() >= 20
        assert (centre[f"l_{part}"] > centre[f"r_{part}"])[both].all()
