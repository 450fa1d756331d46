import math

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image

from l2sae.bench.mark_table import FLATS, block_differences
from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.provenance import PatternMark, RivaGan, known_marks
from l2sae.provenance.attacks import crop, get_attack, resize
from l2sae.provenance.pattern_mark import BAND, MIN_PSNR, PERIOD, ROBUST, pattern, threshold

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def photo() -> Picture:
    return np.asarray(skimage.data.astronaut())


@pytest.fixture(scope="module")
def marked(photo: Picture) -> Picture:
    return PatternMark().embed(photo)


def test_the_pattern_lies_in_its_band_and_has_no_mean() -> None:
    spectrum = np.abs(np.fft.fft2(pattern().tile))
    cycles = np.fft.fftfreq(PERIOD, 1 / PERIOD)
    length = np.hypot(cycles[:, None], cycles[None])
    outside = (length < BAND[0]) | (length > BAND[1])
    assert spectrum[outside].max() < 1e-3 * spectrum.max()
    assert pattern().tile.std() == pytest.approx(1, abs=1e-3)


def test_the_threshold_is_chernoffs_bound_over_all_tries() -> None:
    assert 7 < threshold() < 8
    tries = math.exp(threshold() ** 2 / 2) * 1e-6
    assert tries == pytest.approx(math.exp(threshold(1e-3) ** 2 / 2) * 1e-3)
    assert tries / PERIOD**2 == pytest.approx(round(tries / PERIOD**2), abs=1e-3)


def test_sums_of_random_cosines_stay_below_the_bound() -> None:
    """The bound on which the threshold rests, where it can be counted: weights of any kind, random phases."""
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.1, 1, len(pattern().waves))
    sums = np.cos(rng.uniform(0, 2 * np.pi, (20_000, len(weights))))
    scores = sums @ weights / np.sqrt(np.square(weights).sum() / 2)
    for limit in (1.0, 2.0, 3.0, 4.0):
        assert (scores > limit).mean() <= math.exp(-(limit**2) / 2)


def test_nobody_sees_the_mark(photo: Picture, marked: Picture) -> None:
    differences = block_differences(photo, marked)
    assert np.median(differences) <= 0.1
    assert np.percentile(differences, 99) <= 0.5
    assert psnr_of_levels(photo, marked) >= 45
    for level in FLATS.values():
        flat = np.full((512, 512, 3), level, np.uint8)
        shown = PatternMark().embed(flat)
        assert block_differences(flat, shown).max() <= 0.2
        assert psnr_of_levels(flat, shown) >= 50
    assert psnr_of_levels(photo, PatternMark(100.0).embed(photo)) >= MIN_PSNR


def test_the_mark_is_found_where_it_is_and_only_there(photo: Picture, portrait: Picture, marked: Picture) -> None:
    found = PatternMark().detect(marked)
    assert found.marked
    assert found.bits_matched > 0.95 * found.bits == 0.95 * len(pattern().waves)
    for unmarked in (photo, portrait, np.full_like(photo, 128), np.zeros((5, 7, 3), np.uint8)):
        assert not PatternMark().detect(unmarked).marked
    assert np.array_equal(PatternMark().embed(photo), marked)
    assert not RivaGan().detect(marked).marked


@pytest.mark.parametrize(
    "attack",
    ["jpeg_75", "jpeg_50", "resize_half", "resize_double", "crop_10", "crop_40", "rotate_5", "rotate_90", "flip",
     "screenshot", "bright_30", "noise_10", "blur_2", "colour_grey"],
)  # fmt: skip
def test_the_mark_survives(marked: Picture, attack: str) -> None:
    assert PatternMark().detect(get_attack(attack)(marked)).marked


def test_the_mark_survives_a_crop_that_is_halved_and_compressed(marked: Picture) -> None:
    found = PatternMark().detect(get_attack("jpeg_75")(resize(crop(marked, 0.1), 0.5)))
    assert found.marked
    assert found.scale == pytest.approx(0.9, abs=0.01)


@pytest.mark.parametrize("size", [(230, 230), (301, 160), (1100, 900), (2400, 500)])
def test_pictures_of_all_sizes_carry_the_mark(photo: Picture, size: tuple[int, int]) -> None:
    picture = np.array(Image.fromarray(photo).resize(size, Image.Resampling.BICUBIC))
    for strength in (1.0, ROBUST):
        marked = PatternMark(strength).embed(picture)
        assert psnr_of_levels(picture, marked) >= MIN_PSNR
        assert PatternMark().detect(marked).marked


def test_inspections_look_for_every_mark() -> None:
    assert {mark.name for mark in known_marks()} == {"pattern", "rivagan"}
