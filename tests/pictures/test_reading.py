"""Files and Pillow's pictures are read with their profiles, and turned upright."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2sae.pictures.reading import as_picture, load_picture
from tests.field_cases.profiles import cmyk_profile, exchanged_profile

EXCHANGED = exchanged_profile()


ORDERS = ((0, 1, 2), (1, 0, 2))


def save(path: Path, picture: Image.Image | NDArray[np.uint8], **options: object) -> Path:
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    image.save(path, **options)
    return path


def test_palette_and_cmyk_files_honour_their_profiles(portrait: NDArray[np.uint8], tmp_path: Path) -> None:
    palette = Image.fromarray(portrait).quantize(64)
    found = load_picture(save(tmp_path / "p.png", palette, icc_profile=EXCHANGED))
    assert found.profile == EXCHANGED
    assert (found.pixels == np.asarray(palette.convert("RGB"))).all()
    cmyk = load_picture(save(tmp_path / "c.jpg", Image.fromarray(portrait).convert("CMYK"), icc_profile=EXCHANGED))
    assert cmyk.profile is None
    assert "RGB values, which it does not hold" in cmyk.notes[0]
    cyan = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    found = [load_picture(save(tmp_path / "c.tif", cyan, icc_profile=cmyk_profile(order))) for order in ORDERS]
    red, green = (picture.pixels[0, 0] for picture in found)
    assert int(red[0]) < 40 < 200 < red[1:].min()
    assert green[1] < 40 < 200 < min(green[0], green[2])
    assert "the result is in sRGB" in found[0].notes[0]


def test_pictures_of_pillow_are_taken_as_their_files_are(portrait: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Image.fromarray(portrait[:200]).save(buffer, "PNG", exif=exif)
    assert as_picture(Image.open(buffer)).shape == (270, 200, 3)
    assert as_picture(Image.fromarray(portrait).convert("L")).mode == "L"
