"""Outlines of the parts of a face: from the mesh's landmarks, or from the points that people set on a photo.

The points of the Face Research Lab sets (189 on each photo) are listed in their template; the subject's right is on the
picture's left.
"""

import functools
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from skimage.draw import polygon

from l2sae.faces import landmarks as mesh

Points = NDArray[np.float64]
"""(N, 2): x, y in pixels of a picture, pixel centres at whole numbers plus a half."""

TEMPLATE_POINTS = 189
FEATURES = ("r_brow", "l_brow", "nose", "r_eye", "l_eye", "l_lip", "u_lip", "mouth")
"""Parts that an outline alone decides, in paint order: a later one covers an earlier one."""

STEPS = 6  # points of a curve between two of its own
EYE_SCALE = (1.08, 1.2)  # the mesh's points lie a little inside of the lids,
EYE_LOWER = 0.02  # and above them, in units of the eye's width
BROW_POINTS = 24  # of a brow's outline that is moved from where the mesh has it to where people set it
BROW_SHIFT = Path(__file__).with_name("brow_shift.json")
"""The mean shift of right brows, BROW_POINTS x 2 in units of the brow's width; `l2sae.bench.brow_shift` finds it."""

CLOSED = 0.12  # of its width: what the mesh opens a closed mouth by
NOSE = (168, 351, 456, 420, 278, 294, 460, 2, 240, 64, 48, 198, 236, 122)
"""The mesh's points from between the eyes down one side of the nose, below the nostrils, and up the other."""


@dataclass(frozen=True, eq=False)
class Outlines:
    """Closed outlines, (N, 2) points in pixels of one picture.

    Attributes:
        features: those of :data:`FEATURES`.
        face: along jaw and temples, over the forehead.
        hairline: whether ``face`` follows the hairline there; the mesh's points end below it.
        ears: ``r_ear`` and ``l_ear`` where they are known.
    """

    features: Mapping[str, Points]
    face: Points
    hairline: bool
    ears: Mapping[str, Points]


def mesh_outlines(points: Points) -> Outlines:
    """Outlines from the mesh's landmarks, (478, 2), of a level face.

    The mesh's brows lie lower than those that people set, and end otherwise; a mean shift takes their IoU against the
    templates of the Face Research Lab sets from .57 to .68, at 128 pixels and on people whom it was not found on. With
    eyes and nose a shift does as much there, and harm where people paint them larger, as in FASSEG.
    """
    outer, inner = points[list(mesh.LIPS)], _mouth(points[list(mesh.MOUTH)])
    features = {
        **{part: _moved_brow(part, outline) for part, outline in raw_brows(points).items()},
        "nose": _smooth(points[list(NOSE)], closed=True),
        "r_eye": _eye(points[list(mesh.RIGHT_EYE)]),
        "l_eye": _eye(points[list(mesh.LEFT_EYE)]),
        "u_lip": np.concatenate([outer[:11], inner[10::-1]]),
        "l_lip": np.concatenate([outer[10:], outer[:1], inner[:1], inner[:9:-1]]),
        "mouth": inner,
    }
    return Outlines(features, _smooth(points[list(mesh.FACE)], closed=True), False, {})


def raw_brows(points: Points) -> dict[str, Points]:
    """``r_brow`` and ``l_brow`` as the mesh's landmarks, (478, 2), outline them."""
    rows = {"r_brow": mesh.RIGHT_BROW, "l_brow": mesh.LEFT_BROW}
    return {part: _smooth(points[list(indices)], closed=True) for part, indices in rows.items()}


def as_right(part: str, outline: Points) -> Points:
    """An outline as if it were that of the right side: left ones are mirrored, and mirrored again are as they were."""
    return np.asarray(outline * [-1.0 if part.startswith("l_") else 1.0, 1.0])


def even_points(outline: Points) -> Points:
    """BROW_POINTS points at equal distances along a closed outline, clockwise from its leftmost point."""
    fine = _resampled(outline, 16 * BROW_POINTS)
    x, y = fine.T
    if (x * np.roll(y, -1) - np.roll(x, -1) * y).sum() < 0:
        fine = fine[::-1]
    return _resampled(np.roll(fine, -int(fine[:, 0].argmin()), axis=0), BROW_POINTS)


def _moved_brow(part: str, outline: Points) -> Points:
    places = even_points(as_right(part, outline))
    return as_right(part, places + _brow_shift() * np.ptp(places[:, 0]))


def _resampled(outline: Points, count: int) -> Points:
    closed = np.concatenate([outline, outline[:1]])
    along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    wanted = np.linspace(0, along[-1], count, endpoint=False)
    return np.stack([np.interp(wanted, along, column) for column in closed.T], axis=1)


@functools.cache
def _brow_shift() -> Points:
    return np.array(json.loads(BROW_SHIFT.read_text(encoding="utf-8")))


def _mouth(inner: Points) -> Points:
    """The mouth's outline, (20, 2) from corner to corner and back; flat where it is hardly open."""
    upper, lower = inner[1:10], inner[:10:-1]
    opening = np.abs(lower - upper).max()
    if opening > CLOSED * float(np.hypot(*(inner[10] - inner[0]))):
        return inner
    middle = (upper + lower) / 2
    return np.concatenate([inner[:1], middle, inner[10:11], middle[::-1]])


def template_outlines(points: Points) -> Outlines:
    """Outlines from a template's points, (189, 2)."""

    def edge(*indices: int) -> Points:
        return _smooth(points[list(indices)])

    def between(upper: Points, lower: Points) -> Points:
        return np.concatenate([upper, lower[::-1]])

    middle_up, middle_down = edge(87, *range(94, 99), 93), edge(87, *range(99, 104), 93)
    side = (50, 51, 52, 61, 62, 63, 64), (69, 68, 67, 66, 58, 57, 56)
    features = {
        "r_brow": between(edge(*range(71, 77)), edge(71, 83, 84, 76)),
        "l_brow": between(edge(*range(77, 83)), edge(77, 85, 86, 82)),
        "nose": edge(*side[0], 55, *side[1]),
        "r_eye": between(edge(*range(18, 23)), edge(18, 28, 29, 30, 22)),
        "l_eye": between(edge(*range(23, 28)), edge(23, 31, 32, 33, 27)),
        "u_lip": between(edge(*range(87, 94)), middle_up),
        "l_lip": between(middle_down, edge(87, *range(104, 109), 93)),
        "mouth": between(middle_up, middle_down),
    }
    hairline, jaw = edge(109, *range(134, 145), 112), edge(111, *range(125, 134), 114)
    face = np.concatenate([hairline, points[[113]], jaw[::-1], points[[110]]])
    sides = {"r_ear": [109, *range(115, 120), 111, 110], "l_ear": [112, *range(120, 125), 114, 113]}
    ears = {name: np.concatenate([_smooth(points[side[:-1]]), points[side[-1:]]]) for name, side in sides.items()}
    return Outlines(features, face, True, ears)


def filled(outline: Points, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Pixels (H, W) whose centre lies inside an outline."""
    mask = np.zeros(shape, bool)
    mask[polygon(outline[:, 1] - 0.5, outline[:, 0] - 0.5, shape)] = True
    return mask


def _smooth(points: Points, closed: bool = False) -> Points:
    """A cubic spline through ``points``, with the chords' lengths as its parameter; closed ones return to the first."""
    through = np.concatenate([points, points[:1]]) if closed else points
    chords = np.hypot(*np.diff(through, axis=0).T)
    keep = np.concatenate([[True], chords > 1e-6])  # a point set twice has no direction
    through, at = through[keep], np.concatenate([[0.0], np.cumsum(chords)])[keep]
    if len(through) < 4:
        return through
    curve = CubicSpline(at, through, bc_type="periodic" if closed else "natural")
    fine = np.concatenate([np.linspace(a, b, STEPS, endpoint=False) for a, b in itertools.pairwise(at)])
    return np.asarray(curve(fine if closed else np.append(fine, at[-1])))


def _eye(points: Points) -> Points:
    middle = points.mean(axis=0)
    return np.asarray(middle + EYE_SCALE * (points - middle) + [0, EYE_LOWER * np.ptp(points[:, 0])])
