"""Does an edit leave the person recognisable? Face embeddings of dlib, as installed by the extra ``faces``.

The network of dlib (King 2017, http://blog.dlib.net/2017/02/high-quality-face-recognition-with-deep.html) maps an
aligned face of 150 x 150 pixels to 128 numbers. Its weights come in the package face-recognition-models, so that
nothing is downloaded. That package's own loader needs ``pkg_resources``, which Python no longer brings: the files are
opened by their path, and the package is not imported.
"""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

PACKAGE = "face_recognition_models"
FILES = ("shape_predictor_5_face_landmarks.dat", "dlib_face_recognition_resnet_model_v1.dat")
_FACE_OF_CROP = (0.2, 0.27, 0.8, 0.87)  # left, top, right, bottom: where a face crop shows what dlib calls the face


def identity_files(folder: Path | None) -> list[Path] | None:
    """Landmark and embedding weights: in ``folder``, else in the package; None where either is absent."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = [] if folder is None else [folder]
    if spec is not None and spec.origin is not None:
        folders.append(Path(spec.origin).parent / "models")
    for place in folders:
        files = [place / name for name in FILES]
        if all(file.is_file() for file in files):
            return files
    return None


class FaceEmbedding:
    """Embeds the face of a crop.

    Args:
        files: from :func:`identity_files`.

    Raises:
        ImportError: dlib is not installed.
    """

    def __init__(self, files: list[Path]) -> None:
        dlib: Any = importlib.import_module("dlib")
        self._dlib = dlib
        self._detect = dlib.get_frontal_face_detector()
        self._landmarks = dlib.shape_predictor(str(files[0]))
        self._network = dlib.face_recognition_model_v1(str(files[1]))

    def __call__(self, picture: Picture, like: Picture | None = None) -> NDArray[np.float64]:
        """128 numbers for a face crop (H, W, 3) uint8.

        Args:
            picture: the face.
            like: the picture in which the face is looked for, of the same size; ``picture`` itself if None. An edit is
                aligned like its original, so that the two differ by their pixels alone. Where no face is found, as in
                coarse renderings, the place that it has in a face crop is taken.
        """
        shown = np.ascontiguousarray(picture if like is None else like)
        found = self._detect(shown, 0)
        landmarks = self._landmarks(shown, found[0] if len(found) else self._place(shown))
        return np.array(self._network.compute_face_descriptor(np.ascontiguousarray(picture), landmarks))

    def _place(self, picture: Picture) -> Any:
        height, width = picture.shape[:2]
        left, top, right, bottom = _FACE_OF_CROP
        return self._dlib.rectangle(*(int(v) for v in (left * width, top * height, right * width, bottom * height)))


def cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Cosine of the angle between two embeddings, in [-1, 1]."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
