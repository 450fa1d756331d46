"""The head itself: outline, relief, the light that falls on it, skin and beard."""

import torch
import torch.nn.functional as F
from torch import Tensor

from l2sae.render.fields import Frame, Params, bump, ellipse, ramp

BLEMISHES = 2  # moles and pimples at most


def outline(p: Params, frame: Frame) -> Tensor:
    """Signed distance to the head's silhouette without ears, (n, h, w)."""
    turn = p["sin_yaw"]
    lower = frame.y.clamp_min(0)
    # A turned head shows its chin ahead of the skull and the back of the skull behind it.
    x = frame.x - turn * (0.16 * lower + 0.10 * frame.y.clamp_max(0)) - p["asymmetry"] * lower
    ax, ay = x.abs() + 1e-4, frame.y.abs() + 1e-4
    r = (ax * ax + ay * ay).sqrt()
    down = frame.y > 0
    power = torch.where(down, p["jaw_power"], p["skull_power"])
    height = torch.where(down, p["jaw_length"] + 0.7 * p["beard_length"], torch.full_like(p["jaw_length"], 1.03))
    width = p["head_width"] * (1 + 0.08 * turn.abs()) + 0.02 * p["full_beard"] * down
    edge = ((ax / (r * width)).pow(power) + (ay / (r * height)).pow(power)).pow(-1 / power)
    return r - edge


def ears(p: Params, frame: Frame) -> tuple[Tensor, Tensor, Tensor]:
    """Distance to the nearer ear, its shading, and its side, (n, h, w) each: 1 for the picture's right, else -1."""
    turn, cos = p["sin_yaw"], p["cos_yaw"]
    x = frame.x + 0.14 * turn
    side = 1 - 2 * (x < 0).to(x.dtype)
    squeeze = (0.085 + 0.06 * (-side * turn).clamp_min(0)) * (0.6 + 0.4 * cos)
    x = x.abs() - (p["head_width"] + p["ear_out"]) * cos
    y = frame.y - 0.10 - 0.25 * p["sin_pitch"]
    x = x - 0.12 * (-y)  # ears lean outwards at the top
    distance = ellipse(x, y + 0.02, squeeze * (1.0 - 0.9 * y.clamp(-0.2, 0.25)), p["ear_size"])
    inner = 1 - 0.50 * bump(x + 0.01, y, 0.42 * squeeze, 0.55 * p["ear_size"])
    return distance, inner * (0.8 + 0.28 * side * p["sin_light_azimuth"]), side


def relief(p: Params, frame: Frame) -> Tensor:
    """Height of the face above the picture plane, (n, h, w), in the frame's units."""
    u, v = frame.u, frame.v
    side = u.abs()
    dome = (1 - (frame.x / (1.04 * p["head_width"])).square() - (frame.y / 1.14).square()).clamp_min(
        0.015
    ).sqrt() * 0.72
    nose_x = frame.u - 0.16 * p["sin_yaw"] * ramp(v, -0.15, 0.38)
    end = p["nose_end"]
    z = dome
    z = z + 0.065 * bump(side - 0.26, v - p["eye_level"] + 0.19, 0.22, 0.07)
    z = z - 0.100 * bump(side - 0.27, v - p["eye_level"], 0.15, 0.085)
    z = z + 0.030 * bump(side - p["eye_gap"], v - p["eye_level"], 0.11, 0.055)
    z = z + (0.09 + 0.4 * p["nose_lift"]) * bump(nose_x, v - 0.62 * end, 0.075 + 0.25 * p["nose_bridge"], 0.24)
    z = z + (0.09 + 0.4 * p["nose_lift"]) * bump(nose_x, v - end + 0.065, 0.095, 0.080)
    z = z + 0.060 * bump(nose_x.abs() - 0.70 * p["nose_width"], v - end + 0.045, 0.055, 0.055)
    z = z + 0.060 * p["cheek"] * bump(side - 0.40, v - 0.27 + 0.05 * p["smile"], 0.15, 0.13)
    fold = side - 0.20 - 0.45 * (v - end + 0.05)
    z = z - (0.012 + 0.02 * p["smile"].clamp_min(0) + 0.022 * p["age"]) * bump(fold, v - end - 0.09, 0.035, 0.14)
    z = z + 0.045 * bump(u, v - p["mouth_level"], 0.24, 0.075)
    z = z - 0.035 * bump(u, v - p["mouth_level"] - 0.13, 0.15, 0.045)
    return z + 0.055 * bump(u, v - 0.86 * p["jaw_length"], 0.16, 0.10)


def _slopes(z: Tensor, frame: Frame) -> tuple[Tensor, Tensor]:
    """Derivatives of ``z`` along the head's x and y, by central differences."""
    padded = F.pad(z[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    step = (frame.x[:, :1, 1:2] - frame.x[:, :1, 0:1]).square() + (frame.y[:, :1, 1:2] - frame.y[:, :1, 0:1]).square()
    step = 2 * step.sqrt()
    return (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / step, (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / step


def _cast_shadow(z: Tensor, light_x: Tensor, light_y: Tensor, light_z: Tensor, scale: Tensor) -> Tensor:
    """How far each point lies below the ray from the light over nearby relief, (n, h, w), at two distances."""
    n, h, w = z.shape
    rows = torch.linspace(-1 + 1 / h, 1 - 1 / h, h, device=z.device)[None, :, None].expand(n, h, w)
    columns = torch.linspace(-1 + 1 / w, 1 - 1 / w, w, device=z.device)[None, None, :].expand(n, h, w)
    level = (light_x.square() + light_y.square()).sqrt() + 1e-3
    rise = light_z / level
    depth = torch.zeros_like(z)
    for reach in (0.08, 0.17):
        grid = torch.stack([columns + light_x / level * reach * scale, rows + light_y / level * reach * scale], dim=-1)
        blocker = F.grid_sample(z[:, None], grid, mode="bilinear", padding_mode="border", align_corners=False)[:, 0]
        depth = torch.maximum(depth, blocker - z - reach * rise)
    return depth


def illumination(p: Params, frame: Frame) -> tuple[Tensor, Tensor, Tensor]:
    """Key light, fill light and gloss on the head, each (n, h, w); evaluated coarsely, as light is smooth."""
    z = relief(p, frame)
    zx, zy = _slopes(z, frame)
    cos_e, sin_e = p["cos_light_elevation"], p["sin_light_elevation"]
    lx, ly, lz = p["sin_light_azimuth"] * cos_e, -sin_e, p["cos_light_azimuth"] * cos_e
    norm = (zx.square() + zy.square() + 1).rsqrt()
    facing = (lz - zx * lx - zy * ly) * norm
    shadow = _cast_shadow(z, lx, ly, lz, p["scale"])
    key = ((facing + 0.18) / 1.18).clamp_min(0) * (1 - 0.65 * ramp(shadow, 0.0, 0.05))
    fill = norm * 0.55 + 0.45 + 0.12 * (zy * norm).clamp(-1, 1)  # open above, occluded in folds and at the outline
    hx, hy, hz = lx, ly, lz + 1
    half = (hx.square() + hy.square() + hz.square()).sqrt()
    gloss = (((hz - zx * hx - zy * hy) * norm / half).clamp_min(0)).pow(18)
    return key, fill, gloss


def beard_cover(p: Params, frame: Frame) -> Tensor:
    """Density of beard, moustache and stubble on the skin, (n, h, w) in [0, 1]."""
    u, v = frame.u, frame.v
    side = u.abs()
    mouth, end = p["mouth_level"], p["nose_end"]
    line = mouth + 0.06 - 0.95 * side.pow(1.6)  # from the chin's sides up to the sideburns
    area = ramp(v - line, -0.08, 0.08) * ramp(v, -0.05, 0.10)
    lip_x = u / 0.20
    area = area * (1 - 0.9 * bump(lip_x, (v - mouth - 0.02) / 0.11, 1.0, 1.0))
    tache = bump(side - 0.09, v - (0.42 * mouth + 0.58 * end) - 0.10 * side, 0.16, 0.055) * 1.4
    chin = bump(u, v - mouth - 0.24, 0.17, 0.13) * 1.4
    strong = torch.maximum(area * p["full_beard"], torch.maximum(tache * p["moustache"], chin * p["goatee"]))
    return torch.maximum(strong, torch.maximum(area, 0.7 * tache.clamp(0, 1)) * p["stubble"]).clamp(0, 1)


def skin_colour(p: Params, frame: Frame, mottle: Tensor, grain: Tensor) -> Tensor:
    """Linear albedo of the face's skin, (n, 3, h, w); ``mottle`` is smooth and ``grain`` fine noise, (n, h, w)."""
    u, v = frame.u, frame.v
    side = u.abs()
    level = p["eye_level"]
    rosy = bump(side - 0.40, v - 0.28, 0.17, 0.14) + 0.8 * bump(u, v - p["nose_end"] + 0.06, 0.12, 0.08)
    rosy = rosy * p["blush"] + 0.04 * mottle
    tired = bump(side - p["eye_gap"] + 0.03, v - level - 0.085, 0.12, 0.045) * (0.05 + 0.16 * p["age"])
    socket = 0.16 * bump(side - p["eye_gap"] + 0.05, v - level + 0.02, 0.17, 0.09)
    wrinkle = torch.sin((v + 0.05 * u * u) * 42) * bump(u, v + 0.47, 0.34, 0.10) * 0.05 * (p["age"] - 0.45).clamp_min(0)
    freckles = ramp(grain, 0.7, 1.7) * bump(side - 0.22, v - 0.20, 0.26, 0.17) * p["freckles"]
    tone = 1 + p["mottle"] * mottle - tired - socket + wrinkle - 0.35 * freckles
    for number in range(BLEMISHES):
        spot = bump(u - p[f"spot_{number}_u"], v - p[f"spot_{number}_v"], p["spot_size"], p["spot_size"])
        tone = tone - p[f"spot_{number}_mole"] * spot
        rosy = rosy + p[f"spot_{number}_pimple"] * spot
    red = torch.stack([tone * (1 + 0.08 * rosy), tone * (1 - 0.42 * rosy), tone * (1 - 0.34 * rosy)], dim=1)
    return p["skin"] * red


def with_beard(p: Params, skin: Tensor, density: Tensor, grain: Tensor) -> Tensor:
    """Skin with the beard's colour over it; ``grain`` (n, h, w) is fine noise around 0.

    Stubble beside a beard has the beard's colour.
    """
    cover = (density * (1 + 0.16 * grain) - 0.04 * grain.abs() * (density > 0)).clamp(0, 1)
    bearded = p["moustache"] + p["goatee"] + p["full_beard"] > 0
    colour = torch.where(bearded[:, None], p["beard_colour"], p["stubble_colour"])
    hair = colour * (1 + 0.20 * grain[:, None]).clamp_min(0.2)
    return torch.lerp(skin, hair, cover[:, None])


def neck(p: Params, frame: Frame) -> tuple[Tensor, Tensor]:
    """Distance to the neck and its shading, which carries the chin's shadow."""
    turn = p["sin_yaw"]
    x = frame.x - 0.05 * turn
    y = frame.y
    widening = 1.6 * (y - p["shoulder_level"] + 0.30).clamp(0, 0.4).square()
    distance = x.abs() - p["neck_width"] - widening
    distance = torch.maximum(distance, -(y - 0.2))
    lift = 0.10 + 0.10 * p["sin_light_elevation"]
    drop = p["jaw_length"] + lift
    chin = (y - drop * (1 - 0.42 * (x / 0.7).square().clamp_max(1.2))) / 0.16
    round_off = 1 - 0.45 * (x / (p["neck_width"] + 0.05)).square().clamp_max(1)
    tendon = 1 + 0.05 * torch.cos(x * 14) * ramp(y, 1.1, 1.4)
    lit = 0.34 + 0.66 * ramp(chin, -0.3, 1.7)
    lean = 1 + 0.35 * p["sin_light_azimuth"] * (x / p["neck_width"]).clamp(-1, 1)
    return distance, lit * round_off * tendon * lean * 0.85
