import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import EditError, FaceEditor
from l2sae.editing.mask_tools import (
    Mask,
    Point,
    click_mask,
    feather,
    grow,
    invert,
    load_mask,
    mask_png,
    polygon,
    refine,
    save_mask,
    stroke,
)  # fmt: skip
from l2sae.model import L2SAE
from l2sae.pictures.errors import PictureWarning

Photos = list[NDArray[np.uint8]]


@pytest.fixture
def blank() -> Mask:
    return np.zeros((60, 80), np.uint8)


@pytest.fixture
def square(blank: Mask) -> Mask:
    blank[20:40, 30:50] = 255
    return blank


def test_a_dab_is_a_disk_of_the_brush_size(blank: Mask) -> None:
    mask = stroke(blank, [Point(40, 30)], size=20, hardness=1)
    assert mask.sum() / 255 == pytest.approx(np.pi * 100, rel=0.03)
    assert mask[30, 40] == 255
    assert mask[30, 52] == 0
    assert not blank.any()


def test_a_stroke_joins_its_points(blank: Mask) -> None:
    mask = stroke(blank, [Point(10, 30), Point(70, 30)], size=6, hardness=1)
    assert (mask[30, 10:70] == 255).all()
    assert not mask[:25].any()


def test_soft_brushes_fade_to_the_rim(blank: Mask) -> None:
    soft, hard = (stroke(blank, [Point(40, 30)], 40, hardness) for hardness in (0, 1))
    profile = soft[30, 40:61].astype(int)
    assert (np.diff(profile) <= 0).all()
    assert len(set(profile)) > 10
    assert soft.sum() < 0.6 * hard.sum()


def test_pressure_scales_the_brush(blank: Mask) -> None:
    mask = stroke(blank, [Point(15, 30, 0.2), Point(65, 30, 1.0)], 20, 1)
    assert (mask[:, 15] > 127).sum() < 0.4 * (mask[:, 64] > 127).sum()


def test_the_eraser_takes_away_what_the_brush_would_add(square: Mask) -> None:
    erased = stroke(square, [Point(40, 30)], 100, 1, erase=True)
    assert not erased.any()
    assert np.array_equal(stroke(square, [Point(200, 300)], 10, 1, erase=True), square)


@pytest.mark.parametrize(
    ("points", "size", "hardness"),
    [([], 5, 1), ([Point(np.nan, 1)], 5, 1), ([Point(1, 1)], 0, 1), ([Point(1, 1)], 5, 2), ([Point(1, 1)], 1e9, 1)],
)
def test_unfit_strokes_are_refused(blank: Mask, points: list[Point], size: float, hardness: float) -> None:
    with pytest.raises(EditError, match=r"stroke|brush"):
        stroke(blank, points, size, hardness)


def test_polygons_fill_and_clear(blank: Mask) -> None:
    corners = [(10, 10), (50, 10), (50, 40), (10, 40)]
    mask = polygon(blank, corners)
    assert (mask[10:40, 10:50] == 255).all()
    assert not mask[42:].any()
    assert not polygon(mask, corners, erase=True).any()
    with pytest.raises(EditError, match="2 corners"):
        polygon(blank, corners[:2])


def test_feathering_keeps_the_area_and_softens_the_rim(square: Mask) -> None:
    soft = feather(square, 8)
    assert soft.sum() == pytest.approx(square.sum(), rel=0.02)
    assert 0 < soft[30, 28] < soft[30, 31] < 255
    assert np.array_equal(feather(square, 0), square)
    with pytest.raises(EditError, match="feather by -1"):
        feather(square, -1)


@pytest.mark.parametrize("pixels", [1, 3, 4, 7])
def test_growing_moves_the_rim_by_that_many_pixels(square: Mask, pixels: int) -> None:
    grown, shrunk = grow(square, pixels), grow(square, -pixels)
    assert (grown[30] > 0).sum() == 20 + 2 * pixels
    assert (shrunk[30] > 0).sum() == 20 - 2 * pixels
    assert grown[20 - pixels, 30 - pixels] == 0  # round, not square


def test_one_pixel_survives_growing_and_goes_by_shrinking(blank: Mask) -> None:
    blank[30, 40] = 255
    assert grow(blank, 1).sum() == 5 * 255
    assert not grow(blank, -1).any()


def test_inverting_twice_changes_nothing(square: Mask) -> None:
    assert np.array_equal(invert(invert(square)), square)
    assert invert(square)[0, 0] == 255


def test_refining_pulls_the_mask_to_the_photos_edge() -> None:
    photo = np.full((96, 96, 3), 40, np.uint8)
    photo[:, 48:] = 220
    truth, rough = (np.zeros((96, 96), np.uint8) for _ in range(2))
    truth[:, 48:] = 255
    rough[:, 44:] = 255
    fitted = refine(rough, photo)
    assert np.abs(fitted.astype(int) - truth).mean() < 0.7 * np.abs(rough.astype(int) - truth).mean()
    assert not refine(np.zeros_like(rough), photo).any()


def test_a_click_masks_one_piece_that_holds_the_place_and_grows_with_tolerance(
    tiny_model: L2SAE, photos: Photos
) -> None:
    editor = FaceEditor(tiny_model, photos[0])
    areas = []
    for tolerance in (0.0, 0.2, 0.6, 1.0):
        mask = click_mask(editor, 60, 40, tolerance)
        assert mask.shape == photos[0].shape[:2]
        assert mask[40, 60] > 0
        areas.append(int(mask.sum()))
    assert areas == sorted(areas)
    assert areas[0] < areas[-1]
    with pytest.raises(EditError, match="outside the photo"):
        click_mask(editor, 500, 40, 0.2)
    with pytest.raises(EditError, match="tolerance=2"):
        click_mask(editor, 5, 5, 2)


def test_masks_come_back_from_their_files(square: Mask, tmp_path: Path) -> None:
    soft = feather(square, 5)
    save_mask(soft, tmp_path / "mask.png")
    assert np.array_equal(load_mask(tmp_path / "mask.png", (60, 80)), soft)
    assert load_mask(mask_png(soft), (120, 160)).shape == (120, 160)


@pytest.mark.parametrize("kind", ["opaque", "on nothing", "black on nothing", "LA", "P", "1", "red", "16 bits", "TIFF"])
def test_masks_of_image_editors_are_what_a_person_sees(kind: str) -> None:
    inside = np.zeros((60, 80), np.uint8)
    inside[10:30, 20:50] = 255
    white, full = np.full_like(inside, 255), Image.fromarray(inside)
    picture = {
        "opaque": lambda: Image.fromarray(np.stack([inside, inside, inside, white], axis=2)),
        "on nothing": lambda: Image.fromarray(np.stack([white, white, white, inside], axis=2)),
        "black on nothing": lambda: Image.fromarray(np.stack([0 * white, 0 * white, 0 * white, inside], axis=2)),
        "LA": lambda: Image.merge("LA", (full, Image.fromarray(white))),
        "P": lambda: Image.merge("RGB", (full, full, full)).quantize(4),
        "1": lambda: full.convert("1"),
        "red": lambda: Image.merge("RGB", (full, Image.new("L", full.size), Image.new("L", full.size))),
        "16 bits": lambda: Image.fromarray(inside.astype(np.uint16) * 257),
        "TIFF": lambda: full,
    }[kind]()
    buffer = io.BytesIO()
    picture.save(buffer, "TIFF" if kind == "TIFF" else "PNG")
    assert np.array_equal(load_mask(buffer.getvalue(), (60, 80)), inside)


@pytest.mark.parametrize("colour", ["black", "red", "#3050ff"])
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF", "JPEG"])
def test_what_is_painted_on_white_is_inside(colour: str, kind: str, tmp_path: Path) -> None:
    picture = Image.new("RGB", (80, 60), "white")
    picture.paste(colour, (20, 10, 50, 30))
    picture.save(tmp_path / "mask", kind, **({"quality": 100} if kind == "JPEG" else {}))
    with pytest.warns(PictureWarning, match=r"mask: black on white, so black is inside, 12\.5% of the photo: invert"):
        mask = load_mask(tmp_path / "mask", (60, 80))
    inside = mask >= 128
    assert inside[12:28, 22:48].all()
    assert inside.sum() == 600
    assert np.array_equal(load_mask(tmp_path / "mask", (60, 80), inside="black"), mask)
    with pytest.raises(EditError, match="inside='grey': give one of auto, white, black"):
        load_mask(tmp_path / "mask", (60, 80), inside="grey")


def test_a_mask_whose_border_is_mostly_white_is_said_to_have_white_inside(tmp_path: Path) -> None:
    picture = Image.new("L", (80, 60), 255)
    picture.paste(0, (20, 30, 60, 60))  # a neck that reaches the border
    picture.save(tmp_path / "mask.png")
    with pytest.warns(PictureWarning, match=r"white is inside, 75\.0% of the photo with most of its border: invert"):
        mask = load_mask(tmp_path / "mask.png", (60, 80))
    assert np.array_equal(mask, np.asarray(picture))


@pytest.mark.filterwarnings("error")
def test_plain_masks_are_taken_without_a_word(square: Mask, tmp_path: Path) -> None:
    for mask in (square, invert(square), np.zeros_like(square), np.full_like(square, 255), invert(feather(square, 9))):
        save_mask(mask, tmp_path / "mask.png")
        assert np.array_equal(load_mask(tmp_path / "mask.png", (60, 80)), mask), "saved masks come back as they were"
    for level in (0, 255):
        Image.new("L", (80, 60), level).save(tmp_path / "one.png")
        assert (load_mask(tmp_path / "one.png", (60, 80)) == level).all()
    Image.fromarray(invert(square)).save(tmp_path / "mask.png")
    assert np.array_equal(load_mask(tmp_path / "mask.png", (60, 80), inside="white"), invert(square))


def test_unfit_mask_files_get_a_clear_error(square: Mask, tmp_path: Path) -> None:
    with pytest.raises(EditError, match=r"absent\.png: no such mask"):
        load_mask(tmp_path / "absent.png", (60, 80))
    with pytest.raises(EditError, match=r"upload: not a readable PNG"):
        load_mask(b"nothing", (60, 80), "upload")
    with pytest.raises(EditError, match="80 x 60 pixels, the photo has 60 x 80"):
        load_mask(mask_png(square), (80, 60))
    wide = io.BytesIO()
    Image.new("1", (9000, 9000)).save(wide, "PNG")
    with pytest.raises(EditError, match="over 8192"):
        load_mask(wide.getvalue(), (60, 80))
