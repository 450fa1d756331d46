"""The weights of the face networks."""

from l2sae.faces import weights


def test_networks_are_loaded_once():
    assert weights.detector() is weights.detector()
