from pathlib import Path

import numpy as np
from PIL import Image

from l2sae.bench.bulk_speed import growth, make_photos, measure_bulk
from l2sae.model import L2SAE


def test_photos_are_of_the_size_asked_for_and_all_differ(tmp_path: Path) -> None:
    made = [np.asarray(Image.open(path)) for path in sorted(make_photos(tmp_path, 30, 96).iterdir())]
    assert {photo.shape for photo in made} == {(96, 96, 3)}
    assert len({photo.tobytes() for photo in made}) == 30


def test_memory_is_compared_between_early_and_late_photos() -> None:
    samples = [(0, 50.0), (200, 100.0), (250, 102.0), (1000, 105.0), (1950, 110.0), (2000, 112.0), (2000, 20.0)]
    found = growth(samples)
    assert found["settled"] == 101
    assert found["end"] == 111
    assert found["growth"] == 10


def test_a_run_is_compared_with_what_the_cores_could_do(tiny_model: L2SAE) -> None:
    found = measure_bulk(tiny_model, photos=4, side=64, marked=False, alone=2, progress=lambda line: None)
    assert found["done"] == 4
    assert found["sum_s"] == sum(found["parts_s"].values())
    assert 0 < found["share_of_bound"] <= 1.2
    assert found["bound_photos_per_s"] == found["cores"] / found["sum_s"]
