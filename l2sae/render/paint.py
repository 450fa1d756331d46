"""The picture: the layers of a head from front to back, what occludes it, and the camera."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from l2sae.render import features, head, scene
from l2sae.render.fields import Frame, Params, Picked, coverage, enlarge, head_frame, pixel_centres, ramp
from l2sae.render.hair import Hair, hair
from l2sae.render.occluders import Scene, add_occluders


@dataclass(frozen=True)
class Noise:
    """Noise of n faces: of hair (n, 1, T, T), background (n, 3, B, B), skin (n, 1, M, M), beard (n, 1, h, w), sensor.

    The sensor's is (n, 3, H, W) uint8, all others normal.
    """

    texture: Tensor
    blobs: Tensor
    mottle: Tensor
    grain: Tensor
    sensor: Tensor


def paint(p: Params, size: int, noise: Noise) -> tuple[Tensor, dict[str, Tensor], Tensor]:
    """Paint n faces; whatever is smooth is evaluated on a grid of half the size and enlarged.

    Args:
        p: parameters, (n, 1, 1) each, colours (n, 3, 1, 1).
        size: height and width of the pictures.
        noise: of every face.

    Returns:
        The pictures (n, 3, H, W) in [-1, 1], the visible share of every part, (n, H, W) each, and the share of each
        face that occluders hide, (n,).
    """

    def grow(field: Tensor) -> Tensor:
        return enlarge(field, size)

    axis = pixel_centres(max(size // 2, 32), noise.texture.device)
    frame = head_frame(p, axis[None, None, :], axis[None, :, None], size)
    edge = frame.pixel
    skull = head.outline(p, frame)
    outline = grow(skull)
    cut = hair(p, frame, skull, noise.texture, grow)
    fine = enlarge(noise.grain, len(axis))[:, 0]
    patches = enlarge(noise.mottle, len(axis))[:, 0]
    beard = grow(head.beard_cover(p, frame))
    hairs = grow(fine)
    canvas = features.Canvas(head.with_beard(p, grow(head.skin_colour(p, frame, patches, fine)), beard, hairs), {})
    features.nose(p, canvas)
    features.lips(p, canvas)
    features.eyes(p, canvas, hairs)

    key, fill, gloss = head.illumination(p, frame)
    light = (p["light_intensity"] * key * cut.shade)[:, None] * p["key_colour"]
    light = grow(light + (p["ambient"] * fill * (0.55 + 0.45 * cut.shade))[:, None] * p["fill_colour"])
    wet = (grow(gloss * p["oil"] * cut.shade) + 0.25 * canvas.alphas.pop("shine")) * (1 - beard)
    face = torch.addcmul(canvas.albedo * light, wet[:, None], 0.35 * p["light_intensity"][:, None] * p["key_colour"])

    layers, right = _layers(p, frame, cut, (coverage(outline, edge), face), grow)
    image, shares = _stack(layers, scene.background(p, noise.blobs, size))
    painted = Scene(image, shares, outline, cut.outer, light, cut.colour)
    _add_glasses(p, painted, edge)
    hidden = add_occluders(p, painted)
    ears = shares.pop("ears")
    shares["l_ear"] = ears * right
    shares["r_ear"] = ears - shares["l_ear"]
    for part in ("hat", "eye_g"):
        shares.setdefault(part, torch.zeros_like(ears))
    shares |= _split_face(shares.pop("face"), canvas.alphas)
    return scene.camera(p, image, noise.sensor), shares, hidden


Layer = tuple[str, Tensor, Tensor, Tensor | float]
"""A part, its alpha (n, H, W), its colour, broadcastable to (n, 3, H, W), and the light on it, to (n, H, W)."""


def _layers(
    p: Params, frame: Frame, cut: Hair, face: tuple[Tensor, Tensor], grow: Callable[[Tensor], Tensor]
) -> tuple[list[Layer], Tensor]:
    """The layers front to back, and where the picture's right ear would be, (n, H, W)."""
    edge = frame.pixel
    around = 0.8 * p["ambient"][:, None] * p["fill_colour"] + 0.6 * p["light_intensity"][:, None] * p["key_colour"]
    distance, shade, side = head.ears(p, frame)
    near = ramp(-side * p["sin_yaw"], 0.10, 0.22)  # the ear on the side that faces us lies on the head
    ears, in_front = coverage(grow(distance), edge) * p["hair_ears"], grow(near)
    ear_colour, ear_light = p["ear"] * around, grow(shade)
    neck_distance, neck_light = head.neck(p, frame)
    cloth_distance, lit_cloth = scene.clothes(p, frame)
    layers: list[Layer] = [
        ("ears", ears * in_front, ear_colour, ear_light),
        ("hair", cut.front, cut.colour, 1.0),
        ("face", *face, 1.0),
        ("ears", ears, ear_colour, ear_light),
        ("cloth", coverage(grow(cloth_distance), edge), grow(lit_cloth), 1.0),
        ("neck", coverage(grow(neck_distance), edge), p["skin"] * around, grow(0.95 * neck_light)),
        ("hair", cut.back, cut.colour, 0.55),
    ]
    return layers, 0.5 + 0.5 * grow(side)


def _stack(layers: Sequence[Layer], backdrop: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Composite from front to back: linear light (n, 3, H, W) and the visible share of each part."""
    clear = torch.ones_like(layers[0][1])
    image = torch.zeros_like(backdrop)
    shares: dict[str, Tensor] = {}
    for part, alpha, colour, light in layers:
        share = clear * alpha
        image.addcmul_(colour, (share * light)[:, None])
        clear.sub_(share)
        shares[part] = shares[part].add_(share) if part in shares else share
    return image.addcmul_(backdrop, clear[:, None]), shares


def _add_glasses(p: Params, painted: Scene, edge: Tensor) -> None:
    rows = torch.nonzero(p["glasses"].flatten()).flatten()
    if len(rows):
        worn = Picked(p, rows)
        frames = features.glasses(worn, painted.image.shape[-1]) * coverage(painted.outline[rows] - 0.04, edge[rows])
        ambient = (worn["ambient"] * 0.8 + worn["light_intensity"] * 0.6)[:, None]
        painted.cover(rows, "eye_g", frames, worn["frame_colour"] * ambient)


def _split_face(face: Tensor, alphas: dict[str, Tensor]) -> dict[str, Tensor]:
    """Divide the face's visible share among its features; what they leave is skin."""
    order = ("l_eye", "r_eye", "l_brow", "r_brow", "u_lip", "l_lip", "mouth", "nose")
    shares: dict[str, Tensor] = {}
    for part in order:
        shares[part] = face * alphas[part]
        face = face - shares[part]
    return shares | {"skin": face}
