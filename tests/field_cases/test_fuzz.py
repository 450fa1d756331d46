"""Damaged files of every format: a picture or a reason, soon, and nothing else. L2SAE_SLOW=1 tries 2,000 of each."""

import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l2sae.bulk import edit_folder
from l2sae.editing import Noise
from l2sae.model import L2SAE
from l2sae.pictures.errors import UnusableError
from l2sae.pictures.picture import Picture
from l2sae.pictures.reading import as_decoded, decode_image
from tests.field_cases.cases import P3, exif, portrait, saved

pytestmark = pytest.mark.filterwarnings("ignore")
SLOW = os.environ.get("L2SAE_SLOW") == "1"
MUTATIONS = 2000 if SLOW else 24
BULK = 400 if SLOW else 16
PATIENCE = 10.0  # seconds of a core for one file, whatever else the machine does
KINDS = {
    "PNG": {"exif": exif(6), "icc_profile": P3, "dpi": (300, 300)},
    "JPEG": {"exif": exif(6), "icc_profile": P3},
    "WEBP": {"exif": exif(6), "icc_profile": P3},
    "AVIF": {"exif": exif(6), "icc_profile": P3, "speed": 10},
    "TIFF": {"icc_profile": P3, "compression": "tiff_adobe_deflate"},
    "GIF": {}, "BMP": {}, "JPEG2000": {}, "TGA": {}, "PPM": {}, "ICO": {},
}  # fmt: skip


def mutated(content: bytes, generator: np.random.Generator) -> bytes:
    """A file with bytes changed, cut out, doubled or cut off; its beginning, with the sizes, more often."""
    data = bytearray(content)
    for _ in range(generator.integers(1, 6)):
        reach = len(data) if generator.random() < 0.4 else min(len(data), 400)
        start = int(generator.integers(0, max(1, reach)))
        length = int(generator.integers(1, 9))
        what = generator.integers(0, 5)
        if what == 0:
            data[start : start + length] = generator.bytes(length)
        elif what == 1:
            data[start : start + length] = bytes([generator.choice([0, 1, 0x7F, 0x80, 0xFF])]) * length
        elif what == 2:
            del data[start : start + length]
        elif what == 3:
            data[start:start] = data[start : start + length]
        elif generator.random() < 0.3:
            del data[max(8, start) :]
    return bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_reading(kind: str) -> None:
    content = saved(kind, portrait(96), **KINDS[kind])()
    generator = np.random.default_rng(sum(kind.encode()))
    path, read, reasons = Path(f"mutated.{kind.lower()}"), 0, set()
    for number in range(MUTATIONS):
        data = mutated(content, generator)
        started = time.process_time()
        try:
            picture = as_decoded(decode_image(data, path), path)
        except UnusableError as error:
            reasons.add(error.reason)
        else:
            read += 1
            assert isinstance(picture, Picture)
            assert picture.pixels.dtype == np.uint8
            assert picture.shown.shape == picture.shape
        assert time.process_time() - started < PATIENCE, f"mutation {number} took long"
    assert read > 0
    assert all(reasons)


def test_a_folder_of_damaged_files(tiny_model: L2SAE, policy: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    generator = np.random.default_rng(7)
    for number in range(BULK):
        kind = list(KINDS)[number % 5]
        data = mutated(saved(kind, portrait(96), **KINDS[kind])(), generator)
        (photos / f"{number:04}.{kind.lower()}").write_bytes(data)
    before = {path.name: hashlib.sha256(path.read_bytes()).digest() for path in photos.iterdir()}
    table = edit_folder(
        tiny_model,
        photos,
        tmp_path / "out",
        "hair",
        Noise(2.0),
        policy=policy,
        unmarked=True,
        workers=0,
        progress=False,
    )
    assert len(table) == BULK
    assert {path.name: hashlib.sha256(path.read_bytes()).digest() for path in photos.iterdir()} == before
    for row in table.itertuples():
        if row.result == "done":
            Image.open(row.output).load()
        else:
            assert row.reason
            assert "unexpected" not in row.reason
    written = {path for path in (tmp_path / "out").rglob("*") if path.is_file() and ".l2sae" not in path.parts}
    assert {path.name for path in written} == {Path(one).name for one in table["output"].dropna()} | {"results.parquet"}
