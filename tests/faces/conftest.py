import numpy as np
import pytest
import skimage

from l2sae.faces import Face, find_faces


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    return skimage.data.astronaut()


@pytest.fixture(scope="session")
def face(astronaut: np.ndarray) -> Face:
    return find_faces(astronaut)[0]
