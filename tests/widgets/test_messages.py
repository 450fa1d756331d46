"""What goes to the browser: pictures as the bytes of files."""

import io

import numpy as np
from PIL import Image

from l2sae.widgets.messages import coloured, jpeg, png


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_pictures_are_files_of_their_kind() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    assert (opened(jpeg(picture)).format, opened(jpeg(picture[..., 0])).mode) == ("JPEG", "L")
    assert np.array_equal(np.asarray(opened(png(picture))), picture)


def test_a_matte_is_opaque_where_it_is_full() -> None:
    matte = np.array([[0, 128, 255]], np.uint8)
    shown = np.asarray(opened(coloured(matte, "#E69F00")))
    assert shown[0, :, 3].tolist() == [0, 128, 255]
    assert (shown[0, :, :3] == (0xE6, 0x9F, 0x00)).all()
