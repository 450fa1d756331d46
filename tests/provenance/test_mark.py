import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import binom

from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.provenance import ProvenanceError, RivaGan, detection_threshold
from l2sae.provenance.mark import FALSE_POSITIVE_RATE, MIN_PSNR, SCALES

Picture = NDArray[np.uint8]


def resized(picture: Picture, width: int, height: int) -> Picture:
    return np.array(Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC))


def jpeg(picture: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


@pytest.fixture(scope="module")
def marked(portrait: Picture) -> Picture:
    return RivaGan().embed(portrait)


def test_the_threshold_follows_from_the_false_positive_rate() -> None:
    trials = len(SCALES)
    threshold = detection_threshold()
    assert threshold == 30
    assert trials * binom.sf(threshold - 1, 32, 0.5) <= FALSE_POSITIVE_RATE < trials * binom.sf(threshold - 2, 32, 0.5)
    assert detection_threshold(trials=1, rate=1e-3) == 26
    assert detection_threshold(trials=100) == 31
    with pytest.raises(ProvenanceError, match="cannot reach"):
        detection_threshold(bits=16)


def test_the_mark_is_found_where_it_is_and_only_there(portrait: Picture, marked: Picture) -> None:
    assert marked.shape == portrait.shape
    assert MIN_PSNR <= psnr_of_levels(portrait, marked) < 45
    assert RivaGan().detect(marked).marked
    found = RivaGan().detect(portrait)
    assert not found.marked
    assert found.bits_matched < 24
    assert np.array_equal(RivaGan().embed(portrait), marked)


@pytest.mark.parametrize("attack", ["jpeg_75", "resize_half", "crop_10", "bright_10"])
def test_the_mark_survives(marked: Picture, attack: str) -> None:
    attacked = {
        "jpeg_75": lambda: jpeg(marked, 75),
        "resize_half": lambda: resized(marked, 128, 128),
        "crop_10": lambda: marked[26:-26, 26:-26],
        "bright_10": lambda: np.clip(marked * 1.1, 0, 255).astype(np.uint8),
    }[attack]()
    assert RivaGan().detect(attacked).marked


@pytest.mark.parametrize("size", [(128, 128), (301, 160), (1100, 900)])
def test_pictures_of_all_sizes_carry_the_mark(portrait: Picture, size: tuple[int, int]) -> None:
    picture = resized(portrait, *size)
    marked = RivaGan().embed(picture)
    assert psnr_of_levels(picture, marked) >= MIN_PSNR
    assert RivaGan().detect(marked).marked


def test_plain_and_saturated_pictures_are_no_error() -> None:
    for value in (0, 128, 255):
        plain = np.full((200, 200, 3), value, np.uint8)
        assert psnr_of_levels(plain, RivaGan().embed(plain)) >= MIN_PSNR
        assert not RivaGan().detect(plain).marked
