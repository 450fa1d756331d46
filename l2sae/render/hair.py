"""Hair: the volume around the skull, the opening that leaves the face bare, strands and their sheen."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from l2sae.render.fields import Frame, Params, coverage, ellipse, ramp, smooth_max, smooth_min


@dataclass(frozen=True)
class Hair:
    """What the head's hair looks like and does.

    Attributes:
        front, back: alphas (n, H, W) of the hair before and behind the head.
        colour: linear and lit, (n, 3, H, W).
        shade: light that the hair's shadow leaves on the face, on the coarse grid (n, h, w).
        outer: signed distance to the hair's volume, (n, H, W).
    """

    front: Tensor
    back: Tensor
    colour: Tensor
    shade: Tensor
    outer: Tensor


def volume(p: Params, frame: Frame, skull: Tensor) -> Tensor:
    """Signed distance to all that hair could fill, (n, h, w); ``skull``, the distance to the head, is part of it."""
    turn = p["sin_yaw"]
    x = frame.x - turn * 0.12 * frame.y.clamp_max(0) + p["hair_skew"] * frame.y.clamp_max(0)
    y = frame.y
    width = p["head_width"] * (1 + 0.08 * turn.abs()) + p["hair_side"]
    dome = ellipse(x, y + 0.22, width, 0.82 + p["hair_top"])
    below = y + 0.22
    reach = width + p["hair_flare"] * below.clamp_min(0) * (1 + 0.5 * below)
    ragged = 0.04 * torch.sin(x * 9 + p["hair_phase"])
    sides = smooth_max(x.abs() - reach, y - p["hair_length"] + ragged, 0.12)
    sides = torch.maximum(sides, -below)
    bun = ellipse(x, y + 1.02 + p["hair_top"] + 0.45 * p["hair_bun"], p["hair_bun"] + 1e-3, 0.9 * p["hair_bun"] + 1e-3)
    cap = skull - 0.012 + 3 * (y - 0.05).clamp_min(0)
    return torch.minimum(torch.minimum(smooth_min(dome, sides, 0.02), cap), bun + 1e-2)


def opening(p: Params, frame: Frame) -> Tensor:
    """Signed distance to the bare part in front of the hair: negative on the face, positive where hair may lie."""
    u, v = frame.u, frame.v
    side = u.abs()
    away = u - p["hair_part"]
    line = p["hair_line"] + 0.22 * u * u
    line = line - p["hair_recess"] * torch.exp(-((side - 0.33) / 0.14).square())
    line = (
        line + p["fringe"] * (1 - 0.25 * side) + p["fringe_swept"] * (0.35 * u + 0.14 * torch.sign(p["fringe_swept"]))
    )
    line = line + p["fringe_parted"] * (away.abs() * 0.9 - 0.10).clamp_max(0.45)
    line = torch.minimum(line, p["eye_level"] - 0.17)
    long = (p["hair_length"] > 0.5).to(u.dtype)
    # Of a turned head one sees the side, where hair reaches further forward and, behind the ear, further down.
    near = ramp(-u * torch.sign(p["sin_yaw"]), 0.0, 0.3) * p["sin_yaw"].abs()
    bare_below = torch.lerp(torch.full_like(p["hair_length"], 0.10), torch.full_like(p["hair_length"], 9.0), long)
    temple = (
        p["hair_temple"]
        + 2.2 * (v - bare_below - 0.35 * near + 0.06).clamp_min(0)
        - 0.14 * near
        - long * 0.10 * ramp(v, 0.2, 0.9) * (1 - p["hair_ears"])
    )
    temple = temple + 0.22 * long * p["hair_ears"] * ramp(v, -0.25, 0.1)
    return smooth_max(line - v, side - temple, p["hair_round"])


def strands(
    p: Params, frame: Frame, texture: Tensor, grow: Callable[[Tensor], Tensor], curls: str
) -> tuple[Tensor, Tensor]:
    """Clumps and fine strands, each (n, H, W) around 0 with deviation near 1, from ``texture`` (n, 1, T, T).

    The places to look up in the texture vary smoothly: they are found on the coarse ``frame`` and enlarged, and so are
    the clumps. ``curls`` is "hair" for curls that make the edges of the cut ragged, "strand" for visible curls.
    """
    x, y = frame.x, frame.y
    part = p["hair_part"]
    falling = (x - part) / ((y + 1.25).clamp_min(0.02) + 0.12).sqrt()
    brushed = x / ((0.35 - y).abs() + 0.35)
    across = torch.lerp(brushed, falling, p["hair_fall"])
    along = (x * x + (y + 0.2).square()).sqrt() * (1 - p["hair_fall"]) + y * p["hair_fall"]
    across = across + p[f"{curls}_wave"] * torch.sin(along * p[f"{curls}_wave_rate"] + p["hair_phase"])
    # Curls are as long as wide; straight strands run on.
    stretch = 0.10 + 0.75 * p[f"{curls}_curl"]
    place = torch.stack([across, along * stretch], dim=1)

    def look_up(grid: Tensor) -> Tensor:
        grid = grid.permute(0, 2, 3, 1)
        return F.grid_sample(texture, grid, mode="bilinear", padding_mode="reflection", align_corners=False)[:, 0]

    return grow(look_up(place * 0.40)), look_up(grow(place * 0.95) + place.new_tensor([0.1, -0.1])[:, None, None])


def _sheen(p: Params, frame: Frame) -> tuple[Tensor, Tensor]:
    """Body shading and highlight band of the hair, each (n, h, w)."""
    width = p["head_width"] + p["hair_side"]
    nx = (frame.x / (1.05 * width)).clamp(-1, 1)
    ny = ((frame.y + 0.2) / (0.9 + p["hair_top"])).clamp(-1, 0.35)
    nz = (1 - nx * nx - ny * ny).clamp_min(0.03).sqrt()
    cos_e, sin_e = p["cos_light_elevation"], p["sin_light_elevation"]
    facing = nx * p["sin_light_azimuth"] * cos_e - ny * sin_e + nz * p["cos_light_azimuth"] * cos_e
    body = p["ambient"] * (0.55 + 0.45 * nz) + p["light_intensity"] * ((facing + 0.25) / 1.25).clamp_min(0)
    band = torch.exp(-((facing - 0.90) / 0.13).square())
    return body, band


def hair(p: Params, frame: Frame, skull: Tensor, texture: Tensor, grow: Callable[[Tensor], Tensor]) -> Hair:
    """Alphas and colour of the hair.

    Args:
        p: the faces' parameters.
        frame: of a coarse grid, for all but the strands.
        skull: distance to the head's outline on that grid.
        texture: noise (n, 1, T, T).
        grow: enlarges a coarse field to full size.
    """
    bare = opening(p, frame)
    body, band = _sheen(p, frame)
    y = frame.y
    body = body * (0.60 + 0.40 * ramp(bare, -0.02, 0.16))  # hair lies in its own shadow beside the face
    body = body * (1 - 0.35 * ramp(y, 0.3, 1.1) * (1 - 0.6 * ramp(bare, 0.0, 0.3)))
    body = body * (1 + (p["hair_tip"] - 1) * ramp(y, -0.4, 1.2))
    shade = 1 - 0.36 * ramp(bare, -0.14, 0.03) * p["hair_density"]
    long = (p["hair_length"] > 0.3) * (p["hair_density"] > 0)
    behind = grow(long * ramp(y, 0.0, 0.1))
    outer, bare, body, band = (grow(field) for field in (volume(p, frame, skull), bare, body, band))

    clump, strand = strands(p, frame, texture, grow, "hair")
    ragged = (1.1 * clump).add_(strand, alpha=0.5).mul_(p["hair_jag"])
    softness = frame.pixel + 0.012 + p["hair_soft"]
    inside = coverage(torch.add(outer, ragged, alpha=0.7), softness)
    front = inside * coverage(-torch.add(bare, ragged, alpha=1.2), softness + 0.006) * p["hair_density"]
    back = inside * behind
    if not all(torch.equal(p[f"strand_{name}"], p[f"hair_{name}"]) for name in ("curl", "wave", "wave_rate")):
        clump, strand = strands(p, frame, texture, grow, "strand")
    grain = (0.16 * clump).add_(strand, alpha=0.15).mul_(p["hair_grain"]).add_(1).clamp_min_(0.25)
    shine = (0.3 * clump).add_(strand, alpha=0.35).add_(0.5).clamp_min_(0).mul_(band)
    gleam = (0.25 * p["hair"] + 0.045) * p["key_colour"] * (p["hair_gloss"] * p["light_intensity"])[:, None]
    colour = torch.addcmul(gleam * shine[:, None], p["hair"], (body * grain)[:, None])
    return Hair(front, back, colour, shade, outer)
