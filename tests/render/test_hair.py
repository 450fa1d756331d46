"""Hair has soft edges, and loose strands of it hang over the face."""

from l2sae.render.rendered_faces import RenderedFaces, render_faces

SIZE = 64


def test_mattes_have_soft_edges(faces: RenderedFaces) -> None:
    hair = faces.mattes["hair"]
    assert 0.005 < ((hair > 0.05) & (hair < 0.95)).float().mean() < 0.2


def test_loose_strands_are_hair_in_front_of_the_face(bare: RenderedFaces) -> None:
    loose = render_faces(16, size=SIZE, seed=3, factors={"strands": 1.0})
    grown = loose.mattes["hair"] - bare.mattes["hair"]
    lost = sum(bare.mattes[roi] - loose.mattes[roi] for roi in ("skin", "eyes", "nose", "lips"))
    assert grown.amax() > 0.4
    assert (grown - lost).amin() > -1e-4  # what the face loses is hair
