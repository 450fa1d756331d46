"""The index lists of landmarks outline what their names say."""

from l2sae.faces import Face
from l2sae.faces import landmarks as lm


def test_outlines_enclose_the_irises_and_lie_in_the_face(face: Face):
    from skimage.measure import points_in_poly

    for eye, iris in ((lm.RIGHT_EYE, lm.RIGHT_IRIS), (lm.LEFT_EYE, lm.LEFT_IRIS)):
        assert points_in_poly(face.landmarks[[iris[0]]], face.landmarks[list(eye)]).all()
    outline = face.landmarks[list(lm.FACE)]
    for part in (lm.RIGHT_EYE, lm.LEFT_EYE, lm.RIGHT_BROW, lm.LEFT_BROW, lm.LIPS, lm.MOUTH, lm.NOSE):
        assert points_in_poly(face.landmarks[list(part)], outline).all()
    assert sorted(lm.RIGHT_LIDS) == sorted(lm.RIGHT_EYE)
    assert sorted(lm.LEFT_LIDS) == sorted(lm.LEFT_EYE)
