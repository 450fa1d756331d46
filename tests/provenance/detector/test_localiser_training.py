"""What the localiser learns from: damage that leaves nothing but the edit to be seen."""

import numpy as np
import pytest

from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.detector.localiser_training import Schedule, damaged_pairs, train_localiser


def untouched(count: int) -> list[EditedFace]:
    """Photos and edits that are the same, but for the truth that is claimed."""
    photos = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)
    return [EditedFace(photo, photo, np.zeros((64, 64), bool), ("hair",)) for photo in photos]


def test_a_photo_and_an_equal_edit_come_out_equal() -> None:
    for seed in range(4):
        pixels, truth = damaged_pairs(untouched(2), np.random.default_rng(seed))
        photos, edits = pixels.chunk(2)
        assert (photos == edits).all()
        assert truth.sum() == 0


def test_the_generator_decides_the_damage() -> None:
    first, again, other = (damaged_pairs(untouched(1), np.random.default_rng(seed))[0] for seed in (5, 5, 6))
    assert (first == again).all()
    assert first.shape != other.shape or (first != other).any()


def test_without_faces_there_is_nothing_to_learn() -> None:
    with pytest.raises(ValueError, match="no edited faces"):
        train_localiser([], Schedule(steps=1), seed=0)
