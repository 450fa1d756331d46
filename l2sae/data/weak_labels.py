"""Weak labels: ROI maps of photos without masks, from 68 landmarks, colour and position.

Landmarks give eyes, brows, nose and lips as polygons. Hair, skin and the rest are parted by mixtures of Gaussians over
colour and local contrast, fitted to each photo by expectation maximisation, with a prior of position around the
landmarks and a random walk with that prior for smoothness (Grady, CVPR 2005). Position and contrast are what parts grey
or fair hair from skin, which colour alone cannot.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import cg
from skimage.color import rgb2lab
from skimage.draw import polygon

from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.faces.dlib_faces import (
    INNER_LIPS,
    JAW,
    LEFT_BROW,
    LEFT_EYE,
    NOSE,
    OUTER_LIPS,
    RIGHT_BROW,
    RIGHT_EYE,
    Landmarks,
)

HAIR, SKIN, CLOTH, REST = 0, 1, 2, 3
ROUNDS = 4  # of expectation maximisation
COLOURS = (3, 3, 3, 4)  # Gaussians of hair, skin, clothes, and the rest
PRIOR_FLOOR = 0.02
TAUGHT_FLOOR = 0.1  # a model may be sure and wrong
FACE_IS_SKIN = 0.8  # mean belief in skin between jaw and brows, from which on a face counts as whole
HAIRLINE = 0.7  # softness of the forehead's upper end, in units of its height
HAIR_BELOW = 0.7  # probability of hair beside neck and shoulders
EYE_SCALE = (1.2, 1.4)  # dlib's points lie inside of the lids
UNEXPLAINED = 2e-7  # density over colour and contrast; that of a typical pixel under its own Gaussian is 4e-5
TAUGHT_PIXELS = 3000  # that the mixtures are fitted to at most
WALK_PRIOR = 0.03  # weight of a pixel's own evidence against its neighbours'
WALK_EDGE = 0.02  # how fast a difference of colour (in Delta E squared) parts neighbours
COLOUR_TRUST = 0.7  # exponent of the colour likelihoods: neighbouring pixels are not independent
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WeakLabels:
    """``parts`` (S, S) uint8, ids of the scheme celebamask, and the ``confidence`` in them, 0 to 1."""

    parts: NDArray[np.uint8]
    confidence: float


def weak_labels(
    picture: NDArray[np.uint8],
    landmarks: Landmarks,
    known: NDArray[np.bool_] | None = None,
    taught: Array | None = None,
) -> WeakLabels:
    """Label an upright picture of one face.

    Args:
        picture: (S, S, 3) uint8; 128 to 256 pixels a side serve best.
        landmarks: (68, 2) in pixels of the picture.
        known: (S, S): pixels that are the photo's own; the others teach nothing and get no label.
        taught: (2, S, S): probabilities of hair and face that a trained model predicts.
    """
    shape = (picture.shape[0], picture.shape[1])
    prior = position_prior(landmarks, shape)
    if taught is not None:
        prior = joined_prior(prior, taught)
    teaches = np.repeat(~features_mask(landmarks, shape)[None], 4, axis=0)
    above = np.arange(shape[0])[:, None] < landmarks[8, 1]  # the chin
    teaches[HAIR] &= above  # what lies beside neck and shoulders is hair where it looks like that of the head
    known = np.ones(shape, bool) if known is None else known
    belief = head_regions(picture, prior, teaches & known)
    classes = np.where(known, _rooted(belief.argmax(axis=0), above), REST)
    return WeakLabels(_paint(classes, landmarks, known), _confidence(belief, known, landmarks))


def position_prior(landmarks: Landmarks, shape: tuple[int, int]) -> Array:
    """Probabilities (4, H, W) of hair, skin, clothes and the rest by position relative to the landmarks."""
    eyes = (landmarks[RIGHT_EYE].mean(axis=0) + landmarks[LEFT_EYE].mean(axis=0)) / 2
    chin, sides = landmarks[8], landmarks[[0, 16]]
    unit = max(1.0, float(np.hypot(*(chin - eyes))))  # eyes to chin: about half of the head's height
    half = float(np.hypot(*(sides[1] - sides[0]))) / 2
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    centre = sides.mean(axis=0)
    dx, dy = (x - centre[0]) / half, (y - eyes[1]) / unit
    raised = landmarks[[16, 0]] - (0.0, 0.5 * unit)  # the polygon goes on above the eyes, where the dome limits it
    jaw = _depth(np.concatenate([landmarks[JAW], raised]), shape) / unit
    below = jaw_line(landmarks, x) < y
    dome = np.hypot(dx / 1.0, dy / 0.78)  # forehead: 1 at the hairline
    skull = np.hypot(dx / 1.35, (dy + 0.05) / 1.2)
    face = np.where(dy < 0, _step(1 - dome, HAIRLINE), _step(jaw, 0.05))
    neck = np.where(below & (dy < 1.9), _step(0.75 - np.abs(dx), 0.15) * 0.8, 0.0)
    skin = np.maximum(face, neck)
    around = _step(1 - skull, 0.18) * (dy < 0.3) + HAIR_BELOW * _step(1.7 - np.abs(dx), 0.25) * (dy >= 0.3) * (dy < 2.2)
    hair = (1 - skin) * np.clip(around, 0, 1) * np.where(below & (np.abs(dx) < 0.8), 0.15, 0.9)
    cloth = np.clip(1 - skin, 0, 1) * _step(dy - 1.15 + 0.15 * (1.4 - np.abs(dx)), 0.3)
    rest = np.clip(1 - skin - hair, 0, 1) * _step(1.6 - dy, 0.6)
    return _normalised(np.stack([hair, skin, cloth, rest]) + PRIOR_FLOOR)


def joined_prior(prior: Array, taught: Array) -> Array:
    """The geometric mean of a prior (4, H, W) and of what a model predicts of hair and face, (2, H, W).

    The model does not part clothes from the rest: there the prior does.
    """
    hair, face = taught
    behind = np.clip(1 - hair - face, 0, 1) * prior[[CLOTH, REST]] / prior[[CLOTH, REST]].sum(axis=0)
    predicted = _normalised(np.concatenate([np.stack([hair, face]), behind]) + TAUGHT_FLOOR)
    return _normalised(np.sqrt(prior * predicted))


def head_regions(picture: NDArray[np.uint8], prior: Array, teaches: NDArray[np.bool_]) -> Array:
    """Beliefs (4, H, W) in hair, skin, clothes and the rest.

    Args:
        picture: (H, W, 3) uint8.
        prior: (4, H, W) probabilities by position.
        teaches: (4, H, W): which pixels each class learns its colours from; what teaches none keeps its prior.
    """
    inner = ~teaches.any(axis=0)
    lab = rgb2lab(picture)
    contrast = _local_contrast(lab[..., 0])
    features = np.concatenate([lab, 2 * contrast[..., None]], axis=-1).reshape(-1, 4)
    walk = _Walk(lab)
    belief = prior
    for turn in range(ROUNDS):
        weights = np.where(teaches, belief**2, 0.0)
        likelihood = np.stack(
            [_mixture_density(features, weights[k].ravel(), COLOURS[k]).reshape(prior.shape[1:]) for k in range(4)]
        )
        if turn == 0:  # at first hair is what neither skin nor the rest explains: a bald head has none
            likelihood[HAIR] = UNEXPLAINED
        evidence = _normalised(prior * (likelihood + 1e-9) ** COLOUR_TRUST)
        evidence[:, inner] = prior[:, inner]
        belief = walk.smooth(evidence)
    return belief


def _rooted(classes: NDArray[np.integer], above: NDArray[np.bool_]) -> NDArray[np.integer]:
    """Hair that does not hang together with hair above the chin is clothing."""
    pieces, _ = ndimage.label(classes == HAIR)
    rooted = np.isin(pieces, np.unique(pieces[(pieces > 0) & above]))
    return np.where((classes == HAIR) & ~rooted, CLOTH, classes)


class _Walk:
    """Random walk on the pixel grid: evidence spreads where neighbours are alike and stops at edges."""

    def __init__(self, lab: Array) -> None:
        height, width = lab.shape[:2]
        index = np.arange(height * width).reshape(height, width)
        pairs = [(index[:, :-1], index[:, 1:], lab[:, :-1] - lab[:, 1:]), (index[:-1], index[1:], lab[:-1] - lab[1:])]
        first = np.concatenate([a.ravel() for a, _, _ in pairs])
        second = np.concatenate([b.ravel() for _, b, _ in pairs])
        edge = np.concatenate([(d**2).sum(axis=-1).ravel() for _, _, d in pairs])
        weight = np.exp(-WALK_EDGE * edge) + 1e-3
        count = height * width
        links = sparse.coo_matrix((weight, (first, second)), (count, count))
        links = (links + links.T).tocsr()
        self._system = (sparse.diags(np.asarray(links.sum(axis=1)).ravel() + WALK_PRIOR) - links).tocsr()

    def smooth(self, evidence: Array) -> Array:
        """Beliefs (K, H, W) whose sum is 1 everywhere."""
        solved = [
            cg(self._system, WALK_PRIOR * one.ravel(), x0=one.ravel(), rtol=1e-3, maxiter=200)[0] for one in evidence
        ]
        return _normalised(np.clip(np.stack(solved).reshape(evidence.shape), 1e-6, None))


def _mixture_density(features: Array, weights: Array, count: int, rounds: int = 4) -> Array:
    """Density (N,) of a mixture of ``count`` Gaussians fitted to weighted features (N, D)."""
    chosen = np.flatnonzero(weights > 0.01)
    chosen = chosen[:: -(-len(chosen) // TAUGHT_PIXELS) or 1]
    if len(chosen) < 8 * count:
        return np.full(len(features), 1e-9)
    x, w = features[chosen], weights[chosen]
    order = np.argsort(x[:, 0], kind="stable")
    group = np.empty(len(x), int)
    group[order] = np.minimum((np.cumsum(w[order]) / w.sum() * count).astype(int), count - 1)
    share = np.eye(count)[group].T * w
    for _ in range(rounds):
        gaussians = [_gaussian(x, row) for row in share]
        dense = np.stack([_density(x, *gaussian) for gaussian in gaussians])
        share = dense / (dense.sum(axis=0) + 1e-300) * w
    return np.sum([_density(features, *gaussian) for gaussian in gaussians], axis=0) / w.sum()


def _gaussian(x: Array, w: Array) -> tuple[float, Array, Array]:
    total = max(float(w.sum()), 1e-9)
    mean = w @ x / total
    centred = x - mean
    covariance = (w[:, None] * centred).T @ centred / total + np.diag([9.0, 4.0, 4.0, 4.0])
    return total, mean, covariance


def _density(x: Array, total: float, mean: Array, covariance: Array) -> Array:
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), (x - mean).T)
    scale = total / math.sqrt(float(np.linalg.det(covariance)) * (2 * math.pi) ** len(mean))
    return scale * np.exp(-0.5 * (whitened**2).sum(axis=0))


def _local_contrast(lightness: Array) -> Array:
    mean = ndimage.uniform_filter(lightness, 5)
    return np.sqrt(np.clip(ndimage.uniform_filter(lightness**2, 5) - mean**2, 0, None))


def _step(x: Array, softness: float) -> Array:
    return 1 / (1 + np.exp(-np.clip(4 * x / softness, -40, 40)))


def _normalised(x: Array) -> Array:
    return x / x.sum(axis=0, keepdims=True)


def _filled(points: Landmarks, shape: tuple[int, int]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    mask[polygon(points[:, 1] - 0.5, points[:, 0] - 0.5, shape)] = True
    return mask


def _depth(points: Landmarks, shape: tuple[int, int]) -> Array:
    """Signed distance to a polygon in pixels, positive inside."""
    inside = _filled(points, shape)
    if not inside.any():
        return np.full(shape, -float(max(shape)))
    return np.asarray(ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside))


def jaw_line(landmarks: Landmarks, x: Array) -> Array:
    """Height y of the jaw at columns ``x``."""
    jaw = landmarks[JAW]
    order = np.argsort(jaw[:, 0], kind="stable")
    return np.interp(x, jaw[order, 0], jaw[order, 1])


def features_mask(landmarks: Landmarks, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Eyes, brows and mouth, widened a little: (H, W) bool."""
    mask = np.zeros(shape, bool)
    for part in (RIGHT_EYE, LEFT_EYE, OUTER_LIPS):
        mask |= _filled(landmarks[part], shape)
    for part in (RIGHT_BROW, LEFT_BROW):
        mask |= _filled(_brow(landmarks[part], landmarks), shape)
    return np.asarray(ndimage.binary_dilation(mask, iterations=max(1, shape[0] // 100)))


def _brow(points: Landmarks, landmarks: Landmarks) -> Landmarks:
    """The brow as a band: dlib's five points follow its upper edge."""
    thickness = 0.07 * float(np.hypot(*(landmarks[16] - landmarks[0])))
    down = np.array([0.0, thickness])
    return np.concatenate([points - 0.25 * down, (points + 0.75 * down)[::-1]])


def _eye(points: Landmarks) -> Landmarks:
    middle = points.mean(axis=0)
    return np.asarray(middle + EYE_SCALE * (points - middle))


def _nose(landmarks: Landmarks) -> Landmarks:
    """The nose's outline: the bridge widened, the wings a little outside of the nostrils."""
    points = landmarks[NOSE]
    width = float(points[8, 0] - points[4, 0])
    offsets = np.array([(-0.2, 0), (-0.12, -0.35), (-0.1, 0), (0, -0.1), (0, -0.1), (0, -0.1), (0.1, 0), (0.12, -0.35),
                        (0.2, 0)])  # fmt: skip
    return np.asarray(points[[0, 4, 4, 5, 6, 7, 8, 8, 0]] + width * offsets)


def _paint(classes: NDArray[np.integer], landmarks: Landmarks, known: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Regions of the head and polygons of the features as part ids."""
    ids = {name: number for number, name in enumerate(CELEBAMASK_PARTS)}
    shape = (classes.shape[0], classes.shape[1])
    parts = np.zeros(shape, np.uint8)
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    skin = classes == SKIN
    parts[classes == HAIR] = ids["hair"]
    parts[skin] = ids["skin"]
    parts[classes == CLOTH] = ids["cloth"]
    parts[skin & (y > jaw_line(landmarks, x))] = ids["neck"]
    sides = landmarks[[1, 15]]
    parts[skin & (x < sides[0, 0] - 1) & (y > landmarks[17:27, 1].min())] = ids["r_ear"]
    parts[skin & (x > sides[1, 0] + 1) & (y > landmarks[17:27, 1].min())] = ids["l_ear"]
    parts[skin & (y > jaw_line(landmarks, x)) & (y > landmarks[3, 1])] = ids["neck"]
    for name, outline in (
        ("r_brow", _brow(landmarks[RIGHT_BROW], landmarks)), ("l_brow", _brow(landmarks[LEFT_BROW], landmarks)),
        ("r_eye", _eye(landmarks[RIGHT_EYE])), ("l_eye", _eye(landmarks[LEFT_EYE])), ("nose", _nose(landmarks)),
    ):  # fmt: skip
        parts[_filled(outline, shape)] = ids[name]
    outer, inner = landmarks[OUTER_LIPS], landmarks[INNER_LIPS]
    upper = np.concatenate([outer[:7], inner[4::-1]])
    parts[_filled(outer, shape)] = ids["l_lip"]
    parts[_filled(upper, shape)] = ids["u_lip"]
    parts[_filled(inner, shape)] = ids["mouth"]
    return np.where(known, parts, 0).astype(np.uint8)


def _confidence(belief: Array, known: NDArray[np.bool_], landmarks: Landmarks) -> float:
    """How decided the beliefs are: over the photo's own pixels, and whether the face between the landmarks is skin."""
    decided = 2 * belief.max(axis=0)[known].mean() - 1 if known.any() else 0.0
    face = _filled(np.concatenate([landmarks[JAW], landmarks[RIGHT_BROW.start : LEFT_BROW.stop][::-1]]), known.shape)
    skin = belief[SKIN][face & known]
    return float(np.clip(decided, 0, 1) * min(1.0, skin.mean() / FACE_IS_SKIN)) if len(skin) else 0.0
