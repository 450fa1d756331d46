import time

import numpy as np
import pytest
import skimage
from PIL import Image

from l2sae.faces import Face, find_faces
from l2sae.faces import landmarks as lm
from l2sae.pictures.crops import CropTransform

EYES = np.array([[203.7, 101.1], [246.5, 103.4]])  # the astronaut's, right first


def eye_distance(face: Face) -> float:
    return float(np.hypot(*(face.landmarks[lm.LEFT_IRIS[0]] - face.landmarks[lm.RIGHT_IRIS[0]])))


def is_like(found: Face, expected: np.ndarray) -> bool:
    """The points lie on average within 5 % of the eye distance."""
    return np.hypot(*(found.landmarks - expected).T).mean() < 0.05 * eye_distance(found)


def test_the_astronaut_is_found_alone_with_both_irises(astronaut: np.ndarray, face: Face):
    assert len(find_faces(astronaut)) == 1
    assert face.landmarks.shape == (lm.POINTS, 2)
    assert face.landmarks.dtype == np.float64
    np.testing.assert_allclose(face.landmarks[[lm.RIGHT_IRIS[0], lm.LEFT_IRIS[0]]], EYES, atol=0.5)


@pytest.mark.parametrize("turn", [30, 45, 90, -90, 135, 180])
def test_turned_faces_are_found_where_they_are(astronaut: np.ndarray, face: Face, turn: int):
    square = CropTransform(225, 160, 720, turn)
    found = find_faces(square.crop(astronaut, 720))[0]
    assert is_like(found, square.to_crop(face.landmarks) * 720)


@pytest.mark.parametrize("place", [(30, 40), (780, 930)])
def test_small_faces_are_found(astronaut: np.ndarray, face: Face, place: tuple[int, int]):
    head = Image.fromarray(astronaut[:240, 100:340]).resize((90, 90), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (900, 1100), (110, 120, 130))
    canvas.paste(head, place)
    found = find_faces(np.asarray(canvas))[0]
    assert is_like(found, (face.landmarks - [100, 0]) * 90 / 240 + np.array(place))


def test_the_largest_face_comes_first(astronaut: np.ndarray):
    head = Image.fromarray(astronaut[:240, 100:340])
    canvas = Image.new("RGB", (900, 500), (110, 120, 130))
    canvas.paste(head.resize((160, 160)), (80, 200))
    canvas.paste(head.resize((400, 400)), (450, 50))
    faces = find_faces(np.asarray(canvas))
    assert [len(faces), faces[0].landmarks[:, 0].mean() > 450] == [2, True]


@pytest.mark.parametrize("name", ["cat", "coffee", "brick", "coins", "rocket", "hubble_deep_field", "page", "moon"])
def test_pictures_without_a_face_are_refused(name: str):
    picture = getattr(skimage.data, name)()
    assert find_faces(picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 400, 3), (64, 64, 3)])
def test_tiny_and_flat_pictures_hold_no_face(shape: tuple[int, int, int]):
    assert find_faces(np.full(shape, 128, np.uint8)) == []


def test_the_crop_follows_the_face_whatever_its_scale_and_turn(astronaut: np.ndarray, face: Face):
    square = CropTransform(225, 160, 600, 30)
    found = find_faces(square.crop(astronaut, 900))[0].crop_transform()
    expected = face.crop_transform()
    centre = square.to_photo(np.array([[found.x, found.y]]) / 900)[0]
    np.testing.assert_allclose(centre, [expected.x, expected.y], atol=0.02 * expected.side)
    assert found.side * 600 / 900 == pytest.approx(expected.side, rel=0.03)
    assert found.angle + 30 == pytest.approx(expected.angle, abs=2)


def test_the_crop_is_that_of_the_68_points_which_the_model_was_trained_on(face: Face):
    crop = face.crop_transform()
    assert [crop.x, crop.y, crop.side] == pytest.approx([225.8, 97.0, 197.7], rel=0.04)  # by dlib


def test_large_photos_take_no_longer_than_small_ones(astronaut: np.ndarray, face: Face):
    large = np.asarray(Image.fromarray(astronaut).resize((3600, 3600), Image.Resampling.BICUBIC))
    start = time.process_time()
    found = find_faces(large)[0]
    assert time.process_time() - start < 1  # 0.05 s on one core of 2026
    assert is_like(found, face.landmarks * 3600 / 512)
