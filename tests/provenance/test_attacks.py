import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.provenance.attacks import SECOND_EDIT, Attack, AttackError, attack_names, crop, get_attack

NAMES = [name for name in attack_names() if name != SECOND_EDIT]


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """A smooth picture with a bright square, (66, 80, 3)."""
    rows, columns = np.mgrid[:66, :80]
    base = np.stack([60 + rows, 70 + columns // 2, 90 + 0 * rows], axis=-1).astype(np.uint8)
    base[20:40, 30:60] = 220
    return base


@pytest.mark.parametrize("name", NAMES)
def test_attack_gives_a_picture_the_same_each_time_and_leaves_its_input(name: str, picture: NDArray[np.uint8]) -> None:
    before = picture.copy()
    attacked = get_attack(name)(picture)
    assert attacked.dtype == np.uint8
    assert attacked.ndim == 3
    assert attacked.flags.c_contiguous
    assert np.array_equal(attacked, get_attack(name)(picture))
    assert np.array_equal(picture, before)
    assert (name == "none") == (attacked.shape == picture.shape and np.array_equal(attacked, picture))


@pytest.mark.parametrize("name", NAMES)
def test_map_moves_with_the_pixels(name: str, picture: NDArray[np.uint8]) -> None:
    attack = get_attack(name)
    white = np.zeros_like(picture)
    white[20:40, 30:60] = 255
    truth = attack.moved(white[..., 0] > 0)
    shown = attack(white)[..., 0] > 127
    assert truth.shape == shown.shape
    assert truth.dtype == bool
    assert (truth & shown).sum() / (truth | shown).sum() > 0.93


@pytest.mark.parametrize("name", NAMES)
def test_only_geometric_attacks_change_a_map(name: str) -> None:
    truth = np.zeros((66, 80), dtype=bool)
    truth[5:9, 3:30] = True
    attack = get_attack(name)
    moved = attack.moved(truth)
    assert (attack.move is not None) == (moved.shape != truth.shape or not np.array_equal(moved, truth))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("resize_half", (33, 40)),
        ("resize_double", (132, 160)),
        ("crop_10", (59, 72)),
        ("rotate_90", (80, 66)),
        ("rotate_5", (66, 80)),
    ],
)
def test_size_after_an_attack(name: str, shape: tuple[int, int], picture: NDArray[np.uint8]) -> None:
    assert get_attack(name)(picture).shape[:2] == shape


def test_brightening_multiplies_levels_and_clips() -> None:
    picture = np.full((8, 8, 3), 100, dtype=np.uint8)
    picture[0] = 250
    attacked = get_attack("bright_10")(picture)
    assert attacked[1, 0, 0] == 110
    assert attacked[0, 0, 0] == 255


def test_grey_has_no_colour_left_and_the_luma_of_before() -> None:
    picture = np.array([[[200, 100, 50]]], dtype=np.uint8)
    assert get_attack("colour_grey")(picture).tolist() == [[[124, 124, 124]]]


def test_stronger_jpeg_strays_further(picture: NDArray[np.uint8]) -> None:
    noisy = get_attack("noise_10")(picture)
    errors = [np.square(get_attack(f"jpeg_{q}")(noisy).astype(float) - noisy).mean() for q in (95, 75, 50, 30)]
    assert errors == sorted(errors)
    assert errors[0] > 0


def test_noise_has_the_spread_of_its_name() -> None:
    picture = np.full((100, 100, 3), 128, dtype=np.uint8)
    assert get_attack("noise_5")(picture).std() == pytest.approx(5, rel=0.02)


def test_crop_is_off_the_jpeg_grid() -> None:
    numbered = np.arange(120 * 120).reshape(120, 120)
    top, left = divmod(int(crop(numbered, 0.1)[0, 0]), 120)
    assert (top, left) == (4, 4)


def test_second_edit_is_the_callers_own(picture: NDArray[np.uint8]) -> None:
    attack = get_attack(SECOND_EDIT, lambda p: 255 - p)
    assert isinstance(attack, Attack)
    assert np.array_equal(attack(picture), 255 - picture)
    with pytest.raises(AttackError, match="give second_edit"):
        get_attack(SECOND_EDIT)


def test_unknown_attack_is_refused_with_the_known_ones() -> None:
    with pytest.raises(AttackError, match=r"'jpeg_7'.*jpeg_75"):
        get_attack("jpeg_7")


def test_names_are_unique_and_without_dots() -> None:
    names = attack_names()
    assert len(names) == len(set(names))
    assert not [name for name in names if "." in name]
