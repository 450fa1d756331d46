"""Where the faces of a photo are, upright or turned, large or small, with 478 landmarks each.

BlazeFace proposes faces in square views of the photo; the mesh's face score confirms them or refuses them. The first
view is the whole photo; turned views and closer ones follow only while no face is confirmed.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.faces import landmarks as lm
from l2sae.faces import weights
from l2sae.faces.landmarks import Landmarks
from l2sae.pictures.crops import CropTransform

CROP_SCALE = 1.15  # of FFHQ's square: room for the hair, whose cut edge an edit must fade out before
EYES_WIDTH = 1.95  # FFHQ's 2.0, with the middles of eyes as the 68 points of FFHQ's own landmarks have them
CROP_RISE = 0.046  # of the side: how far the crop's centre lies above FFHQ's
HEAD_SCALE = 2.0  # of the head's crop, in sides of the face's: looser ones show faces smaller than the model knows them
HEAD_DROP = 0.1  # of the face's side, at that scale: hair falls

MIN_PROPOSAL = 0.4  # of the detector
MIN_FIRST_SCORE = 0.2  # of the mesh, in the detector's box
MIN_SCORE = 0.995  # of the mesh, in its own box: portraits, turned ones too, score above 0.99999, cats and print 0.97
REFINEMENTS = 2  # of the mesh: boxes of turned and of small faces are rough
SURE_SCORE = 0.99999  # of the mesh: faces seen the wrong way up score less
MESH_SCALE = 1.5  # of the detector's box, and of the box around the mesh
EYE_SCALE = 2.3  # of the distance between an eye's corners
UPRIGHT, TURNED, DIAGONAL = (0.0,), (90.0, -90.0, 180.0), (45.0, -45.0, 135.0, -135.0)  # degrees
VIEWS = (  # in the order of trying: a square view's part of the photo's longer side, and its turns
    (1.0, UPRIGHT),
    (1.0, TURNED),
    (1.25, DIAGONAL),
    (0.6, UPRIGHT),
    (0.32, UPRIGHT),
    (0.6, TURNED),
)
MAX_PROPOSALS = 24  # confirmed at most in one batch of views
SAME_FACE = 0.5  # of the smaller face's side: centres closer than this are of one face


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a photo.

    Attributes:
        landmarks: (478, 2) float64 in pixels of the photo: 468 points of the mesh, 5 of the right iris, 5 of the left;
            `l2sae.faces.landmarks` says which is which.
        score: the mesh's probability that this is a face.
    """

    landmarks: Landmarks
    score: float

    def crop_transform(self) -> CropTransform:
        """The square around the face: ``CROP_SCALE`` times FFHQ's (Karras et al., arXiv 1812.04948, appendix C)."""
        right_eye, left_eye = (
            self.landmarks[list(eye)].mean(axis=0) for eye in (lm.RIGHT_EYE_POINTS, lm.LEFT_EYE_POINTS)
        )
        mouth = self.landmarks[list(lm.MOUTH_CORNERS)].mean(axis=0)
        eyes, across = (right_eye + left_eye) / 2, left_eye - right_eye
        down = mouth - eyes
        axis = across + np.array([down[1], -down[0]])  # turned to the right: the mean of both says what is level
        axis = axis / max(float(np.hypot(*axis)), 1e-9)
        side = 2 * CROP_SCALE * max(EYES_WIDTH * float(np.hypot(*across)), 1.8 * float(np.hypot(*down)))
        centre = eyes + 0.1 * down - CROP_RISE * side * np.array([-axis[1], axis[0]])
        return CropTransform(float(centre[0]), float(centre[1]), side, _degrees(axis))


@torch.inference_mode()
def mesh_depths(picture: NDArray[np.uint8], face: Face) -> NDArray[np.float64]:
    """How far the mesh's points, (468,), lie from the viewer, in pixels of the photo, from an unknown plane on."""
    square = _square_around(face.landmarks[: lm.MESH_POINTS])
    mesh = weights.mesh()
    points, _ = mesh(_crops(picture, [square], mesh.size))
    return points[0, :, 2].double().numpy() * square.side


def head_crop(crop: CropTransform, scale: float = HEAD_SCALE) -> CropTransform:
    """The looser crop around the crop of a face, ``scale`` times as large; at 1 it is the face's own."""
    drop = HEAD_DROP * (scale - 1) / (HEAD_SCALE - 1)
    x, y = crop.to_photo(np.array([[0.5, 0.5 + drop]]))[0]
    return CropTransform(float(x), float(y), scale * crop.side, crop.angle)


def _crops(picture: NDArray[np.uint8], squares: Sequence[CropTransform], size: int) -> Tensor:
    """Squares of the photo for a network, (B, 3, size, size) in [0, 1]."""
    pixels = torch.from_numpy(np.stack([square.sample(picture, size) for square in squares]))
    return pixels.permute(0, 3, 1, 2).float().div_(255)


@torch.inference_mode()
def find_faces(picture: NDArray[np.uint8]) -> list[Face]:
    """Find the faces of a photo.

    Args:
        picture: (H, W, 3) uint8.

    Returns:
        The faces, the largest first; none where nothing is confirmed as a face.
    """
    for views in _views(*picture.shape[:2]):
        faces = _distinct(_confirm(picture, _propose(picture, views)))
        if faces:
            return sorted(_with_eyes(picture, faces), key=lambda face: -face.crop_transform().side)
    return []


def _views(height: int, width: int) -> Iterator[list[CropTransform]]:
    """Batches of square views: the whole photo, upright and turned, then tiles of it."""
    for part, turns in VIEWS:
        side = part * max(height, width)
        rows, columns = _centres(height, side), _centres(width, side)
        yield [CropTransform(x, y, side, turn) for turn in turns for y in rows for x in columns]


def _centres(length: int, side: float) -> list[float]:
    """Centres of the tiles of ``side`` that cover ``length``, each overlapping the next by a fifth at least."""
    if side >= length:
        return [length / 2]
    return np.linspace(side / 2, length - side / 2, math.ceil((length - side) / (0.8 * side)) + 1).tolist()


def _propose(picture: NDArray[np.uint8], views: list[CropTransform]) -> list[CropTransform]:
    """Squares around what the detector takes for faces, their eyes level; the most certain first."""
    detector = weights.detector()
    logits, values = detector(_crops(picture, views, detector.size))
    scores, found = logits.sigmoid().numpy(), values.double().numpy()
    proposals = []
    for view, view_scores, view_values in zip(views, scores, found, strict=True):
        for index in np.flatnonzero(view_scores > MIN_PROPOSAL):
            centre, right_eye, left_eye = view.to_photo(view_values[index].reshape(8, 2)[[0, 2, 3]])
            side = view.side * float(view_values[index, 2:4].max())
            turn = _degrees(left_eye - right_eye)
            square = CropTransform(float(centre[0]), float(centre[1]), side, turn)
            proposals.append((float(view_scores[index]), square))
    proposals.sort(key=lambda proposal: -proposal[0])
    kept: list[CropTransform] = []
    for _, square in proposals:
        if all(not _overlap(square, other) for other in kept):
            kept.append(square)
    return kept[:MAX_PROPOSALS]


def _overlap(one: CropTransform, other: CropTransform) -> bool:
    return math.hypot(one.x - other.x, one.y - other.y) < SAME_FACE * min(one.side, other.side)


def _confirm(picture: NDArray[np.uint8], proposals: list[CropTransform]) -> list[Face]:
    """The proposals that the mesh takes for faces too, with its points; each look centres the next one."""
    squares = [replace(square, side=MESH_SCALE * square.side) for square in proposals]
    seen = [face for face in _best_turns(picture, squares) if face.score >= MIN_FIRST_SCORE]
    for _ in range(REFINEMENTS):
        seen = _run_mesh(picture, [_square_around(face.landmarks) for face in seen])
    return [face for face in seen if face.score >= MIN_SCORE]


def _best_turns(picture: NDArray[np.uint8], squares: list[CropTransform]) -> list[Face]:
    """A face for each square; squares without a certain one are turned: upside-down faces get level eyes too."""
    faces = _run_mesh(picture, squares)
    unsure = [index for index, face in enumerate(faces) if face.score < SURE_SCORE]
    turned = [replace(squares[index], angle=squares[index].angle + turn) for index in unsure for turn in TURNED]
    tries = _run_mesh(picture, turned)
    for place, index in enumerate(unsure):
        faces[index] = max(faces[index], *tries[3 * place : 3 * place + 3], key=lambda face: face.score)
    return faces


def _run_mesh(picture: NDArray[np.uint8], squares: list[CropTransform]) -> list[Face]:
    """What the mesh sees in each square, its 468 points alone."""
    if not squares:
        return []
    mesh = weights.mesh()
    points, logits = mesh(_crops(picture, squares, mesh.size))
    scores = logits.double().sigmoid().tolist()
    return [
        Face(square.to_photo(values[:, :2]), score)
        for square, values, score in zip(squares, points.double().numpy(), scores, strict=True)
    ]


def _square_around(points: Landmarks) -> CropTransform:
    """The square that the mesh wants to see: around its own points, the eyes' outer corners level."""
    angle = _degrees(points[lm.LEFT_EYE_CORNERS[0]] - points[lm.RIGHT_EYE_CORNERS[0]])
    level = CropTransform(0, 0, 1, angle)
    turned = level.to_crop(points)
    low, high = turned.min(axis=0), turned.max(axis=0)
    centre = level.to_photo((low + high)[None] / 2)[0]
    return CropTransform(float(centre[0]), float(centre[1]), MESH_SCALE * float((high - low).max()), angle)


def _distinct(faces: list[Face]) -> list[Face]:
    """One of several findings of the same face: that with the best score."""
    kept: list[tuple[Face, CropTransform]] = []
    for face in sorted(faces, key=lambda face: -face.score):
        square = _square_around(face.landmarks)
        if all(not _overlap(square, other) for _, other in kept):
            kept.append((face, square))
    return [face for face, _ in kept]


def _with_eyes(picture: NDArray[np.uint8], faces: list[Face]) -> list[Face]:
    """The faces with both irises' points behind those of the mesh, and with more exact eyelids."""
    network = weights.eyes()
    corners = (lm.RIGHT_EYE_CORNERS, lm.LEFT_EYE_CORNERS)
    squares = [_eye_square(face.landmarks, pair) for face in faces for pair in corners]
    crops = _crops(picture, squares, network.size)
    crops[1::2] = crops[1::2].flip(-1)  # the network knows right eyes
    contours, irises = (values.double().numpy() for values in network(crops))
    for values in (contours, irises):
        values[1::2, :, 0] = 1 - values[1::2, :, 0]
    lids = [square.to_photo(contour[:16]) for square, contour in zip(squares, contours, strict=True)]
    rims = [square.to_photo(iris) for square, iris in zip(squares, irises, strict=True)]
    complete = []
    for index, face in enumerate(faces):
        points = np.concatenate([face.landmarks, *rims[2 * index : 2 * index + 2]])
        points[list(lm.RIGHT_LIDS)], points[list(lm.LEFT_LIDS)] = lids[2 * index : 2 * index + 2]
        complete.append(Face(points, face.score))
    return complete


def _eye_square(points: Landmarks, corners: tuple[int, int]) -> CropTransform:
    across = points[lm.LEFT_EYE_CORNERS[0]] - points[lm.RIGHT_EYE_CORNERS[0]]
    outer, inner = points[corners[0]], points[corners[1]]
    centre = (outer + inner) / 2
    side = EYE_SCALE * float(np.hypot(*(outer - inner)))
    return CropTransform(float(centre[0]), float(centre[1]), side, _degrees(across))


def _degrees(direction: NDArray[np.float64]) -> float:
    """The angle of a direction (x, y), clockwise from the horizontal."""
    return math.degrees(math.atan2(direction[1], direction[0]))
