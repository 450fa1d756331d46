"""What hides parts of a face: hats, things, hands, face masks, loose strands. Faces without them cost nothing."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from l2sae.render.fields import (
    Frame,
    Params,
    Picked,
    bump,
    coverage,
    ellipse,
    head_frame,
    pixel_centres,
    ramp,
    ridge,
    smooth_max,
    smooth_min,
)

LOCKS = 3  # of loose hair on one face
_FINGERS = ((-0.285, 0.58), (-0.095, 0.70), (0.095, 0.74), (0.285, 0.66))  # place across the knuckles, length
_THUMB = (0.34, -0.48, 0.66, 0.02)  # from (across, along) to (across, along)


@dataclass(frozen=True)
class Scene:
    """What is painted so far, and what occluders need to know of it.

    Attributes:
        image: linear light, (n, 3, H, W); changed in place.
        shares: part -> visible share of every pixel, (n, H, W); changed in place.
        outline: signed distance to the head, (n, H, W).
        crown: signed distance to the hair's volume, (n, H, W).
        light: on the face, (n, 3, H, W).
        hair: colour of the hair, (n, 3, H, W).
    """

    image: Tensor
    shares: dict[str, Tensor]
    outline: Tensor
    crown: Tensor
    light: Tensor
    hair: Tensor

    def cover(self, rows: Tensor, part: str, alpha: Tensor, colour: Tensor) -> None:
        """Lay ``colour``, broadcastable to (k, 3, H, W), over the faces ``rows`` with ``alpha`` (k, H, W)."""
        below = self.image[rows]
        self.image[rows] = torch.lerp(below, colour.expand_as(below), alpha[:, None])
        for share in self.shares.values():
            share[rows] = share[rows] * (1 - alpha)
        if part:
            self.shares.setdefault(part, torch.zeros_like(self.outline))[rows] += alpha

    def shadow(self, rows: Tensor, amount: Tensor) -> None:
        """Darken the faces ``rows`` by ``amount`` (k, H, W)."""
        self.image[rows] = self.image[rows] * (1 - amount[:, None])


def add_occluders(p: Params, scene: Scene) -> Tensor:
    """Paint all occluders, back to front; returns the share of each visible face that they hide, (n,)."""
    seen = scene.shares["face"].sum((1, 2))
    for name, paint in (
        ("strands", _strands), ("face_mask", _face_mask), ("hat", _hat), ("object", _thing), ("hand", _hand),
    ):  # fmt: skip
        rows = torch.nonzero(p[name].flatten() > 0).flatten()
        if len(rows):
            paint(Picked(p, rows), rows, scene)
    return 1 - scene.shares["face"].sum((1, 2)) / seen.clamp_min(1)


def _frame(p: Params, scene: Scene) -> Frame:
    size = scene.image.shape[-1]
    axis = pixel_centres(size, scene.image.device)
    return head_frame(p, axis[None, None, :], axis[None, :, None], size)


def _ambient(p: Params) -> Tensor:
    """Light on things beside the face, (k, 1, 1, 1)."""
    return (p["ambient"] * 0.8 + p["light_intensity"] * 0.6)[:, None]


def _hat(p: Params, rows: Tensor, scene: Scene) -> None:
    """A knitted cap on the hair."""
    frame = _frame(p, scene)
    distance = torch.maximum(scene.crown[rows] - 0.02, frame.v - p["hat_line"] - 0.12 * frame.u.square())
    round_off = 1 - 0.35 * (frame.x / (p["head_width"] + 0.1)).square().clamp_max(1)
    knit = 1 + 0.05 * torch.sin(frame.x * 40) * ramp(p["hat_line"] - frame.v, 0.10, 0.16)
    colour = p["hat_colour"] * ((round_off * knit)[:, None] * _ambient(p) * 0.75)
    scene.cover(rows, "hat", coverage(distance, frame.pixel), colour)


def _thing(p: Params, rows: Tensor, scene: Scene) -> None:
    """Something hand-sized held before the face, such as a telephone or a sheet of paper."""
    frame = _frame(p, scene)
    dx, dy = frame.x - p["object_x"], frame.y - p["object_y"]
    x, y = dx * p["cos_object"] + dy * p["sin_object"], dy * p["cos_object"] - dx * p["sin_object"]
    distance = smooth_max(x.abs() - p["object_width"], y.abs() - p["object_height"], 0.08)
    scene.cover(rows, "", coverage(distance, frame.pixel), p["object_colour"] * (0.75 * _ambient(p)))


def _face_mask(p: Params, rows: Tensor, scene: Scene) -> None:
    """A pleated or plain mask from the bridge of the nose to below the chin, with loops to the ears."""
    frame = _frame(p, scene)
    u, v = frame.u, frame.v
    side = u.abs()
    top = p["mask_top"] + 0.30 * u.square() - 0.05 * bump(u, torch.zeros_like(u), 0.14, 1.0)
    bottom = p["jaw_length"] + 0.05 - 0.30 * (frame.x / 0.7).square()
    inside = smooth_max(top - v, frame.y - bottom, 0.05)
    inside = smooth_max(inside, side - p["mask_width"] + 0.10 * ramp(v, 0.4, 1.0), 0.05)
    inside = torch.maximum(inside, scene.outline[rows] - 0.025)
    cloth = coverage(inside, frame.pixel)
    reach = side - p["mask_width"] + 0.04
    loops = torch.minimum((v - 0.42 + 0.9 * reach).abs(), (v - 0.72 + 1.5 * reach).abs()) - 0.011
    loops = coverage(torch.maximum(torch.maximum(loops, -reach), scene.outline[rows]), frame.pixel)

    light = scene.light[rows]
    # Fabric bridges the relief under it: most of its light is that of its surroundings.
    around = F.avg_pool2d(light, 9, stride=1, padding=4, count_include_pad=False)
    place = (v - top) / (1.0 - p["mask_top"])
    pleats = sum(ridge(place - at + 0.05 * side, 0.022) for at in (0.32, 0.50, 0.68))
    shade = 1 - p["mask_pleats"] * pleats - 0.25 * ridge(inside, 0.035)
    shade = shade * (1 - 0.30 * (u / 0.75).square()) * (1 - 0.22 * ramp(v, 0.65, 1.05))
    colour = p["mask_colour"] * torch.lerp(light, around, torch.full_like(light[:1], 0.7)) * shade[:, None]
    scene.shadow(rows, 0.30 * coverage(inside - 0.02, 0.08) * (1 - cloth))
    scene.cover(rows, "", loops * (1 - cloth), p["mask_colour"] * _ambient(p) * 0.8)
    scene.cover(rows, "", cloth, colour)


def _strands(p: Params, rows: Tensor, scene: Scene) -> None:
    """Loose locks that hang from the hairline over the face; they are hair."""
    frame = _frame(p, scene)
    alpha = torch.zeros_like(frame.u)
    for number in range(LOCKS):
        start, length = p["hair_line"] - 0.25, p[f"lock_{number}_length"]
        way = ((frame.v - start) / length).clamp(0, 1.2)
        path = p[f"lock_{number}_start"] + p[f"lock_{number}_slope"] * way + p[f"lock_{number}_curve"] * way.square()
        width = p[f"lock_{number}_width"] * (1 - way.pow(3)).clamp_min(-0.5)
        off = frame.u - path
        lock = coverage(off.abs() - width, frame.pixel) * ramp(way, 0.0, 0.05)
        lock = lock * (1 - 0.55 * ramp(way, 0.3, 1.0) * ridge(off - 0.35 * width, 0.009))  # it parts on its way down
        alpha = torch.maximum(alpha, lock)
    alpha = alpha * coverage(torch.minimum(scene.outline[rows], scene.crown[rows]), frame.pixel)
    scene.shadow(rows, 0.25 * torch.roll(alpha, 1, dims=-1))
    gloss = 0.85 + 0.35 * ridge(frame.v + 0.35, 0.25)
    scene.cover(rows, "hair", alpha, scene.hair[rows] * gloss[:, None])


def _hand(p: Params, rows: Tensor, scene: Scene) -> None:
    """The back of a hand of the face's own skin: four fingers, thumb, wrist and sleeve."""
    frame = _frame(p, scene)
    dx, dy = (frame.x - p["hand_x"]) / p["hand_size"], (frame.y - p["hand_y"]) / p["hand_size"]
    along = dx * p["sin_hand"] - dy * p["cos_hand"]
    across = (dx * p["cos_hand"] + dy * p["sin_hand"]) * p["hand_side"]
    pixel = frame.pixel / p["hand_size"]

    wrist = smooth_max(across.abs() - 0.25 + 0.06 * along, along + 0.7, 0.05)
    sleeve = smooth_max(across.abs() - 0.36, along + 1.25, 0.06)
    palm = smooth_max(across.abs() - 0.375, (along + 0.40).abs() - 0.46, 0.10)
    distance = smooth_min(palm, wrist, 0.12)
    tilt = (across / 0.42).clamp(-1, 1)
    dent = 0.10 * sum(ridge(across - at, 0.05) for at in (-0.19, 0.0, 0.19)) * ramp(along, -0.5, 0.05)
    height = (1 - 0.75 * tilt.square()).sqrt() - dent
    tint = torch.zeros_like(along)
    for number, (place, length) in enumerate(_FINGERS):
        reach = length * p["hand_bend"] * (1 - 0.05 * abs(number - 1.5))
        finger = _digit(across, along, place, 0.0, place * (1 + p["hand_spread"]), reach, 0.103)
        distance, tilt, height, tint = _nearer((distance, tilt, height, tint), finger)
    thumb = _digit(across, along, _THUMB[0], _THUMB[1], _THUMB[2] + 0.3 * p["hand_spread"], _THUMB[3], 0.12)
    distance, tilt, height, tint = _nearer((distance, tilt, height, tint), thumb)

    cos_e, sin_e = p["cos_light_elevation"], p["sin_light_elevation"]
    lean = tilt * p["hand_side"]
    facing = lean * (p["cos_hand"] * p["sin_light_azimuth"] * cos_e - p["sin_hand"] * sin_e)
    facing = facing + height * p["cos_light_azimuth"] * cos_e + 0.25 * sin_e
    key = p["light_intensity"] * ((facing + 0.25) / 1.25).clamp_min(0)
    light = key[:, None] * p["key_colour"] + (p["ambient"] * (0.4 + 0.6 * height))[:, None] * p["fill_colour"]
    nail = p["hand_skin"] * 0.75 + torch.tensor([0.20, 0.13, 0.12], device=along.device)[None, :, None, None]
    albedo = p["hand_skin"] * (1 - 0.22 * tint.clamp(-1, 0).abs())[:, None]
    albedo = torch.lerp(albedo, nail.expand_as(albedo), 0.55 * tint.clamp(0, 1)[:, None])
    hand = coverage(distance, pixel)
    shadow = coverage(distance - 0.03, 0.16) * (1 - hand)
    scene.shadow(rows, 0.40 * shadow)
    scene.cover(rows, "", hand, albedo * light)
    fold = 1 - 0.15 * ridge(along + 1.32, 0.03) - 0.4 * (across / 0.36).square().clamp_max(1)
    scene.cover(rows, "", coverage(sleeve, pixel), p["cloth"] * _ambient(p) * fold[:, None])


Surface = tuple[Tensor, Tensor, Tensor, Tensor]
"""Signed distance, tilt across in [-1, 1], height in [0, 1], and marks: -1 in creases, 1 on nails. (k, h, w) each."""


def _digit(
    across: Tensor,
    along: Tensor,
    x0: float,
    y0: float,
    x1: Tensor | float,
    y1: Tensor | float,
    radius: float,
) -> Surface:
    """A finger from (x0, y0) to (x1, y1), tapering towards its tip."""
    dx, dy = x1 - x0, y1 - y0
    square = dx * dx + dy * dy
    way = ((across - x0) * dx + (along - y0) * dy) / square
    on = way.clamp(0, 1)
    off_x, off_y = across - x0 - on * dx, along - y0 - on * dy
    away = (off_x.square() + off_y.square() + 1e-8).sqrt()
    thick = radius * (1 - 0.22 * on) * (1 + 0.06 * (ridge(on - 0.5, 0.08) + ridge(on, 0.12)))
    height = (1 - (away / thick).square().clamp_max(0.97)).sqrt()
    sideways = (off_x / thick).clamp(-1, 1)
    nail = coverage(ellipse(sideways, (way - 0.99) * 3.2, 0.62, 0.42), 0.25)
    crease = ridge(on - 0.50, 0.022) + 0.7 * ridge(on - 0.76, 0.018)
    return away - thick, sideways, height, nail - crease


def _nearer(a: Surface, b: Surface) -> Surface:
    """The surface that is further inside at each pixel."""
    first = a[0] < b[0]
    tilt, height, tint = (torch.where(first, x, y) for x, y in zip(a[1:], b[1:], strict=True))
    return torch.minimum(a[0], b[0]), tilt, height, tint
