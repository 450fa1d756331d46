"""Label schemes: documented ids and colours, part names shared across schemes, flips."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from l2sae.data.schemes import (
    CELEBAMASK_PARTS,
    SCHEMES,
    MaskError,
    SchemeError,
    flip_permutation,
    get_scheme,
    map_colours,
    map_ids,
    part_rois,
)
from l2sae.rois import Roi


def roi(name: str, *parts: str) -> Roi:
    return Roi(name=name, channels=1, parts=parts)


DEFAULT = (
    roi("hair", "hair"),
    roi("skin", "skin"),
    roi("eyes", "l_eye", "r_eye", "l_brow", "r_brow"),
    roi("nose", "nose"),
    roi("lips", "u_lip", "l_lip"),
)


@pytest.mark.parametrize(
    ("name", "number", "part"),
    [
        ("celebamask", 13, "hair"),
        ("celebamask", 4, "l_eye"),
        ("celebamask", 18, "cloth"),
        ("bisenet", 17, "hair"),
        ("bisenet", 2, "l_brow"),
        ("lapa", 4, "r_eye"),
        ("lapa", 10, "hair"),
        ("helen", 9, "l_lip"),
        ("helen", 2, "r_brow"),
    ],
)
def test_ids_are_the_documented_ones(name: str, number: int, part: str) -> None:
    assert get_scheme(name).ids[number] == part


@pytest.mark.parametrize("name", SCHEMES)
def test_default_rois_work_under_every_scheme(name: str) -> None:
    owner = part_rois(get_scheme(name), DEFAULT)
    assert set(owner.values()) == {0, 1, 2, 3, 4, 5}


def test_group_parts_count_for_their_members() -> None:
    owner = part_rois(get_scheme("fasseg"), DEFAULT)
    assert (owner["eyes"], owner["lips"], owner["background"]) == (3, 5, 0)
    assert part_rois(get_scheme("celebamask"), [roi("gaze", "eyes")])["r_eye"] == 1


def test_roi_without_parts_names_roi_and_parts() -> None:
    with pytest.raises(SchemeError, match=r"headwear.*hat.*skin, hair, eyes, nose, lips"):
        part_rois(get_scheme("fasseg"), [roi("headwear", "hat")])


def test_misspelt_and_shared_parts_are_refused() -> None:
    with pytest.raises(SchemeError, match="unknown part noze"):
        part_rois(get_scheme("lapa"), [roi("nose", "nose", "noze")])
    with pytest.raises(SchemeError, match="left and right both claim the part eyes"):
        part_rois(get_scheme("fasseg"), [roi("left", "l_eye"), roi("right", "r_eye")])


def test_custom_keys_may_be_ids_or_colours() -> None:
    assert get_scheme({"1": "skin", 2: "hair"}).ids == {1: "skin", 2: "hair"}
    assert get_scheme({"#ff0000": "skin", "00FF00": "hair"}).colours == {(255, 0, 0): "skin", (0, 255, 0): "hair"}


@pytest.mark.parametrize(
    ("scheme", "message"),
    [({"red": "skin"}, "'red' is neither"), ({0: "background", "#ff0000": "skin"}, "mixed"), ({}, "empty")],
)
def test_malformed_schemes_are_refused(scheme: dict[str | int, str], message: str) -> None:
    with pytest.raises(SchemeError, match=message):
        get_scheme(scheme)


def test_unknown_scheme_names_the_known_ones() -> None:
    with pytest.raises(SchemeError, match="bisenet"):
        get_scheme("celeba")


@given(st.lists(st.sampled_from(range(19)), min_size=2, max_size=40).filter(lambda ids: len(set(ids)) > 1))
def test_ids_map_pixel_by_pixel(ids: list[int]) -> None:
    scheme = get_scheme("celebamask")
    owner = part_rois(scheme, DEFAULT)
    mapped = map_ids(np.array([ids]), scheme, owner)
    assert mapped[0].tolist() == [owner[CELEBAMASK_PARTS[number]] for number in ids]


def test_ids_outside_the_scheme_are_named() -> None:
    scheme = get_scheme("lapa")
    with pytest.raises(MaskError, match="ids outside scheme lapa: 11, 255"):
        map_ids(np.array([[0, 1, 11, 255]]), scheme, part_rois(scheme, DEFAULT))


@given(st.sampled_from(sorted(SCHEMES["fasseg"].colours)), st.tuples(*[st.integers(-20, 20)] * 3))
def test_colours_near_the_palette_take_the_nearest(colour: tuple[int, int, int], noise: tuple[int, int, int]) -> None:
    scheme = get_scheme("fasseg")
    owner = part_rois(scheme, DEFAULT)
    noisy = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    mask = np.full((10, 10, 3), noisy)
    other = next(candidate for candidate in scheme.colours if candidate != colour)
    mask[0] = other
    mapped = map_colours(mask, scheme, owner)
    assert (mapped[1:] == owner[scheme.colours[colour]]).all()
    assert (mapped[0] == owner[scheme.colours[other]]).all()


def test_foreign_colour_is_named() -> None:
    scheme = get_scheme("fasseg")
    mask = np.full((10, 10, 3), (255, 255, 0), np.uint8)
    mask[:3] = (255, 0, 255)
    with pytest.raises(MaskError, match="colours outside scheme fasseg: #ff00ff"):
        map_colours(mask, scheme, part_rois(scheme, DEFAULT))


def test_flip_swaps_one_sided_rois_only() -> None:
    assert flip_permutation(DEFAULT) == (0, 1, 2, 3, 4, 5)
    sided = (roi("right", "r_eye", "r_brow"), roi("lower", "l_lip"), roi("left", "l_brow", "l_eye"))
    assert flip_permutation(sided) == (0, 3, 2, 1)
    assert flip_permutation((roi("left", "l_eye"),)) is None


@given(st.lists(st.sampled_from(CELEBAMASK_PARTS[1:]), min_size=1, max_size=18, unique=True))
def test_flip_is_its_own_inverse(parts: list[str]) -> None:
    permutation = flip_permutation([roi(part, part) for part in parts])
    if permutation is not None:
        assert [permutation[number] for number in permutation] == list(range(len(parts) + 1))
