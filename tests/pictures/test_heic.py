"""HEIC, with the extra ``heic``."""

from pathlib import Path

import numpy as np
import pytest

from l2sae.pictures.errors import UnusableError
from l2sae.pictures.reading import load_picture
from tests.field_cases.cases import P3, exif, portrait

pillow_heif = pytest.importorskip("pillow_heif", reason="needs the extra heic")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    heif = pillow_heif.from_pillow(portrait(256))
    heif.save(tmp_path / "photo.HEIC", quality=95, icc_profile=P3, exif=exif(1).tobytes())
    return tmp_path / "photo.HEIC"


def test_photos_of_phones_are_read(photo: Path) -> None:
    picture = load_picture(photo)
    apart = np.abs(picture.pixels.astype(int) - np.asarray(portrait(256)))
    assert apart.mean() < 4
    assert picture.profile == P3
    assert picture.metadata.main[0x8298] == "(c) Ann Author"


def test_damaged_ones_are_not(photo: Path) -> None:
    content = photo.read_bytes()
    photo.write_bytes(content[: len(content) // 2])
    with pytest.raises(UnusableError):
        load_picture(photo)
