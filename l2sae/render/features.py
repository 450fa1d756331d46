"""Eyes, brows, glasses, nose and lips, each painted in a window around its place on the face."""

from dataclasses import dataclass

import torch
from torch import Tensor

from l2sae.render.fields import (
    Params,
    Window,
    bump,
    coverage,
    ellipse,
    project,
    ramp,
    ridge,
    smooth_max,
    smooth_min,
)

_LASHES = 0.09  # how far they and the liner reach beyond the open eye, in half an eye's width


@dataclass(frozen=True)
class Canvas:
    """The face while it is painted: linear ``albedo`` (n, 3, H, W); ``alphas`` part or "shine" -> (n, H, W)."""

    albedo: Tensor
    alphas: dict[str, Tensor]

    def join(self, part: str, index: Tensor, alpha: Tensor) -> None:
        """Add ``alpha`` (n, h, w) at the flat places ``index`` (n, h * w) to what the part covers already."""
        alpha = alpha.flatten(1)
        if part in self.alphas:
            alpha = torch.maximum(alpha, self.alphas[part].flatten(1).gather(1, index))
        else:
            self.alphas[part] = torch.zeros_like(self.albedo[:, 0])
        self.alphas[part].flatten(1).scatter_(1, index, alpha)


class Patch:
    """Paint for a window of the canvas, kept as what shows through and what is laid on top.

    ``groups`` windows of each face are painted at once: window g * n + i belongs to face i. :meth:`finish` puts them
    on the canvas one group after the other, since windows of one face may overlap.
    """

    def __init__(self, window: Window, skin: Tensor, groups: int = 1) -> None:
        self.window = window
        faces = len(window.rows) // groups
        self.groups = [slice(group * faces, (group + 1) * faces) for group in range(groups)]
        shape = (len(window.rows), window.rows.shape[1], window.columns.shape[2])
        self.clear = torch.ones(shape, device=skin.device)
        self.light = torch.zeros((shape[0], 3, *shape[1:]), device=skin.device)
        # Blood keeps creases warm: what is darkened turns to this, not to black.
        self.crease = skin * _constant(skin, 0.22, 0.10, 0.09)
        self.marks: list[tuple[tuple[str, ...], Tensor]] = []

    def paint(self, colour: Tensor, alpha: Tensor) -> None:
        """Lay ``colour``, broadcastable to (m, 3, h, w), over the patch with ``alpha`` (m, h, w)."""
        self.light = torch.lerp(self.light, colour.expand_as(self.light), alpha[:, None])
        self.clear = self.clear * (1 - alpha)

    def darken(self, amount: Tensor) -> None:
        """Shade the patch by ``amount`` (m, h, w) in [0, 1]."""
        self.paint(self.crease, amount.clamp(0, 1))

    def mark(self, alpha: Tensor, *parts: str) -> None:
        """Record that a part covers ``alpha`` (m, h, w) of the pixels; ``parts`` names it for each group."""
        self.marks.append((parts, alpha))

    def finish(self, canvas: Canvas) -> None:
        """Put everything on the canvas."""
        pixels = canvas.albedo.flatten(2)  # a view: what is scattered into it lands on the canvas
        for number, group in enumerate(self.groups):
            index = self.window.index(group)
            for_colours = index[:, None].expand(-1, 3, -1)
            below = pixels.gather(2, for_colours)
            painted = torch.addcmul(self.light[group].flatten(2), below, self.clear[group].flatten(1)[:, None])
            pixels.scatter_(2, for_colours, painted)
            for parts, alpha in self.marks:
                canvas.join(parts[number], index, alpha[group])


def _constant(like: Tensor, *colour: float) -> Tensor:
    return torch.tensor(colour, device=like.device, dtype=like.dtype)[None, :, None, None]


def _by_the_eyes(p: Params, sides: tuple[float, float], size: int) -> tuple[Window, Tensor, Tensor, Tensor, Tensor]:
    """Windows around all eyes, first the picture's left ones, then the right; ``p`` holds each face once.

    Returns:
        The windows; their coordinates x and y, where half an eye's width is 1, x grows towards the temple, and the
        tilt lifts the outer corner; a pixel's side in the same units; and -1 or 1 for left and right, (2 n, 1, 1).
    """
    place = {name: torch.cat([p[name], p[name]]) for name in PLACE_PARAMS}
    side = torch.ones_like(place["eye_gap"])
    side[: len(p["eye_gap"])] = -1
    centre_u = side * place["eye_gap"]
    column, row = project(place, centre_u, place["eye_level"] - 0.06)
    window = Window(column, row, sides, size)
    frame = window.frame(place)
    x = (frame.u - centre_u) * side / place["eye_width"]
    y = (frame.v - place["eye_level"]) / place["eye_width"] + place["eye_tilt"] * x
    return window, x, y, frame.pixel / place["eye_width"], side


def eyes(p: Params, canvas: Canvas, texture: Tensor) -> None:
    """Paint both eyes and brows; ``texture`` (n, H, W) is noise for the brows' hairs."""
    window, x, y, pixel, side = _by_the_eyes(p, (0.34, 0.36), canvas.albedo.shape[-1])
    p = {name: torch.cat([p[name], p[name]]) for name in EYE_PARAMS}
    patch = Patch(window, p["skin"], groups=2)
    hairs = torch.cat([texture, texture]).flatten(1).gather(1, window.index(slice(None))).view_as(x)
    _brow(p, patch, x, y, pixel, hairs)
    _eyeball(p, patch, x, y, pixel, side)
    patch.finish(canvas)


PLACE_PARAMS = (
    "centre_x", "centre_y", "scale", "head_width", "sin_yaw", "cos_yaw", "sin_pitch", "cos_pitch", "sin_roll",
    "cos_roll", "eye_gap", "eye_level", "eye_width", "eye_tilt",
)  # fmt: skip
EYE_PARAMS = (
    "skin", "eye_open", "lid_fold", "gaze_x", "gaze_y", "iris", "iris_radius", "spark_side", "light_intensity", "smile",
    "age", "liner", "white", "shadow", "shadow_colour", "brow", "brow_height", "brow_slope", "brow_arch", "brow_thick",
    "brow_density",
)  # fmt: skip


def _eyeball(p: Params, patch: Patch, x: Tensor, y: Tensor, pixel: Tensor, side: Tensor) -> None:
    squint = 1 - 0.25 * p["smile"].clamp(0, 1.2)
    arc = (1 - x * x).clamp_min(-1.5)
    upper = -p["eye_open"] * squint * arc * (1 + 0.18 * x * -1)
    lower = 0.26 * squint.sqrt() * arc * (1 + 0.15 * x)
    above, below = upper - y, y - lower
    slope = 1.15
    distance = smooth_max(above, below, 0.04) / slope
    fold_at = upper - 0.13 - 0.16 * p["lid_fold"]
    lid = ridge(y - fold_at, 0.07) * ramp(arc, -0.25, 0.3)
    shade = ramp(y, -1.25, -0.35) * coverage(above * -1, 0.2) * ramp(arc, -0.5, 0.4)
    patch.paint(p["shadow_colour"], shade * p["shadow"])
    patch.darken(0.50 * lid * (0.4 + 0.6 * p["lid_fold"]))
    bag = ridge(y - lower - 0.22, 0.10) * ramp(arc, 0.0, 0.6)
    patch.darken(bag * (0.05 + 0.18 * p["age"]))

    radius = ((x - p["gaze_x"] * side).square() + (y + 0.06 - p["gaze_y"]).square()).sqrt()
    white = _constant(x, 0.60, 0.54, 0.51) * p["white"][:, None]
    white = white * (1 - 0.30 * x.square().clamp_max(1.2))[:, None]
    white = torch.lerp(white, white * _constant(x, 0.85, 0.42, 0.38), bump(x + 0.97, y, 0.16, 0.3)[:, None])
    ring = (
        p["iris"]
        * (0.55 + 0.9 * (radius / p["iris_radius"]).square() - 0.95 * (radius / p["iris_radius"]).pow(6)).clamp(
            0.12, 1.6
        )[:, None]
    )
    ball = torch.lerp(white, ring, coverage(radius - p["iris_radius"], pixel)[:, None])
    ball = ball * (1 - 0.96 * coverage(radius - 0.17, pixel))[:, None]
    ball = ball * (1 - 0.55 * ramp(above, -0.28, 0.02))[:, None]
    spark = coverage(
        ((x - p["gaze_x"] * side - 0.13 * side * p["spark_side"]).square() + (y + 0.18).square()).sqrt() - 0.085,
        1.5 * pixel,
    )
    ball = torch.lerp(ball, torch.full_like(ball, 1.2), (0.85 * spark * p["light_intensity"])[:, None])
    opened = coverage(distance, pixel)
    patch.paint(ball, opened)

    thick = 0.055 + 0.085 * p["liner"] * (0.6 + 0.4 * x.clamp(-1, 1))
    eye = coverage(distance - _LASHES, pixel)
    lash = coverage((y - upper).abs() - thick, pixel) * ramp(arc, -0.35, 0.15)
    lash = torch.maximum(
        lash * (0.55 + 0.45 * p["liner"]), 0.45 * coverage((y - lower).abs() - 0.04, pixel) * ramp(arc, 0.0, 0.4)
    )
    dark = _constant(x, 0.020, 0.014, 0.012)
    patch.paint(dark, lash * eye)
    patch.mark(eye, "r_eye", "l_eye")


def _brow(p: Params, patch: Patch, x: Tensor, y: Tensor, pixel: Tensor, hairs: Tensor) -> None:
    along = ((x + 1.15) / 2.55).clamp(0, 1)
    line = -p["brow_height"] + p["brow_slope"] * x - p["brow_arch"] * (1 - ((along - 0.62) / 0.62).square()) + 0.15
    line = line + 0.10 * p["smile"].clamp_min(0)
    thick = p["brow_thick"] * (0.45 + 0.75 * ramp(along, 0.0, 0.2) - 0.75 * along.square())
    distance = torch.maximum((y - line).abs() - thick, (x - 0.12).abs() - 1.27)
    distance = distance + 0.05 * hairs
    alpha = coverage(distance, 1.5 * pixel + 0.10) * p["brow_density"]
    colour = p["brow"] * (1 + 0.18 * hairs[:, None])
    patch.paint(colour, alpha)
    patch.mark(coverage(distance, 1.5 * pixel + 0.10), "r_brow", "l_brow")


def glasses(p: Params, size: int) -> Tensor:
    """Alpha of the spectacles' rims, bridge and arms, (n, size, size); the lenses are clear. ``p`` of wearers only."""
    n = len(p["eye_gap"])
    window, x, y, pixel, _ = _by_the_eyes(p, (0.38, 0.30), size)
    p = {name: torch.cat([p[name], p[name]]) for name in ("lens_width", "lens_height", "lens_power", "frame_thick")}
    lx, ly = (x - 0.06) / p["lens_width"], (y - 0.10) / p["lens_height"]
    r = (lx.abs().pow(p["lens_power"]) + ly.abs().pow(p["lens_power"]) + 1e-6).pow(1 / p["lens_power"])
    rim = ((r - 1) * torch.minimum(p["lens_width"], p["lens_height"])).abs() - p["frame_thick"]
    bridge = torch.maximum((y + 0.18 - 0.12 * (x + 2).square()).abs() - p["frame_thick"], x + p["lens_width"] - 0.08)
    arm = torch.maximum((y + 0.15).abs() - p["frame_thick"], p["lens_width"] + 0.05 - x)
    alpha = coverage(torch.minimum(rim, torch.minimum(bridge, arm)), pixel)
    canvas = Canvas(torch.empty(n, 3, size, size, device=x.device), {})
    for eye in (slice(0, n), slice(n, 2 * n)):
        canvas.join("eye_g", window.index(eye), alpha[eye])
    return canvas.alphas["eye_g"]


def nose(p: Params, canvas: Canvas) -> None:
    """Nostrils, creases and underside of the nose; its outline is what an annotator draws, bridge to wings."""
    size = canvas.albedo.shape[-1]
    column, row = project(p, torch.zeros_like(p["nose_end"]), 0.5 * p["nose_end"] + 0.03, 0.08)
    window = Window(column, row, (0.38, 0.44), size)
    frame = window.frame(p)
    patch = Patch(window, p["skin"])
    end, width = p["nose_end"], p["nose_width"]
    x = frame.u - 0.17 * p["sin_yaw"] * ramp(frame.v, -0.15, end)
    y = frame.v - 0.10 * p["sin_pitch"] * ramp(frame.v, -0.15, end)
    side = x.abs()
    along = ((y + 0.10) / (end + 0.10)).clamp(0, 1)
    half = torch.lerp(0.85 * p["nose_bridge"] + 0.008, p["nose_bridge"] + 0.035, along.square())
    shaft = torch.maximum(side - half, torch.maximum(p["eye_level"] - 0.06 - y, y - end + 0.03))
    wings = ellipse(side - 0.52 * width, y - end + 0.055, 0.48 * width, 0.068)
    tip = ellipse(x, y - end + 0.045, 0.62 * width, 0.075)
    distance = smooth_min(smooth_min(shaft, wings, 0.05), tip, 0.03)
    outline = coverage(distance, frame.pixel)

    crease = coverage((ellipse(side - 0.55 * width, y - end + 0.055, 0.46 * width, 0.065)).abs() - 0.004, 0.035)
    crease = crease * ramp(side, 0.75 * width, 1.0 * width) * ramp(y, end - 0.13, end - 0.05)
    patch.darken(0.38 * crease)
    under = bump(x, y - end - 0.015, 0.75 * width, 0.028)
    patch.darken(0.32 * under)
    hole = coverage(
        ellipse(side - 0.48 * width, y - end + 0.018 + 0.2 * (side - 0.48 * width), 0.25 * width, 0.024), 0.03
    )
    patch.darken(p["nostril"] * hole)
    flank = bump(side - half - 0.015, y - 0.45 * end, 0.028, 0.20)
    patch.darken(0.10 * flank)
    patch.mark(outline, "nose")
    patch.mark(0.5 * bump(x, y - end + 0.085, 0.035, 0.03) + 0.25 * bump(x, y - 0.5 * end, 0.018, 0.12), "shine")
    patch.finish(canvas)


def lips(p: Params, canvas: Canvas) -> None:
    """Upper and lower lip, and the mouth between them with teeth where it is open."""
    size = canvas.albedo.shape[-1]
    zero = torch.zeros_like(p["mouth_level"])
    column, row = project(p, zero, p["mouth_level"] + 0.03, 0.03)
    window = Window(column, row, (0.38, 0.30), size)
    frame = window.frame(p)
    patch = Patch(window, p["skin"])
    x = (frame.u - 0.05 * p["sin_yaw"]) / p["mouth_width"]
    y = frame.v - p["mouth_level"] - 0.03 * p["sin_pitch"]
    arc = (1 - x * x).clamp_min(-0.6)
    smile = p["smile"]
    seam = 0.045 * smile * (0.35 - x * x) + 0.008 * torch.cos(x * 9) * (1 - smile.clamp(0, 1))
    gap = p["mouth_open"] * arc
    bow = 1 - p["cupid"] * ridge(x, 0.13) - 0.10 * x.abs()
    top = seam - 0.35 * gap - p["lip_upper"] * arc * bow * (1 - 0.25 * smile.clamp(0, 1))
    seam_up, seam_down = seam - 0.35 * gap, seam + 0.65 * gap
    bottom = seam_down + p["lip_lower"] * arc * (1.0 - 0.12 * x * x) * (1 - 0.15 * smile.clamp(0, 1))
    soft = frame.pixel
    whole = coverage(smooth_max(top - y, y - bottom, 0.004), soft) * ramp(1.06 - x.abs(), 0.0, 0.08)
    inner = coverage(torch.maximum(seam_up - y, y - seam_down), soft) * ramp(p["mouth_open"], 0.0, 0.03) * whole

    upper = ramp(seam - y, -0.01, 0.01)
    colour = p["lip"] * (1 + 0.18 * (1 - 2 * upper) - 0.10 * x * x)[:, None]
    patch.darken(0.30 * bump(x, y - bottom - 0.028, 0.75, 0.022))
    corner = bump(x.abs() - 1.03, (y - seam) / p["mouth_width"], 0.09, 0.12)
    patch.paint(colour, whole)
    patch.darken(0.45 * corner)
    patch.darken(0.62 * coverage((y - seam).abs() - 0.003, 1.2 * frame.pixel + 0.012) * whole * (1 - inner))
    teeth = coverage(y - seam_up - 0.75 * p["mouth_open"] * arc.clamp_min(0), 1.5 * frame.pixel) * p["teeth"]
    dark = _constant(x, 0.055, 0.018, 0.016)
    white = _constant(x, 0.68, 0.63, 0.55) * p["white"][:, None]
    gaps = 1 - 0.10 * (1 + torch.cos(x * 26)) * (0.3 + x.abs())
    white = white * (gaps * (1 - 0.55 * x * x))[:, None]
    patch.paint(torch.lerp(dark, white, teeth[:, None]), inner)
    lip = whole * (1 - inner)
    patch.mark(lip * upper, "u_lip")
    patch.mark(lip * (1 - upper), "l_lip")
    patch.mark(inner, "mouth")
    gleam = bump(x, y - seam_down - 0.45 * p["lip_lower"], 0.38, 0.018)
    patch.mark(p["lip_gloss"] * gleam, "shine")
    patch.finish(canvas)
