import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    return np.ascontiguousarray(skimage.data.astronaut()[:270, 95:365])
