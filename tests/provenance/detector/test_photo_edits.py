"""Photos to learn from are split by person, and cut to squares."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l2sae.provenance.detector.photo_edits import SIDE, read_rgb, split_photos, square
from l2sae.provenance.export_errors import ProvenanceError


def test_all_photos_of_a_person_are_in_one_part_whatever_folder_they_lie_in(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for number, folder in enumerate(folders):
        folder.mkdir()
        for person in range(15):
            (folder / f"{person:03d}_{number}.jpg").touch()
    split = split_photos(folders)
    parts = [{path.stem.split("_")[0] for path in part} for part in (split.learn, split.calibrate, split.measure)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 15
    with pytest.raises(ProvenanceError, match="15 photos: 20 are needed"):
        split_photos(folders[:1])


@pytest.mark.parametrize("shape", [(300, 500), (SIDE, SIDE), (100, 90)])
def test_squares_have_one_size_and_show_the_photo(shape: tuple[int, int], tmp_path: Path) -> None:
    photo = np.full((*shape, 3), (200, 100, 50), np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    cut = square(read_rgb(tmp_path / "photo.png"), np.random.default_rng(0))
    assert cut.shape == (SIDE, SIDE, 3)
    assert (cut == photo[0, 0]).all()
