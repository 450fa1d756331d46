"""Heads of labelled photos turn to the side, and their labels with them."""

import functools

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from l2sae.data.photos import ROOM, label_photo
from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.data.turned_heads import TurnedHead, turn_head
from l2sae.faces.finding import find_faces, mesh_depths
from l2sae.faces.landmarks import LEFT_EYE, MESH_POINTS, NOSE_TIP, RIGHT_EYE

SIZE = 192
Labelled = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.float64]]


@functools.cache
def labelled() -> Labelled:
    """The astronaut with room around her: image, parts, and the mesh's points with their depths."""
    photo = data.astronaut()
    done, face = label_photo(photo, SIZE, scale=ROOM), find_faces(photo)[0]
    flat = done.crop.to_crop(face.landmarks[:MESH_POINTS]) * SIZE
    return done.image, done.parts, np.column_stack([flat, mesh_depths(photo, face) * SIZE / done.crop.side])


def mirrored(shown: Labelled) -> Labelled:
    image, parts, points = shown
    names = [{"l": "r" + part[1:], "r": "l" + part[1:]}.get(part[:2].rstrip("_"), part) for part in CELEBAMASK_PARTS]
    other = np.array([CELEBAMASK_PARTS.index(name) if name in CELEBAMASK_PARTS else 0 for name in names], np.uint8)
    return image[:, ::-1].copy(), other[parts[:, ::-1]], points * [-1, 1, 1] + [SIZE, 0, 0]


@functools.cache
def turned(degrees: float) -> TurnedHead:
    return turn_head(*labelled(), degrees)


def area(parts: NDArray[np.uint8], *names: str) -> int:
    return int(np.isin(parts, [CELEBAMASK_PARTS.index(name) for name in names]).sum())


def middle(parts: NDArray[np.uint8], name: str) -> float:
    """Mean column of a part."""
    return float(np.nonzero(parts == CELEBAMASK_PARTS.index(name))[1].mean())


def test_a_head_that_does_not_turn_looks_as_it_did() -> None:
    image, parts, _ = labelled()
    head = np.isin(
        parts, [CELEBAMASK_PARTS.index(name) for name in ("skin", "nose", "l_eye", "r_eye", "u_lip", "l_lip")]
    )
    assert (turned(0.0).parts == parts)[head].mean() > 0.98
    assert np.abs(turned(0.0).image.astype(int) - image)[head].mean() < 3


@pytest.mark.parametrize("degrees", [30.0, 60.0, 90.0])
def test_features_move_to_the_side_that_the_head_turns_to(degrees: float) -> None:
    _, parts, points = labelled()
    for name in ("nose", "u_lip", "l_lip"):
        assert middle(turned(degrees).parts, name) < middle(parts, name) < middle(turned(-degrees).parts, name)
    x, y = turned(degrees).points[NOSE_TIP]
    around = turned(degrees).parts[int(y) - 3 : int(y) + 4, int(x) - 3 : int(x) + 8]
    assert CELEBAMASK_PARTS.index("nose") in around
    assert y == points[NOSE_TIP, 1]


@pytest.mark.parametrize(("degrees", "hidden", "seen"), [(90.0, "r_eye", "l_eye"), (-90.0, "l_eye", "r_eye")])
def test_a_profile_shows_one_eye_and_more_hair_than_face(degrees: float, hidden: str, seen: str) -> None:
    parts = turned(degrees).parts
    assert area(parts, hidden) < 0.2 * area(labelled()[1], hidden)
    assert area(parts, seen) > 0.1 * area(labelled()[1], seen)
    assert area(parts, "hair") > area(parts, "skin", "nose")


def test_what_is_far_from_the_head_stays() -> None:
    image, parts, _ = labelled()
    left = np.nonzero(np.isin(parts, [CELEBAMASK_PARTS.index(name) for name in ("hair", "skin", "neck")]))[1].min()
    assert np.array_equal(turned(30.0).image[:, : left - 40], image[:, : left - 40])


def test_a_mirrored_head_turns_to_the_other_side() -> None:
    other = turn_head(*mirrored(labelled()), -60.0)
    same = other.parts[:, ::-1] == mirrored((turned(60.0).image, turned(60.0).parts, labelled()[2]))[1][:, ::-1]
    assert same.mean() > 0.97


def test_points_keep_their_distances_along_the_axis() -> None:
    points = turned(75.0).points
    assert np.allclose(points[:, 1], labelled()[2][:, 1])
    near, far = points[list(LEFT_EYE), 0], points[list(RIGHT_EYE), 0]
    assert np.ptp(near) < np.ptp(labelled()[2][list(LEFT_EYE), 0])
    assert near.mean() - far.mean() < np.ptp(labelled()[2][:, 0]) / 2


def test_a_bald_head_without_hair_can_turn() -> None:
    image, parts, points = labelled()
    bald = np.where(parts == CELEBAMASK_PARTS.index("hair"), 0, parts).astype(np.uint8)
    shown = turn_head(image, bald, points, 90.0)
    assert area(shown.parts, "hair") == 0
    assert area(shown.parts, "skin") > 0
