"""Photos whose heads are turned to the side: pictures and labels of profiles, made from labelled frontal photos.

No free set of photos shows profiles with labels, and the renderer's heads turn by 45 degrees at most. So a photo's head
becomes a surface, which is turned and drawn again, in the manner of face profiling (Zhu et al., arXiv 1511.07212). The
mesh's depths shape the face, and an inflated silhouette shapes the rest (Igarashi et al., SIGGRAPH 1999). The back of
the head, which a frontal photo does not show, takes the colours of the nearest hair. Such a picture teaches where
regions lie; as a photograph it is poor.

A turn about the vertical leaves each point in its row of the picture, so that rows are drawn one by one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.interpolate import LinearNDInterpolator
from scipy.sparse.linalg import spsolve

from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.faces.landmarks import CHEEKS, CHIN, MOUTH_MIDDLE, NOSE_BASE

FRONT_CURVE, BACK_CURVE = 3.0, 5.0  # 4 inflates a disc to a ball: heads are longer behind the ears than a ball
NECK_BACK = 0.15  # the neck's axis lies so far behind the ears, in half face widths
NAPE = 0.65  # depth of the head behind the ears at the chin's height, as part of what it is above
LONG_HAIR, LONG_NAPE = 0.25, 0.85  # half face widths of hair beside the jaw that make it long; its depth there
BALD = 0.02  # share of the head below which hair is none
COARSE = 4  # pixels of the grid on which silhouettes are inflated
BETWEEN, BETWEEN_SIDES = 8, 64  # points drawn between neighbours of one surface, and from the front to the back
EAR = 0.3  # of the way from the front to the back, which shows what the front's rim does
STRANDS, STRAND_SIZE = 14.0, (4.0, 0.8)  # standard deviation of strands at the back, in levels; their size in pixels
_IDS = {name: number for number, name in enumerate(CELEBAMASK_PARTS)}
Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Columns = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class TurnedHead:
    """The drawn ``image`` (S, S, 3) uint8, its ``parts`` (S, S) uint8, and the mesh's ``points`` (468, 2) in it."""

    image: NDArray[np.uint8]
    parts: NDArray[np.uint8]
    points: Array


@dataclass(frozen=True, eq=False)
class _Surface:
    """A sheet over the pixels of a ``mask``: their ``depth`` behind the ears, ``colours`` and ``parts``."""

    mask: Mask
    depth: Array
    colours: Array
    parts: NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class _Strips:
    """Lines across a row of the picture from ``start`` to ``end``, each (N, 2) of x and depth, with what they show.

    ``points`` are drawn along each line. ``ends`` is the part of the way from which on they show what its end does;
    None goes over smoothly.
    """

    points: int
    ends: float | None
    row: Columns
    start: Array
    end: Array
    colours: tuple[Array, Array]
    parts: tuple[NDArray[np.uint8], NDArray[np.uint8]]


@dataclass(frozen=True)
class _Head:
    """Where a frontal head is, in pixels: ``x`` of its middle, ``half`` its face's width, and heights of its parts."""

    x: float
    half: float
    ears: float
    nose: float
    mouth: float
    chin: float


def turn_head(image: NDArray[np.uint8], parts: NDArray[np.uint8], points: Array, degrees: float) -> TurnedHead:
    """Turn the head of a labelled photo about the vertical.

    Args:
        image: (S, S, 3) uint8, a level frontal face with some room around its head.
        parts: (S, S) uint8, ids of the scheme celebamask.
        points: (468, 3), the mesh's points in pixels of the image, with their depths in pixels, away from the viewer.
        degrees: of the turn, to the picture's left where positive; up to 90.
    """
    head = _place(points)
    neck = parts == _IDS["neck"]
    skull = (parts > 0) & (parts != _IDS["cloth"]) & ~neck
    colours = _inner_colours(image, skull)
    front = _Surface(skull, -_front_depth(skull, parts, points, head), colours, parts)
    back = _back(colours, parts, skull, neck, head)
    around = _neck_depth(neck)
    shift = NECK_BACK * head.half
    throat, nape = (_Surface(neck, shift + side * around, _inner_colours(image, neck), parts) for side in (-1, 1))
    sheets = [_along(one) for one in (front, back, throat, nape)]
    strips = [*sheets, _sides(front, back), _sides(throat, nape)]
    canvas, labels = _without_head(image, parts, skull | neck)
    turned = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    _draw(canvas, labels, strips, head.x, turned)
    x = (points[:, 0] - head.x) * turned[0] + (points[:, 2] - head.ears) * turned[1] + head.x
    return TurnedHead(canvas.clip(0, 255).round().astype(np.uint8), labels, np.stack([x, points[:, 1]], axis=1))


def _place(points: Array) -> _Head:
    cheeks = points[list(CHEEKS)]
    half = float(abs(cheeks[1, 0] - cheeks[0, 0])) / 2
    heights = (float(points[index, 1]) for index in (NOSE_BASE, MOUTH_MIDDLE, CHIN))
    return _Head(float(cheeks[:, 0].mean()), half, float(cheeks[:, 2].mean()), *heights)


def _front_depth(skull: Mask, parts: NDArray[np.uint8], points: Array, head: _Head) -> Array:
    """How far the head's front lies before the ears, (S, S): the mesh's depths, and around them a swelling."""
    y, x = np.mgrid[: skull.shape[0], : skull.shape[1]] + 0.5
    before = head.ears - LinearNDInterpolator(points[:, :2], points[:, 2])(x, y)
    known = np.isfinite(before) & ndimage.binary_erosion(skull & (parts != _IDS["hair"]), iterations=2)
    return _inflated(skull, FRONT_CURVE, known, np.nan_to_num(before).clip(0))


def _back(colours: Array, parts: NDArray[np.uint8], skull: Mask, neck: Mask, head: _Head) -> _Surface:
    """The back of the head: hair, or skin where there is none, to the nape, and behind the neck where hair is long."""
    y = np.arange(len(skull))[:, None] + 0.5
    hair = (parts == _IDS["hair"]) & skull
    low = (hair & (y > head.mouth)).sum(axis=1) > LONG_HAIR * head.half
    mask = skull.copy()
    for row in np.flatnonzero(low):
        columns = np.flatnonzero(hair[row])
        if columns[0] < head.x - head.half / 2 and columns[-1] > head.x + head.half / 2:
            mask[row, columns[0] : columns[-1] + 1] = True
    narrower = 1 - (1 - NAPE) * (y[:, 0] - head.nose) / max(1.0, head.chin - head.nose)
    narrower = np.where(low, np.maximum(narrower, LONG_NAPE), narrower.clip(NAPE)).clip(max=1)
    depth = _inflated(mask, BACK_CURVE) * ndimage.gaussian_filter1d(narrower, 3.0)[:, None]
    bald = hair.sum() < BALD * skull.sum()
    rim = (skull | neck) & ~ndimage.binary_erosion(skull | neck, iterations=5)
    shown = hair | (rim & (bald | (y > (head.mouth + head.chin) / 2)))
    if not shown.any():
        shown = skull
    nearest = ndimage.distance_transform_edt(~shown, sampling=(2.0, 1.0), return_distances=False, return_indices=True)
    strands = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(skull.shape), STRAND_SIZE)
    texture = ndimage.gaussian_filter(colours[tuple(nearest)], (1.0, 1.0, 0.0))
    texture += (STRANDS * strands / strands.std())[..., None] * texture.mean(axis=-1, keepdims=True) / 128
    return _Surface(mask, depth, texture, parts[tuple(nearest)])


def _neck_depth(neck: Mask) -> Array:
    """Half the depth (S, S) of an upright round neck as wide as the visible one."""
    widths = neck.sum(axis=1)
    if not widths.any():
        return np.zeros(neck.shape)
    columns = np.arange(neck.shape[1]) + 0.5
    middle = float(np.median(columns[np.nonzero(neck)[1]]))
    half = float(np.median(widths[widths > 0])) / 2
    return np.broadcast_to(np.sqrt((half**2 - (columns - middle) ** 2).clip(0)), neck.shape)


def _inflated(mask: Mask, curve: float, known: Mask | None = None, depths: Array | None = None) -> Array:
    """Depths (S, S) of a swelling over ``mask``, 0 at its rim, whose squares have the Laplacian ``-curve``."""
    squares = np.zeros(mask.shape) if depths is None else depths**2
    given = np.zeros_like(mask) if known is None else known
    start = COARSE // 2
    coarsely = (slice(start, None, COARSE),) * 2
    inside, fixed, values = mask[coarsely], given[coarsely], squares[coarsely]
    coarse = _poisson(inside & ~fixed, np.where(fixed, values, 0.0), curve * COARSE**2)
    fine = ndimage.zoom(coarse, COARSE, order=1, mode="nearest", grid_mode=True)
    whole = np.pad(fine, [(0, max(0, size - len(fine))) for size in mask.shape], mode="edge")
    return np.asarray(np.sqrt(np.where(given, squares, whole[: len(mask), : len(mask)]).clip(0)) * mask)


def _poisson(free: Mask, values: Array, source: float) -> Array:
    """Solve for ``free`` points whose neighbours' mean is lower by a quarter of ``source``; the others are given."""
    number = np.full(free.shape, -1)
    count = int(free.sum())
    if not count:
        return values
    number[free] = np.arange(count)
    rows, columns, right = [], [], np.full(count, source)
    padded, around = np.pad(number, 1, mode="edge"), np.pad(values, 1, mode="edge")
    for dy, dx in ((0, 1), (2, 1), (1, 0), (1, 2)):
        height, width = free.shape
        other = padded[dy : dy + height, dx : dx + width][free]
        right += np.where(other < 0, around[dy : dy + height, dx : dx + width][free], 0.0)
        rows.append(np.flatnonzero(other >= 0))
        columns.append(other[other >= 0])
    row, column = np.concatenate(rows), np.concatenate(columns)
    matrix = sparse.coo_matrix((np.full(len(row), -1.0), (row, column)), (count, count)) + 4 * sparse.identity(count)
    solved = values.copy()
    solved[free] = spsolve(matrix.tocsc(), right)
    return solved


def _inner_colours(image: NDArray[np.uint8], mask: Mask) -> Array:
    """The image with the rim of ``mask``, where what is behind shines through, in the colours next to it."""
    inner = ndimage.binary_erosion(mask, iterations=2)
    if not inner.any():
        return image.astype(np.float64)
    nearest = ndimage.distance_transform_edt(~inner, return_distances=False, return_indices=True)
    return np.where((mask & ~inner)[..., None], image[tuple(nearest)], image).astype(np.float64)


def _without_head(image: NDArray[np.uint8], parts: NDArray[np.uint8], head: Mask) -> tuple[Array, NDArray[np.uint8]]:
    """What is behind the head: what lies beside it, smoothed; and its labels."""
    size = len(head)
    gone = ndimage.binary_dilation(head, iterations=max(2, size // 64))
    nearest = ndimage.distance_transform_edt(gone, return_distances=False, return_indices=True)
    filled = image[tuple(nearest)].astype(np.float64)
    smooth = ndimage.gaussian_filter(filled, (size / 40, size / 40, 0.0))
    cloth = parts[tuple(nearest)] == _IDS["cloth"]
    return np.where(gone[..., None], smooth, filled), np.where(cloth, _IDS["cloth"], 0).astype(np.uint8)


def _along(surface: _Surface) -> _Strips:
    """The strips between pixels of a surface that are neighbours in a row."""
    row, column = np.nonzero(surface.mask[:, :-1] & surface.mask[:, 1:])
    return _between((surface, row, column), (surface, column + 1), BETWEEN, None)


def _sides(front: _Surface, back: _Surface) -> _Strips:
    """The strips from the rim of the front to the back."""
    row, column = np.nonzero(front.mask & ~ndimage.binary_erosion(front.mask, np.ones((1, 3), bool)))
    return _between((front, row, column), (back, column), BETWEEN_SIDES, EAR)


def _between(
    start_at: tuple[_Surface, Columns, Columns], end_at: tuple[_Surface, Columns], points: int, ends: float | None
) -> _Strips:
    (one, row, column), (other, to) = start_at, end_at
    start = np.stack([column + 0.5, one.depth[row, column]], axis=1)
    end = np.stack([to + 0.5, other.depth[row, to]], axis=1)
    parts = one.parts[row, column], other.parts[row, to]
    return _Strips(points, ends, row, start, end, (one.colours[row, column], other.colours[row, to]), parts)


def _draw(
    canvas: Array, labels: NDArray[np.uint8], strips: Sequence[_Strips], middle: float, turn: tuple[float, float]
) -> None:
    """Draw strips over a canvas and its labels, turned about ``middle`` by (cosine, sine), the nearest last."""
    width = canvas.shape[1]
    places, depths, colours, parts = [], [], [], []
    for strip in strips:
        for part in (np.arange(strip.points) + 0.5) / strip.points:
            x, depth = (strip.start * (1 - part) + strip.end * part).T
            to = (x - middle) * turn[0] + depth * turn[1] + middle
            column = np.floor(to).astype(int)
            seen = (column >= 0) & (column < width)
            places.append((strip.row * width + column)[seen])
            aside = np.abs(to - column - 0.5)  # of two points of one surface, the nearer to the pixel's middle is shown
            depths.append((depth * turn[0] - (x - middle) * turn[1] + aside)[seen])
            share = part if strip.ends is None else float(part >= strip.ends)
            colours.append((strip.colours[0] * (1 - share) + strip.colours[1] * share)[seen])
            parts.append(strip.parts[round(share)][seen])
    order = np.argsort(-np.concatenate(depths), kind="stable")
    place = np.concatenate(places)[order]
    canvas.reshape(-1, 3)[place] = np.concatenate(colours)[order]
    labels.reshape(-1)[place] = np.concatenate(parts)[order]
