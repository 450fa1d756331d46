"""The faces of the robustness benchmark are the same people at each severity."""

import torch

from l2sae.measures.robustness_conditions import CONDITIONS, FaceSource


def test_turned_and_lit_faces_are_the_same_people_and_others_than_the_prepared(test_split, params):
    source = FaceSource(test_split, params, 64, 10)
    frontal, after = source.with_references((7, 8, 9), CONDITIONS["pose"])
    assert after.indices == (8, 9, 0)
    torch.testing.assert_close(after.photos[:2], frontal.photos[1:])
    torch.testing.assert_close(after.photos[2], source.at((0,), CONDITIONS["pose"], 0).photos[0])
    turned = source.at((7, 8, 9), CONDITIONS["pose"], 5).photos
    columns = torch.arange(64.0)

    def nose(condition, severity):
        labels = source.at((7, 8), condition, severity).labels == 4
        return (labels.float().sum(dim=1) * columns).sum(dim=1) / labels.sum(dim=(1, 2))

    moved = nose(CONDITIONS["pose"], 5) - nose(CONDITIONS["pose"], 0)
    assert float(moved[0]) * float(moved[1]) < 0  # the two blocks of faces turn to opposite sides
    assert (turned - frontal.photos).abs().mean() > 0.05
    lit = source.at((7, 8), CONDITIONS["lighting"], 5)
    assert torch.equal(lit.labels, source.at((7, 8), CONDITIONS["lighting"], 0).labels)
