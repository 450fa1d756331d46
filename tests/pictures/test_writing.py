"""Picture files by their ending, with the limits of each format."""

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.pictures.errors import EditError
from l2sae.pictures.writing import check_storable, encode, format_of, storable, through_jpeg, write_picture

LOSSLESS = (".png", ".tif", ".tiff")


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)


@pytest.mark.parametrize("ending", LOSSLESS)
def test_lossless_files_hold_the_pixels(picture: NDArray[np.uint8], ending: str) -> None:
    assert not format_of(f"a{ending}").lossy
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(picture, f"a{ending}")))), picture)


def test_names_and_sizes_that_no_format_takes_are_refused() -> None:
    with pytest.raises(EditError, match=r"a\.gif: the name has to end in \.png"):
        format_of("a.gif")
    with pytest.raises(EditError, match="WEBP holds 16383 a side"):
        check_storable("a.webp", 16_384, 10)


def test_transparency_is_laid_over_white_where_the_format_has_none(picture: NDArray[np.uint8]) -> None:
    clear = np.concatenate([picture, np.zeros((48, 40, 1), np.uint8)], axis=2)
    shown, note = storable(clear, "a.jpg")
    assert (shown == 255).all()
    assert note is not None
    assert "JPEG holds no transparency" in note
    assert storable(clear, "a.png")[0] is clear
    with pytest.raises(EditError, match="JPEG has no transparency"):
        encode(clear, "a.jpg")


def test_a_picture_takes_the_place_of_another_whole(picture: NDArray[np.uint8], tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_picture(255 - picture, path)
    write_picture(picture, path)
    assert np.array_equal(np.asarray(Image.open(path)), picture)
    assert list(tmp_path.iterdir()) == [path]


def test_worse_jpeg_strays_further(picture: NDArray[np.uint8]) -> None:
    fine, coarse = (np.abs(through_jpeg(picture, quality).astype(int) - picture).mean() for quality in (95, 20))
    assert 0 < fine < coarse
