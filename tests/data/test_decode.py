"""Photos and masks of every kind become RGB and ROI ids, or say why not."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trees import colour_mask, id_mask, jpeg, photo, save, write

from l2sae.data.decode import load_face, square_labels
from l2sae.data.listing import Entry, MaskFile
from l2sae.data.schemes import get_scheme, part_rois
from l2sae.pictures.conversions import square_photo
from l2sae.pictures.errors import UnusableError
from l2sae.rois import Roi

ROIS = [Roi(name=name, channels=1, parts=(name,)) for name in ("hair", "skin", "eyes", "nose", "lips")]
FASSEG = get_scheme("fasseg")
LAPA = get_scheme("lapa")


def load(picture: Path, mask: Path, scheme=FASSEG):
    return load_face(Entry("x", picture, (MaskFile(mask),)), scheme, part_rois(scheme, ROIS), 32)


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    return save(tmp_path / "mask.png", colour_mask())


def grey16() -> np.ndarray:
    return (photo(1)[..., 0].astype(np.uint16)) * 257


@pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1", "RGBA", "LA"])
def test_every_mode_becomes_rgb(tmp_path: Path, mask: Path, mode: str) -> None:
    path = tmp_path / ("photo.jpg" if mode == "CMYK" else "photo.png")
    converted = Image.fromarray(photo(1)).convert(mode)
    converted.save(path)
    face = load(path, mask)
    assert face.image.shape == (32, 32, 3)
    expected = square_photo(Image.open(path).convert("RGB"), 32)
    assert np.abs(face.image.astype(int) - expected).max() <= 1


def test_sixteen_bit_grey_keeps_its_range(tmp_path: Path, mask: Path) -> None:
    face = load(save(tmp_path / "photo.png", grey16()), mask)
    expected = square_photo(Image.fromarray(photo(1)[..., 0]).convert("RGB"), 32)
    assert np.array_equal(face.image, expected)


def test_transparent_pixels_show_white(tmp_path: Path, mask: Path) -> None:
    path = save(tmp_path / "photo.png", np.dstack([photo(1), np.zeros((60, 48), np.uint8)]))
    assert (load(path, mask).image == 255).all()


@pytest.mark.parametrize("drawn_on", ["shown", "stored"])
def test_exif_rotation_turns_photo_and_mask_together(tmp_path: Path, drawn_on: str) -> None:
    shown, labels = photo(1), id_mask()
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its left side: shown after a quarter turn clockwise
    path = write(tmp_path / "photo.jpg", jpeg(np.rot90(shown).copy(), exif=exif.tobytes(), quality=95, subsampling=0))
    stored = labels if drawn_on == "shown" else np.rot90(labels).copy()
    face = load(path, save(tmp_path / "mask.png", stored), LAPA)
    plain = load(save(tmp_path / "plain.png", shown), save(tmp_path / "labels.png", labels), LAPA)
    assert np.array_equal(face.labels, plain.labels)
    assert np.abs(face.image.astype(int) - plain.image).mean() < 4


def test_palette_grey_and_rgb_id_masks_agree(tmp_path: Path) -> None:
    picture = save(tmp_path / "photo.png", photo(1))
    ids = id_mask()
    palette = Image.fromarray(ids).convert("L").copy()
    palette.putpalette(list(range(256)) * 3)
    palette.save(tmp_path / "palette.png")
    grey = load(picture, save(tmp_path / "grey.png", ids), LAPA).labels
    assert set(np.unique(grey)) == {0, 1, 2, 3, 4, 5}
    assert np.array_equal(grey, load(picture, tmp_path / "palette.png", LAPA).labels)
    assert np.array_equal(grey, load(picture, save(tmp_path / "rgb.png", np.dstack([ids] * 3)), LAPA).labels)


def test_anti_aliased_mask_has_no_other_labels(tmp_path: Path) -> None:
    large = Image.fromarray(colour_mask(240, 192)).resize((96, 120), Image.Resampling.BILINEAR)
    large.save(tmp_path / "mask.png")
    face = load(save(tmp_path / "photo.png", photo(1, 120, 96)), tmp_path / "mask.png")
    assert set(np.unique(face.labels)) == {0, 1, 2, 3, 4, 5}


def bad_photo(kind: str) -> bytes:
    whole = jpeg(photo(1))
    gif = io.BytesIO()
    frames = [Image.fromarray(photo(seed)) for seed in (1, 2)]
    frames[0].save(gif, "GIF", save_all=True, append_images=frames[1:])
    tiny = jpeg(photo(1, 10, 10))
    return {"cut": whole[: len(whole) // 2], "empty": b"", "text": b"no picture", "gif": gif.getvalue(), "tiny": tiny}[
        kind
    ]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_broken_metadata_is_left_out(tmp_path: Path, mask: Path, kind: str) -> None:
    for number, junk in enumerate((b"\0\x08\0\x02\x01\x12\0\x03", b"Exif\0\0junk", b"\xff" * 40)):
        buffer = io.BytesIO()
        Image.fromarray(photo(1)).save(buffer, kind, exif=junk, icc_profile=b"no profile")
        assert load(write(tmp_path / f"{number}.{kind}", buffer.getvalue()), mask).image.any()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("cut", "truncated or damaged"),
        ("empty", "empty file"),
        ("text", "not an image"),
        ("gif", "animated"),
        ("tiny", "photo too small: 10 x 10"),
    ],
)
def test_bad_photo_says_why(tmp_path: Path, mask: Path, kind: str, reason: str) -> None:
    path = write(tmp_path / "photo.jpg", bad_photo(kind))
    with pytest.raises(UnusableError, match=reason) as caught:
        load(path, mask)
    assert caught.value.file == path


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.full((60, 48), 3, np.uint8), "mask is all one id: 3"),
        (np.full((60, 48), 200, np.uint8), "ids outside scheme lapa: 200"),
        (id_mask(30, 24), "mask and photo differ in size: 24 x 30 against 48 x 60"),
        (colour_mask(), "colour mask under a scheme of ids"),
    ],
)
def test_bad_mask_says_why(tmp_path: Path, pixels: np.ndarray, reason: str) -> None:
    path = save(tmp_path / "mask.png", pixels)
    with pytest.raises(UnusableError, match=reason) as caught:
        load(save(tmp_path / "photo.png", photo(1)), path, LAPA)
    assert caught.value.file == path


def test_mask_without_any_roi_is_refused(tmp_path: Path) -> None:
    pixels = np.zeros((60, 48), np.uint8)
    pixels[:20] = 8  # the inside of the mouth belongs to no ROI
    with pytest.raises(UnusableError, match="none of the ROIs"):
        load(save(tmp_path / "photo.png", photo(1)), save(tmp_path / "mask.png", pixels), LAPA)


def test_shrunk_labels_take_the_largest_area() -> None:
    labels = np.zeros((6, 6), np.uint8)
    labels[:, :2] = 2
    labels[:3, 3:5] = 1
    assert square_labels(labels, 2, 2).tolist() == [[2, 1], [2, 0]]


def test_files_that_cannot_be_read_say_so(tmp_path: Path, mask: Path) -> None:
    (tmp_path / "folder.png").mkdir()  # as root, permissions would not keep a file from being read
    with pytest.raises(UnusableError, match="unreadable file: Is a directory"):
        load(tmp_path / "folder.png", mask)


def test_a_decompression_bomb_is_refused(tmp_path: Path, mask: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UnusableError, match=r"too large: .*the limit is 0 megapixels"):
        load(save(tmp_path / "photo.png", photo(1)), mask)


def png(width: int, height: int, depth: int, rows: bytes) -> bytes:
    """An RGB PNG written by hand: 16 bits a channel, and sizes that no rows back up, are beyond Pillow's writer."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def test_a_small_file_that_claims_a_huge_picture_is_refused(tmp_path: Path, mask: Path) -> None:
    bomb = write(tmp_path / "photo.png", png(60_000, 60_000, 8, bytes(1_000_000)))
    assert bomb.stat().st_size < 5000
    with pytest.raises(UnusableError, match="too large: 3600 megapixels, the limit is 179"):
        load(bomb, mask)


def test_sixteen_bits_a_channel_keep_their_range(tmp_path: Path, mask: Path) -> None:
    wide = photo(1).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in wide)
    path = write(tmp_path / "wide.png", png(wide.shape[1], wide.shape[0], 16, rows))
    narrow = load(save(tmp_path / "narrow.png", photo(1)), mask).image
    np.testing.assert_allclose(load(path, mask).image.astype(int), narrow.astype(int), atol=1)


@pytest.mark.parametrize("kind", ["WEBP", "PNG", "TIFF"])
def test_animated_and_multi_page_pictures_are_refused(tmp_path: Path, mask: Path, kind: str) -> None:
    buffer = io.BytesIO()
    frames = [Image.fromarray(photo(number)) for number in (1, 2)]
    frames[0].save(buffer, kind, save_all=True, append_images=frames[1:])
    with pytest.raises(UnusableError, match="animated or multi-page"):
        load(write(tmp_path / "photo.png", buffer.getvalue()), mask)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_file_cut_anywhere_is_never_taken_for_whole(tmp_path: Path, mask: Path, share: float) -> None:
    for name in ("photo.jpg", "photo.png"):
        whole = save(tmp_path / name, photo(1)).read_bytes()
        cut = write(tmp_path / name, whole[: int(share * len(whole))])
        with pytest.raises(UnusableError, match=r"truncated or damaged|not an image"):
            load(cut, mask)
