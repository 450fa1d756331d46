"""Of a photo's metadata only date, copyright, artist and resolution are kept."""

import io

import pytest
from PIL import Image

from l2sae.pictures.errors import EditError
from l2sae.pictures.metadata import Metadata, check_choice, read_metadata, read_orientation

ARTIST, COPYRIGHT, MAKER, GPS, ORIENTATION = 0x013B, 0x8298, 0x010F, 0x8825, 0x0112


def saved(**options: object) -> Image.Image:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30)).save(buffer, "JPEG", **options)
    return Image.open(buffer)


def test_artist_and_resolution_stay_and_places_and_devices_go() -> None:
    exif = Image.Exif()
    exif.update({ARTIST: "Ann", COPYRIGHT: "2026 Ann\0 ", MAKER: "A camera", ORIENTATION: 6})
    exif.get_ifd(GPS)[1] = "N"
    image = saved(exif=exif, dpi=(300, 150))
    found = read_metadata(image)
    assert found.main == {ARTIST: "Ann", COPYRIGHT: "2026 Ann"}
    assert found.dpi == (300, 150)
    assert read_orientation(image) == 6
    written = Image.Exif()
    written.load(found.exif(resolution=True))
    assert {MAKER, GPS, ORIENTATION}.isdisjoint(written)
    assert written[ARTIST] == "Ann"


def test_nothing_to_keep_is_no_exif() -> None:
    assert read_metadata(saved()).exif(resolution=False) is None
    assert Metadata().exif(resolution=True) is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0junk", b"Exif\0\0II*\0\xff\xff\xff\xff"])
def test_what_cannot_be_read_is_left_out(exif: bytes) -> None:
    image = saved(exif=exif)
    assert read_metadata(image).main == {}
    assert read_orientation(image) == 1


def test_other_choices_are_refused() -> None:
    check_choice("none")
    with pytest.raises(EditError, match="metadata='all'"):
        check_choice("all")
