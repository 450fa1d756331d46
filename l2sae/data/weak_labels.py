"""Weak labels: ROI maps of photos without masks, from outlines of the face, a silhouette, colour and position.

Outlines give eyes, brows, nose and lips. The silhouette of the person parts the head from what is behind it. Hair, skin
and clothes are parted by mixtures of Gaussians over colour and local contrast, fitted to each photo by expectation
maximisation, with a prior of position around the face and a guided filter for edges (He, Sun and Tang, ECCV 2010).
Position and contrast are what parts grey or fair hair from skin, which colour alone cannot.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.color import rgb2lab

from l2sae.data.outlines import FEATURES, Outlines, filled
from l2sae.data.schemes import CELEBAMASK_PARTS

HAIR, SKIN, CLOTH, REST = 0, 1, 2, 3
ROUNDS = 4  # of expectation maximisation
COLOURS = (3, 3, 3, 4)  # Gaussians of hair, skin, clothes, and the rest
PRIOR_FLOOR = 0.02
PERSON_FLOOR = 0.03  # the silhouette may be sure and wrong
TAUGHT_FLOOR = 0.1  # so may a model
FACE_IS_SKIN = 0.8  # mean belief in skin between jaw and brows, from which on a face counts as whole
HAIRLINE = 0.7  # softness of the forehead's upper end, in units of its height
FOREHEAD = 0.8  # probability of skin between brows and the mesh's upper end, where a fringe may hang
EARS = 0.8  # and beside the face, between brows and mouth
EAR_REACH = 1.35  # of ears, in half face widths
NECK_WIDTH, NECK = 0.75, 0.9  # half its width, in half face widths; probability of skin there
CLOTH_FROM, CLOTH_BELOW_HAIR = 1.15, 0.5  # where clothes begin, in units below the eyes; how much lower beside hair
HAIR_BELOW = 0.85  # probability of hair beside neck and shoulders
STRAND = 0.12  # width of the narrowest hair that hangs beside a jaw, in half face widths
HANGS_WITHIN = 1.4  # how far from the face's middle it comes from behind the neck, in half face widths
SHOULDER = 0.05  # share of such hair above the chin that may lie farther out
LOOSE = 0.02  # what remains of the belief in hair that hangs from none
UNEXPLAINED = 2e-7  # density over colour and contrast; that of a typical pixel under its own Gaussian is 4e-5
TAUGHT_PIXELS = 3000  # that the mixtures are fitted to at most
COLOUR_TRUST = 0.8  # exponent of the colour likelihoods: neighbouring pixels are not independent
GUIDE_RADIUS = 0.03  # of the guided filter, as part of the picture's side
GUIDE_NOISE = 2e-3  # variance of lightness, 0 to 1, below which the filter smooths
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WeakLabels:
    """``parts`` (S, S) uint8, ids of the scheme celebamask, and the ``confidence`` in them, 0 to 1."""

    parts: NDArray[np.uint8]
    confidence: float


@dataclass(frozen=True)
class Frame:
    """A level face's place: ``x`` of its middle, ``eyes`` and ``chin`` (y), ``half`` its width; all in pixels."""

    x: float
    eyes: float
    chin: float
    half: float
    brows: float
    nose: float

    @property
    def unit(self) -> float:
        """Eyes to chin: about half of the head's height."""
        return max(1.0, self.chin - self.eyes)


def frame_of(outlines: Outlines) -> Frame:
    """Where a face is, from its outlines."""
    eyes = float(np.mean([outlines.features[part].mean(axis=0)[1] for part in ("r_eye", "l_eye")]))
    face = outlines.face
    beside = face[np.abs(face[:, 1] - eyes) < 0.35 * (face[:, 1].max() - eyes)]
    left, right = beside[:, 0].min(), beside[:, 0].max()
    brows = float(min(outlines.features[part][:, 1].min() for part in ("r_brow", "l_brow")))
    nose = float(outlines.features["nose"][:, 1].max())
    return Frame(float(left + right) / 2, eyes, float(face[:, 1].max()), max(1.0, float(right - left) / 2), brows, nose)


def weak_labels(
    picture: NDArray[np.uint8],
    outlines: Outlines,
    person: NDArray[np.floating],
    known: NDArray[np.bool_] | None = None,
    taught: Array | None = None,
) -> WeakLabels:
    """Label an upright picture of one face.

    Args:
        picture: (S, S, 3) uint8; 128 to 256 pixels a side serve best.
        outlines: in pixels of the picture.
        person: (S, S) in [0, 1]: how far each pixel belongs to the person.
        known: (S, S): pixels that are the photo's own; the others teach nothing and get no label.
        taught: (2, S, S): probabilities of hair and face that a trained model predicts.
    """
    shape = (picture.shape[0], picture.shape[1])
    frame = frame_of(outlines)
    prior = with_silhouette(position_prior(outlines, person), person)
    if taught is not None:
        prior = joined_prior(prior, taught)
    teaches = np.repeat(~features_mask(outlines, shape)[None], 4, axis=0)
    above = np.arange(shape[0])[:, None] < frame.chin
    teaches[HAIR] &= above  # what lies beside neck and shoulders is hair where it looks like that of the head
    teaches[HAIR] &= ~ear_zone(frame, shape)  # or ears would teach what hair looks like
    teaches[SKIN] &= filled(outlines.face, shape)  # or grey hair and shirts would teach what skin looks like
    known = np.ones(shape, bool) if known is None else known
    belief = head_regions(picture, prior, teaches & known, frame)
    classes = np.where(known, belief.argmax(axis=0), REST)
    return WeakLabels(_paint(classes, outlines, frame, known), _confidence(belief, known, outlines))


def position_prior(outlines: Outlines, person: NDArray[np.floating]) -> Array:
    """Probabilities (4, H, W) of hair, skin, clothes and the rest by position relative to the face.

    Args:
        outlines: of the face.
        person: (H, W) in [0, 1]; it tells whether hair hangs beside the jaw, without which none lies on the shoulders.
    """
    frame, shape = frame_of(outlines), (person.shape[0], person.shape[1])
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    dx, dy = (x - frame.x) / frame.half, (y - frame.eyes) / frame.unit
    inside = _step(_depth(outlines.face, shape) / frame.unit, 0.05)
    dome = FOREHEAD * _step(1 - np.hypot(dx, dy / 0.78), HAIRLINE)  # 0.5 at the hairline
    forehead = np.minimum(inside, FOREHEAD) if outlines.hairline else np.maximum(dome, FOREHEAD * inside)
    face = np.where(y < frame.brows, forehead, inside)
    below = y > jaw_line(outlines, x)
    neck = np.where(below & (dy < 1.9), _step(NECK_WIDTH - np.abs(dx), 0.15) * NECK, 0.0)
    ears = EARS * _step(1.2 - np.abs(dx), 0.08) * ear_zone(frame, shape)
    skin = np.maximum.reduce([face, neck, ears])
    beside = (np.abs(dx) > 1.05) & (np.abs(dx) < 1.35) & (dy > 0.5) & (dy < 0.75)
    hanging = np.where(dx < 0, _mean(person, beside & (dx < 0)), _mean(person, beside & (dx > 0))).clip(0.02, 1)
    skull = np.hypot(dx / 1.35, (dy + 0.05) / 1.2)
    around = _step(1 - skull, 0.18) * (dy < 0.3) + HAIR_BELOW * hanging * _step(1.7 - np.abs(dx), 0.25) * (
        dy >= 0.3
    ) * (dy < 2.2)
    hair = (1 - skin) * np.clip(around, 0, 1) * np.where(below & (np.abs(dx) < 0.8), 0.15, 0.9)
    cloth = np.clip(1 - skin, 0, 1) * _step(
        dy - CLOTH_FROM - CLOTH_BELOW_HAIR * hanging + 0.15 * (1.4 - np.abs(dx)), 0.3
    )
    rest = np.clip(1 - skin - hair, 0, 1) * _step(1.6 - dy, 0.6)
    return _normalised(np.stack([hair, skin, cloth, rest]) + PRIOR_FLOOR)


def ear_zone(frame: Frame, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """The face's rows between brows and mouth as far out as ears reach, (H, W)."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    beside = np.abs(x - frame.x) < EAR_REACH * frame.half
    return np.asarray(beside & (y > frame.brows) & (y < frame.nose + 0.1 * frame.unit))


def with_silhouette(prior: Array, person: NDArray[np.floating]) -> Array:
    """A prior (4, H, W) given how far each pixel belongs to the person, (H, W)."""
    inside = np.clip(person.astype(np.float64), PERSON_FLOOR, 1 - PERSON_FLOOR)
    return _normalised(prior * np.stack([inside, inside, inside, 1 - inside]))


def joined_prior(prior: Array, taught: Array) -> Array:
    """The geometric mean of a prior (4, H, W) and of what a model predicts of hair and face, (2, H, W).

    The model does not part clothes from the rest: there the prior does.
    """
    hair, face = taught
    behind = np.clip(1 - hair - face, 0, 1) * prior[[CLOTH, REST]] / prior[[CLOTH, REST]].sum(axis=0)
    predicted = _normalised(np.concatenate([np.stack([hair, face]), behind]) + TAUGHT_FLOOR)
    return _normalised(np.sqrt(prior * predicted))


def head_regions(picture: NDArray[np.uint8], prior: Array, teaches: NDArray[np.bool_], frame: Frame) -> Array:
    """Beliefs (4, H, W) in hair, skin, clothes and the rest.

    Args:
        picture: (H, W, 3) uint8.
        prior: (4, H, W) probabilities by position.
        teaches: (4, H, W): which pixels each class learns its colours from; what teaches none keeps its prior.
        frame: of the face; see :func:`loose_hair`.
    """
    inner = ~teaches.any(axis=0)
    lab = rgb2lab(picture)
    contrast = _local_contrast(lab[..., 0])
    features = np.concatenate([lab, 2 * contrast[..., None]], axis=-1).reshape(-1, 4)
    guide = _Guide(lab[..., 0] / 100)
    belief = prior
    below_brows = np.arange(picture.shape[0])[:, None] > frame.brows
    for turn in range(ROUNDS):
        weights = np.where(teaches, belief**2, 0.0)
        if turn == 0:  # or a fringe would teach what skin looks like
            weights[SKIN] *= below_brows
        likelihood = np.stack(
            [_mixture_density(features, weights[k].ravel(), COLOURS[k]).reshape(prior.shape[1:]) for k in range(4)]
        )
        if turn == 0:  # at first hair is what neither skin nor the rest explains: a bald head has none
            likelihood[[HAIR, CLOTH]] = UNEXPLAINED
        likelihood[CLOTH] = np.maximum(likelihood[CLOTH], UNEXPLAINED)  # clothes have any colour, as collars and ties
        evidence = _normalised(prior * (likelihood + 1e-9) ** COLOUR_TRUST)
        evidence[:, inner] = prior[:, inner]
        belief = _normalised(np.stack([np.clip(guide.smooth(one), 1e-6, None) for one in evidence]))
        if turn >= ROUNDS - 2:  # the last round learns what the clothes look like
            loose = loose_hair(belief.argmax(axis=0) == HAIR, frame)
            prior, belief = (_without_hair(one, loose) for one in (prior, belief))
    return belief


def _without_hair(probabilities: Array, loose: NDArray[np.bool_]) -> Array:
    return _normalised(probabilities * np.where(loose[None], np.array([LOOSE, 1, 1, 1])[:, None, None], 1.0))


def loose_hair(hair: NDArray[np.bool_], frame: Frame) -> NDArray[np.bool_]:
    """Which of the supposed ``hair`` (H, W) below the nose does not hang from the head: that is clothing.

    Hair hangs down from beside the nose as wide as a strand, as the shadow along a neck or an ear is not; or it comes
    from behind the neck at the mouth's height, and is nowhere as wide as shoulders above the chin.
    """
    y, x = np.mgrid[: hair.shape[0], : hair.shape[1]] + 0.5
    aside = np.abs(x - frame.x) > HANGS_WITHIN * frame.half
    strand = np.ones((1, 2 * max(1, round(STRAND * frame.half / 2)) + 1), bool)
    pieces, count = ndimage.label(ndimage.binary_erosion(hair, strand, border_value=1), np.ones((3, 3)))

    def pixels(where: NDArray[np.bool_]) -> NDArray[np.int_]:
        return np.bincount(pieces[where], minlength=count + 1)

    behind = pixels(~aside & (y < (frame.nose + frame.chin) / 2)) > 0
    narrow = pixels(aside & (y < frame.chin)) <= SHOULDER * pixels(y < frame.chin)
    hangs = (pixels(y < frame.nose) > 0) | (behind & narrow)
    hangs[0] = False  # no piece
    rooted = ndimage.binary_dilation(ndimage.binary_dilation(hangs[pieces], strand))
    return np.asarray(hair & (y > frame.nose) & ~rooted)


class _Guide:
    """The guided filter of one picture: smooths where its lightness is even, and keeps its edges."""

    def __init__(self, lightness: Array) -> None:
        self.size = 2 * max(1, round(GUIDE_RADIUS * lightness.shape[0])) + 1
        self.lightness, self.mean = lightness, self._box(lightness)
        self.variance = self._box(lightness**2) - self.mean**2

    def _box(self, values: Array) -> Array:
        return np.asarray(ndimage.uniform_filter(values, self.size, mode="nearest"))

    def smooth(self, values: Array) -> Array:
        """Filtered ``values`` (H, W)."""
        mean = self._box(values)
        slope = (self._box(self.lightness * values) - self.mean * mean) / (self.variance + GUIDE_NOISE)
        return self._box(slope) * self.lightness + self._box(mean - slope * self.mean)


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


def _mean(values: NDArray[np.floating], where: NDArray[np.bool_]) -> float:
    return float(values[where].mean()) if where.any() else 0.0


def _normalised(x: Array) -> Array:
    return x / x.sum(axis=0, keepdims=True)


def _depth(outline: Array, shape: tuple[int, int]) -> Array:
    """Signed distance to an outline in pixels, positive inside."""
    inside = filled(outline, shape)
    if not inside.any():
        return np.full(shape, -float(max(shape)))
    return np.asarray(ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside))


def jaw_line(outlines: Outlines, x: Array) -> Array:
    """Height y of the jaw at columns ``x``."""
    frame = frame_of(outlines)
    jaw = outlines.face[outlines.face[:, 1] > frame.eyes]
    order = np.argsort(jaw[:, 0], kind="stable")
    return np.interp(x, jaw[order, 0], jaw[order, 1])


def features_mask(outlines: Outlines, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Eyes, brows and mouth, widened a little: (H, W) bool."""
    mask = np.zeros(shape, bool)
    for part, outline in outlines.features.items():
        if part != "nose":
            mask |= filled(outline, shape)
    return np.asarray(ndimage.binary_dilation(mask, iterations=max(1, shape[0] // 100)))


def _paint(
    classes: NDArray[np.integer], outlines: Outlines, frame: Frame, known: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Regions of the head and outlines of the features as part ids."""
    ids = {name: number for number, name in enumerate(CELEBAMASK_PARTS)}
    shape = (classes.shape[0], classes.shape[1])
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    parts = np.zeros(shape, np.uint8)
    skin = classes == SKIN
    parts[classes == HAIR] = ids["hair"]
    parts[skin] = ids["skin"]
    parts[classes == CLOTH] = ids["cloth"]
    beside = skin & ~filled(outlines.face, shape) & (y > frame.brows)
    for name, side in (("r_ear", -1), ("l_ear", 1)):
        parts[beside & (side * (x - frame.x) > 0.9 * frame.half) & (y < frame.nose + 0.3 * frame.unit)] = ids[name]
    parts[skin & (y > jaw_line(outlines, x)) & (y > frame.nose)] = ids["neck"]
    for name in FEATURES:
        parts[filled(outlines.features[name], shape)] = ids[name]
    return np.where(known, parts, 0).astype(np.uint8)


def _confidence(belief: Array, known: NDArray[np.bool_], outlines: Outlines) -> float:
    """How decided the beliefs are: over the photo's own pixels, and whether the face below the brows is skin."""
    decided = 2 * belief.max(axis=0)[known].mean() - 1 if known.any() else 0.0
    below = np.arange(known.shape[0])[:, None] > frame_of(outlines).eyes
    skin = belief[SKIN][filled(outlines.face, (known.shape[0], known.shape[1])) & below & known]
    return float(np.clip(decided, 0, 1) * min(1.0, skin.mean() / FACE_IS_SKIN)) if len(skin) else 0.0
