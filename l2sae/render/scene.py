"""What surrounds the head, and the camera that sees it."""

import io

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from l2sae.pictures.conversions import HALF
from l2sae.render.fields import Frame, Params, coverage, ellipse, enlarge, pixel_centres, ramp

_AT_ONCE = 4  # faces


def background(p: Params, blobs: Tensor, size: int) -> Tensor:
    """Linear colour behind everything, (n, 3, size, size); ``blobs`` is coarse noise (n, 3, s, s)."""
    small = 4 * blobs.shape[-1]
    blobs = F.interpolate(blobs, size=(small, small), mode="bicubic", align_corners=False)
    blobs = 0.8 * blobs[:, :1] + 0.45 * blobs
    axis = pixel_centres(small, blobs.device)
    slope = axis[None, None, :] * torch.cos(p["back_angle"]) + axis[None, :, None] * torch.sin(p["back_angle"])
    weight = (0.5 + 0.5 * p["back_slope"] * slope)[:, None] + 0.35 * p["back_noise"][:, None] * blobs[:, :1]
    colour = torch.lerp(p["back_a"], p["back_b"], weight.clamp(0, 1))
    wall = (colour * (1 + 0.22 * p["back_noise"][:, None] * blobs)).clamp(0.003, 1.1)
    wall = enlarge(enlarge(wall, size // 2), size)
    axis = pixel_centres(size, blobs.device)
    bars = torch.maximum(_bars(p, "across", axis, size)[:, None, :], _bars(p, "down", axis, size)[:, :, None])
    return torch.lerp(wall, p["panel"].expand_as(wall), bars[:, None])


def _bars(p: Params, direction: str, axis: Tensor, size: int) -> Tensor:
    """Alpha (n, size) of window frames, shelves or boards: even bars with crisp edges along one axis."""
    rate = p[f"panel_{direction}_rate"][:, 0]
    place = ((axis[None] * rate + p[f"panel_{direction}_start"][:, 0]) % 1 - 0.5).abs()
    return coverage((place - p[f"panel_{direction}_width"][:, 0]) / rate, 2 / size) * p[f"panel_{direction}"][:, 0]


def clothes(p: Params, frame: Frame) -> tuple[Tensor, Tensor]:
    """Signed distance to the clothes (n, h, w) and their lit linear colour (n, 3, h, w)."""
    turn = p["sin_yaw"]
    x = frame.x - 0.06 * turn
    y = frame.y
    side = x.abs()
    away = (side - p["neck_width"]).clamp_min(0)
    top = (
        p["shoulder_level"]
        - 0.16
        + p["shoulder_slope"] * away.clamp_max(1.0)
        + 0.22 * away / (away + 0.25)
        + 0.9 * (away - 0.85).clamp_min(0).square()
    )
    crew = ellipse(
        x, y - p["shoulder_level"] + 0.14, p["neck_width"] + 0.05 + 0.2 * p["collar_open"], 0.20 + p["collar_open"]
    )
    depth = y - p["shoulder_level"]
    vee = side - 0.47 * (1.05 - depth).clamp_min(0)
    casual = torch.maximum(top - y, -crew)
    collar = torch.maximum(p["shoulder_level"] - 0.24 - y + 0.25 * side, side - p["neck_width"] - 0.10)
    throat = side - 0.36 * (0.22 - depth).clamp_min(0) * 1.4
    formal = torch.maximum(torch.minimum(top - y, collar), -throat)
    distance = torch.lerp(casual, formal, p["suit"])
    fold = 1 + 0.10 * torch.sin(x * 7 + 3 * y) * ramp(y, 1.5, 2.2)
    stripe = (
        1
        + p["cloth_stripe"] * torch.sin(x * 60) * (1 - p["suit"])
        + p["cloth_stripe"] * torch.sin(y * 22) * (1 - p["suit"])
    )
    colour = p["cloth"] * (fold * stripe)[:, None]
    inside = coverage(vee, 0.03) * p["suit"]
    colour = torch.lerp(colour, p["shirt"] * (1 - 0.25 * coverage(throat.abs() - 0.01, 0.05))[:, None], inside[:, None])
    knot = torch.maximum(side - 0.075 - 0.10 * (depth - 0.2).clamp(0, 0.6), 0.10 - depth)
    tie = coverage(knot, 0.03) * p["has_tie"]
    colour = torch.lerp(colour, p["tie"] * (1 + 0.25 * torch.sin((x + y) * 28))[:, None], (tie * inside)[:, None])
    lapel = coverage((vee - 0.02).abs() - 0.012, 0.05) * p["suit"]
    return distance, colour * ((1 - 0.45 * lapel) * _cloth_light(p, frame))[:, None]


def _cloth_light(p: Params, frame: Frame) -> Tensor:
    """Light on the clothes, (n, h, w)."""
    lean = 0.5 + 0.5 * (p["sin_light_azimuth"] * frame.x * 0.6).clamp(-0.9, 0.9)
    return p["ambient"] * 0.8 + p["light_intensity"] * (0.35 + 0.6 * lean) * (1 - 0.25 * ramp(frame.y, 1.5, 2.6))


def camera(p: Params, light: Tensor, noise: Tensor) -> Tensor:
    """From linear light to the picture in [-1, 1]: lens, exposure, tone curve, sensor noise, JPEG; (n, 3, H, W).

    ``noise`` (n, 3, H, W) uint8 is uniform. A few faces at a time stay in the processor's cache; ``light`` is used up.
    """
    size = light.shape[-1]
    axis = pixel_centres(size, light.device)
    radius = axis[None, None, :].square() + axis[None, :, None].square()
    exposure = ((1 - 0.35 * p["vignette"] * radius) * p["gain"])[:, None]
    contrast, blur, noise_level = (p[name][:, None] for name in ("contrast", "blur", "noise"))
    pictures = torch.empty_like(light)
    for start in range(0, len(light), _AT_ONCE):
        few = slice(start, start + _AT_ONCE)
        picture = _developed(light[few].mul_(exposure[few]), 0.45 * contrast[few], blur[few])
        gain = 2 / 73.9 * noise_level[few]  # uniform over 256 levels has a deviation of 73.9 of them
        torch.mul(noise[few], gain, out=pictures[few])
        pictures[few].add_(picture, alpha=2).sub_(1 + HALF * gain).clamp_(-1, 1)
    return _saved(pictures, p["jpeg"])


def _developed(light: Tensor, contrast: Tensor, blur: Tensor) -> Tensor:
    """Exposed linear light (m, 3, H, W) as display values in [0, 1], blurred or sharpened; ``light`` is used up."""
    # Highlights roll off instead of clipping: twice the light of a white sheet is still just white.
    picture = (0.32 * light).add_(1).mul_(light).div_(light.mul_(0.82).add_(1)).clamp_min_(1e-6).sqrt_()
    curve = (-2 * picture).add_(3).mul_(picture).mul_(picture)
    picture.lerp_(curve, contrast)
    # A lens blur of one pixel, down then across; the frame's outermost pixels stay as they are.
    picture[:, :, 1:-1].lerp_((picture[:, :, :-2] + picture[:, :, 2:]).mul_(0.5), blur)
    picture[:, :, :, 1:-1].lerp_((picture[:, :, :, :-2] + picture[:, :, :, 2:]).mul_(0.5), blur)
    return picture


def _saved(pictures: Tensor, quality: Tensor) -> Tensor:
    """The pictures (n, 3, H, W) in [-1, 1], those with a quality above 0 as JPEG leaves them; changed in place."""
    for row in torch.nonzero(quality.flatten()).flatten().tolist():
        pixels = pictures[row].add(1).mul_(HALF).round_().byte().cpu().numpy()
        buffer = io.BytesIO()
        Image.fromarray(pixels.transpose(1, 2, 0).copy()).save(buffer, "JPEG", quality=int(quality[row]))
        kept = torch.from_numpy(np.asarray(Image.open(buffer)).transpose(2, 0, 1).copy())
        pictures[row] = kept.to(pictures).div_(HALF).sub_(1)
    return pictures
