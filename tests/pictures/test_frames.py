"""The place of a picture, and of a crop of it, in the square that the model sees."""

import pytest

from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError
from l2sae.pictures.frames import CropFrame, Frame, check_box


def test_a_wide_picture_lies_in_the_middle_of_its_square() -> None:
    frame = Frame(60, 100)
    assert (frame.side, frame.top, frame.left) == (100, 20, 0)
    assert frame.window == (slice(0, 60), slice(0, 100))
    assert frame.shown(50) == (slice(10, 40), slice(0, 50))


def test_a_crops_window_holds_it_and_ends_with_the_photo() -> None:
    frame = CropFrame(200, 300, CropTransform(150, 20, 80))
    assert frame.side == 80
    assert frame.window == (slice(0, 60), slice(110, 190))
    assert frame.shown(64) == (slice(0, 64), slice(0, 64))


def test_places_run_from_minus_one_to_one_and_mattes_fade_towards_the_border() -> None:
    frame = CropFrame(200, 300, CropTransform(150, 100, 80))
    rows = frame.window[0]
    places, fade = frame.places(rows.start, rows.stop), frame.fade(rows.start, rows.stop)
    assert places.shape == (1, 80, 80, 2)
    assert places[0, 0, 0].tolist() == pytest.approx([-79 / 80, -79 / 80], abs=1e-4)
    assert places[0, -1, -1].tolist() == pytest.approx([79 / 80, 79 / 80], abs=1e-4)
    assert float(fade[0, 0, 40, 40]) == 1
    assert float(fade[0, 0, 40, 0]) < 0.02
    assert (fade[0, 0, 40, :9].diff() > 0).all()


@pytest.mark.parametrize("box", [(-1, 0, 10, 10), (5, 0, 5, 10), (0, 0, 31, 10), (0, 20, 10, 10)])
def test_a_box_outside_the_picture_is_refused(box: tuple[int, int, int, int]) -> None:
    check_box((0, 0, 30, 20), height=20, width=30)
    with pytest.raises(EditError, match="need 0 <= left < right <= 30"):
        check_box(box, height=20, width=30)
