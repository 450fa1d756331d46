"""The person is parted from the background."""

import numpy as np

from l2sae.faces import person_mask


def test_the_person_is_parted_from_the_background(astronaut: np.ndarray):
    mask = person_mask(astronaut)
    assert (mask.shape, mask.dtype) == (astronaut.shape[:2], np.float32)
    assert mask[100, 225] > 0.9  # face
    assert mask[20:80, 20:80].mean() < 0.3  # flag
    assert mask.max() <= 1
