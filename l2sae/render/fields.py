"""Building blocks of the renderer: soft steps, smooth unions, bumps, coordinate frames and windows of the picture."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

Params = Mapping[str, Tensor]
"""The faces' parameters by name: (n, 1, 1) each, linear colours (n, 3, 1, 1)."""


@dataclass(frozen=True)
class Picked(Mapping[str, Tensor]):
    """The parameters of the faces ``rows`` (k,) alone, taken from all as they are asked for."""

    everyone: Params
    rows: Tensor

    def __getitem__(self, name: str) -> Tensor:
        return self.everyone[name][self.rows]

    def __iter__(self) -> Iterator[str]:
        return iter(self.everyone)

    def __len__(self) -> int:
        return len(self.everyone)


def coverage(distance: Tensor, softness: Tensor | float) -> Tensor:
    """Alpha of a shape from its signed distance (negative inside): a ramp ``softness`` wide, centred on the edge."""
    return (distance * (-1 / softness)).add_(0.5).clamp_(0, 1)


def ramp(value: Tensor, low: Tensor | float, high: Tensor | float) -> Tensor:
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = (value - low).mul_(1 / (high - low)).clamp_(0, 1)
    return (-2 * t).add_(3).mul_(t).mul_(t)


def smooth_max(a: Tensor, b: Tensor, radius: Tensor | float) -> Tensor:
    """Intersection of two shapes given as distances, the corner rounded by about ``radius``."""
    return (a - b).square_().add_(radius * radius).sqrt_().add_(a + b).mul_(0.5)


def smooth_min(a: Tensor, b: Tensor, radius: Tensor | float) -> Tensor:
    """Union of two shapes given as distances, the joint filled by about ``radius``."""
    return (a - b).square_().add_(radius * radius).sqrt_().neg_().add_(a + b).mul_(0.5)


def bump(x: Tensor, y: Tensor, width: Tensor | float, height: Tensor | float) -> Tensor:
    """A hill of the given extents, 1 at the origin: (1 - r^2 / 4)^4, cheaper than the Gaussian it resembles."""
    return _hill((x / width).square_() + (y / height).square_())


def ridge(x: Tensor, width: Tensor | float) -> Tensor:
    """The same along one axis only."""
    return _hill((x / width).square_())


def _hill(square: Tensor) -> Tensor:
    """In place, as most of these building blocks: fresh memory is what costs at this size."""
    return square.mul_(-0.25).add_(1).clamp_min_(0).square_().square_()


def ellipse(x: Tensor, y: Tensor, width: Tensor | float, height: Tensor | float) -> Tensor:
    """Approximate signed distance to an ellipse with the given half axes, exact on its outline."""
    a, b = x / width, y / height
    r = (a * a + b * b).sqrt_().add_(1e-6)
    slope = ((a / width).square_() + (b / height).square_()).sqrt_().add_(1e-6)
    return (r - 1).mul_(r).div_(slope)


def enlarge(field: Tensor, size: int) -> Tensor:
    """Bilinear upsampling of (n, h, w) or (n, c, h, w) to ``size`` x ``size``."""
    if field.shape[-1] == size:
        return field
    planes = field.reshape(-1, *field.shape[-2:])
    if size == 2 * field.shape[-1]:
        grown = _double(planes)
    else:
        grown = F.interpolate(planes[:, None], size=(size, size), mode="bilinear", align_corners=False)
    return grown.view(*field.shape[:-2], size, size)


def _double(planes: Tensor) -> Tensor:
    """Bilinear upsampling of (m, h, w) by 2, a fifth of what the general routine takes on a CPU."""
    m, h, w = planes.shape
    padded = F.pad(planes[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    centre = padded[:, :, 1:-1]
    # Even and odd columns as real and imaginary parts: the fastest way to lay two tensors out in turns.
    columns = torch.complex(centre.lerp(padded[:, :, :-2], 0.25), centre.lerp(padded[:, :, 2:], 0.25))
    wide = torch.view_as_real(columns).view(m, h + 2, 2 * w)
    grown = planes.new_empty(m, h, 2, 2 * w)
    torch.lerp(wide[:, 1:-1], wide[:, :-2], 0.25, out=grown[:, :, 0])
    torch.lerp(wide[:, 1:-1], wide[:, 2:], 0.25, out=grown[:, :, 1])
    return grown


def pixel_centres(size: int, device: torch.device) -> Tensor:
    """Coordinates of the pixel centres along one side, (size,) in (-1, 1)."""
    return (torch.arange(size, device=device, dtype=torch.float32) + 0.5) * (2 / size) - 1


@dataclass(frozen=True)
class Frame:
    """Coordinates of a set of pixels, each (n, h, w), in units of half a head's height (about 11 cm).

    ``x`` (right) and ``y`` (down) lie in the picture plane, turned with the head's roll, origin at the head's centre.
    ``u`` and ``v`` lie on the face: the same where the head looks straight ahead, shifted and squeezed where it turns.
    ``pixel`` is the side of one output pixel, (n, 1, 1).
    """

    x: Tensor
    y: Tensor
    u: Tensor
    v: Tensor
    pixel: Tensor


def head_frame(p: Params, columns: Tensor, rows: Tensor, size: int) -> Frame:
    """The frame of the pixels at ``columns`` (n or 1, 1, w) and ``rows`` (n or 1, h, 1), both in [-1, 1]."""
    cos, sin = p["cos_roll"] / p["scale"], p["sin_roll"] / p["scale"]
    dx, dy = columns - p["centre_x"], rows - p["centre_y"]
    x, y = dx * cos + dy * sin, dy * cos - dx * sin
    # A parabola stands in for the ellipsoid: the same turn in the middle, no singular slope at the outline.
    depth = (1 - (x / (1.15 * p["head_width"])).square() - (y / 1.25).square()).clamp_min(0) * HEAD_DEPTH
    u = x * p["cos_yaw"] - depth * p["sin_yaw"]
    v = y * p["cos_pitch"] - depth * p["sin_pitch"]
    return Frame(x, y, u, v, 2 / size / p["scale"])


HEAD_DEPTH = 0.72


def project(p: Params, u: Tensor, v: Tensor, lift: float | Tensor = 0.0) -> tuple[Tensor, Tensor]:
    """Column and row in [-1, 1] of the point (u, v) of the face, ``lift`` above its surface."""
    depth = (1 - (u / (1.15 * p["head_width"])).square() - (v / 1.25).square()).clamp_min(0) * HEAD_DEPTH + lift
    x = u * p["cos_yaw"] + depth * p["sin_yaw"]
    y = v * p["cos_pitch"] + depth * p["sin_pitch"]
    cos, sin = p["cos_roll"], p["sin_roll"]
    return p["centre_x"] + p["scale"] * (x * cos - y * sin), p["centre_y"] + p["scale"] * (x * sin + y * cos)


class Window:
    """A patch of the picture around a point that differs from face to face.

    Args:
        column, row: the wanted centre, (m, 1, 1) in [-1, 1]; the patch is moved to lie inside the picture.
        sides: width and height of the patch, as shares of the picture's side.
        size: of the picture, in pixels.
    """

    def __init__(self, column: Tensor, row: Tensor, sides: tuple[float, float], size: int) -> None:
        width, height = (round(side * size) for side in sides)
        left = ((column + 1) * (size / 2) - width / 2).round().long().clamp(0, size - width)
        top = ((row + 1) * (size / 2) - height / 2).round().long().clamp(0, size - height)
        self.columns = left + torch.arange(width, device=column.device)[None, None, :]
        self.rows = top + torch.arange(height, device=column.device)[None, :, None]
        self.size = size

    def frame(self, p: Params) -> Frame:
        """The head frame of the patch's pixels."""
        scale = 2 / self.size
        return head_frame(p, (self.columns + 0.5) * scale - 1, (self.rows + 0.5) * scale - 1, self.size)

    def index(self, faces: slice) -> Tensor:
        """Places of the patches ``faces`` in pictures flattened to (m, size * size): (m, h * w) whole numbers."""
        return (self.rows[faces] * self.size + self.columns[faces]).flatten(1)
