"""Faces in photos of any kind: where they are, their 68 landmarks, and the square crop that the model sees.

Detection needs the optional extra ``faces``: dlib's HOG detector, and its 68-point landmark model (Kazemi and Sullivan,
CVPR 2014) as the package face-recognition-models carries it. That model was trained on iBUG 300-W, whose terms exclude
commercial use.
"""

import functools
import importlib.util
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import skimage  # loads its parts when they are first used
from numpy.typing import NDArray
from PIL import Image

from l2sae.pictures.crops import CropTransform

Landmarks = NDArray[np.float64]
"""(68, 2): x, y in pixels of an upright picture, pixel centres at whole numbers plus a half."""

JAW, RIGHT_BROW, LEFT_BROW = slice(0, 17), slice(17, 22), slice(22, 27)
NOSE, RIGHT_EYE, LEFT_EYE = slice(27, 36), slice(36, 42), slice(42, 48)
OUTER_LIPS, INNER_LIPS = slice(48, 60), slice(60, 68)

INSTALL = "pip install 'l2sae[faces]'"
DETECTION_SIDE = 1400  # pixels; the detector finds faces from 80 pixels on, so from 6 % of a large photo's side
MAX_ENLARGED = 2.0  # small pictures are enlarged by this factor at most before the detector sees them
MIN_SCORE = 0.25  # of the detector: patterns on clothes score less, the weakest of 220 portraits 0.36
RETRY_TURNS = (-25.0, 25.0, -50.0, 50.0, 90.0, -90.0, 180.0)  # degrees; the detector knows upright faces only
CROP_SCALE = 1.15  # of FFHQ's square: room for the hair, whose cut edge an edit must fade out before
CROP_RISE = 0.05  # of the side: how far the crop's centre lies above FFHQ's


class FacesMissingError(RuntimeError):
    """The optional extra ``faces`` is not installed; the message says how to install it."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face found in a photo: its 68 ``landmarks`` in the photo's pixels, and the detector's ``score``."""

    landmarks: Landmarks
    score: float

    def crop_transform(self, scale: float = CROP_SCALE) -> CropTransform:
        """The square around the face, ``scale`` times that of FFHQ (Karras et al., arXiv 1812.04948, appendix C)."""
        right_eye, left_eye = (self.landmarks[eye].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE))
        mouth = self.landmarks[[48, 54]].mean(axis=0)
        eyes, across = (right_eye + left_eye) / 2, left_eye - right_eye
        down = mouth - eyes
        axis = across + np.array([down[1], -down[0]])  # turned to the right: the mean of both says what is level
        axis = axis / max(float(np.hypot(*axis)), 1e-9)
        side = 2 * scale * max(2.0 * float(np.hypot(*across)), 1.8 * float(np.hypot(*down)))
        centre = eyes + 0.1 * down - CROP_RISE * side * np.array([-axis[1], axis[0]])
        return CropTransform(float(centre[0]), float(centre[1]), side, math.degrees(math.atan2(axis[1], axis[0])))


def available() -> bool:
    """Whether the extra ``faces`` is installed."""
    return importlib.util.find_spec("dlib") is not None and _landmark_file() is not None


def find_faces(picture: NDArray[np.uint8]) -> list[Face]:
    """Find the faces in an upright picture (H, W, 3) uint8, the largest first; turned faces where none is upright.

    Raises:
        FacesMissingError: the extra ``faces`` is not installed.
    """
    detector, predictor = _dlib_models()
    factor = min(MAX_ENLARGED, DETECTION_SIDE / max(picture.shape[:2]))
    height, width = (max(1, round(length * factor)) for length in picture.shape[:2])
    method = Image.Resampling.BOX if factor < 1 else Image.Resampling.BILINEAR
    seen = Image.fromarray(picture).resize((width, height), method)
    found = _detect(detector, predictor, seen)
    if not found:
        turned = [_detect_turned(detector, predictor, seen, turn) for turn in RETRY_TURNS]
        found = max(turned, key=lambda faces: max((face.score for face in faces), default=0.0))
    scale = np.array([picture.shape[1] / width, picture.shape[0] / height])
    faces = [Face(face.landmarks * scale, face.score) for face in found]
    return sorted(faces, key=lambda face: -face.crop_transform().side)


def _detect(detector: Any, predictor: Any, picture: Image.Image) -> list[Face]:
    pixels = np.asarray(picture)
    boxes, scores, _ = detector.run(pixels, 0, MIN_SCORE)
    return [Face(_landmarks(predictor(pixels, box)), float(score)) for box, score in zip(boxes, scores, strict=True)]


def _detect_turned(detector: Any, predictor: Any, picture: Image.Image, turn: float) -> list[Face]:
    """Faces of a picture turned by ``turn`` degrees, in the coordinates of the picture as it is."""
    turned = picture.rotate(turn, Image.Resampling.BILINEAR, expand=True)
    back = skimage.transform.SimilarityTransform(rotation=math.radians(turn)).params[:2, :2]
    middle, centre = np.array(turned.size) / 2, np.array(picture.size) / 2
    found = _detect(detector, predictor, turned)
    return [Face((face.landmarks - middle) @ back.T + centre, face.score) for face in found]


def _landmarks(shape: Any) -> Landmarks:
    points: Sequence[Any] = shape.parts()
    return np.array([(point.x, point.y) for point in points], np.float64) + 0.5


@functools.cache
def _dlib_models() -> tuple[Any, Any]:
    """Detector and landmark predictor, loaded once."""
    path = _landmark_file()
    if importlib.util.find_spec("dlib") is None or path is None:
        raise FacesMissingError(f"finding faces needs the extra 'faces': {INSTALL}")
    dlib = importlib.import_module("dlib")
    return dlib.get_frontal_face_detector(), dlib.shape_predictor(str(path))


def _landmark_file() -> Path | None:
    """The landmark model's file, found without importing its package, which needs an old setuptools."""
    spec = importlib.util.find_spec("face_recognition_models")
    folders = spec.submodule_search_locations if spec else None
    path = Path(next(iter(folders), "")) / "models/shape_predictor_68_face_landmarks.dat" if folders else None
    return path if path is not None and path.is_file() else None
