"""Random changes of training batches: recolouring of each ROI, geometry, light, and mild photometric damage.

All functions take and return images (B, 3, S, S) float in [-1, 1]. They draw on the device of an explicit generator;
the images may live on another.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from kornia.filters import gaussian_blur2d
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
_LIGHTNESS_SHIFT = 0.42  # of the [0, 1] range: from black hair to blond, and back
_TINT = 0.08  # standard deviation of each channel's own shift
_CONTRAST = 0.35  # natural logarithm of the largest gain
_SATURATION = (0.3, 1.5)
_CURVE = 0.5  # bend of the tone curve; 1 would be gamma 2 or its mirror
_MEAN_RANGE = (0.08, 0.9)  # where a ROI's mean may go without losing its texture to clipping

ROTATION = 20.0  # degrees
SCALE = (0.8, 1.25)
SHIFT = 0.1  # of the image's side
SHARPEST, BLURRIEST = 0.4, 3.4  # standard deviations of the blur, in pixels of 128
EXPOSURE, TEMPERATURE, TINT, GAMMA = 0.4, 0.15, 0.07, 0.3  # largest logarithms of gains and of the exponent
SATURATION = 0.5  # by how much colour may grow; it may vanish
NOISIEST = 0.4  # standard deviation of the noise in the range [-1, 1]


def recolour(
    images: Tensor, labels: Tensor, generator: torch.Generator, n_rois: int, background: float = 0.0
) -> Tensor:
    """Give each ROI of each image a colour of its own: random offset, gain, saturation and gamma.

    The offset moves a ROI's mean colour; gain and saturation act around that mean, so that texture survives; a
    quadratic tone curve stands for gamma. Blurring the label planes over 3 x 3 pixels leaves no seam to learn from.

    Args:
        images: (B, 3, S, S) in [-1, 1].
        labels: (B, S, S) integer ROI ids, 0 for the background.
        generator: source of all draws.
        n_rois: number of ROIs; the largest id.
        background: strength in [0, 1] of the change outside all ROIs; 0 leaves the background alone.

    Returns:
        (B, 3, S, S) in [-1, 1]; a new tensor.
    """
    rows = n_rois + 1
    pixels = images * 0.5 + 0.5
    strength = torch.ones(rows, 1, device=images.device)
    strength[0] = background
    means = _region_means(pixels, labels, rows)
    table = _colour_table(means, strength, generator).to(images.dtype)  # (B, 6, rows)
    ids = torch.arange(rows, dtype=labels.dtype, device=labels.device).view(1, rows, 1, 1)
    planes = F.pad((labels[:, None] == ids).to(images.dtype), (1, 1, 1, 1), mode="replicate")
    planes = F.conv2d(planes, planes.new_full((rows, 1, 3, 3), 1 / 9), groups=rows)  # faster than avg_pool2d on a CPU
    own, grey, offset, curve = (table @ planes.flatten(2)).unflatten(2, images.shape[-2:]).split([1, 1, 3, 1], dim=1)
    changed = (own * pixels).add_(grey * _grey(pixels)).add_(offset).clamp_(0, 1)
    changed = torch.addcmul(changed, curve * changed, 1 - changed)
    return changed.mul_(2).sub_(1)


def _region_means(pixels: Tensor, labels: Tensor, rows: int) -> Tensor:
    """Mean colour of each region, (B, rows, 3), from every fourth pixel; 0.5 where a region is absent."""
    sparse = pixels[:, :, 1::4, 1::4].flatten(2).transpose(1, 2)
    planes = F.one_hot(labels[:, 1::4, 1::4].flatten(1).long(), rows).to(pixels.dtype)
    counts = planes.sum(dim=1)[..., None]
    return torch.where(counts > 0, planes.transpose(1, 2) @ sparse / counts.clamp(min=1), 0.5)


def _colour_table(means: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
    """Draw the colour change of each region: gain, weight of grey, offset (3), curve; (B, 6, rows)."""
    batch, rows, _ = means.shape

    def uniform(channels: int, low: float, high: float) -> Tensor:
        drawn = torch.rand(batch, rows, channels, generator=generator, device=generator.device)
        return (drawn * (high - low) + low).to(means)

    tint = torch.randn(batch, rows, 3, generator=generator, device=generator.device).to(means) * _TINT
    shift = (uniform(1, -_LIGHTNESS_SHIFT, _LIGHTNESS_SHIFT) + tint) * strength
    low, high = (torch.full_like(means, limit) for limit in _MEAN_RANGE)
    target = torch.maximum(torch.minimum(means + shift, torch.maximum(high, means)), torch.minimum(low, means))
    # a lighter material reflects its shading more strongly
    brighter = (target.mean(-1, keepdim=True) / means.mean(-1, keepdim=True).clamp(min=0.02)).clamp(0.36, 3.2).sqrt()
    gain = (uniform(1, -_CONTRAST, _CONTRAST) * strength).exp() * brighter
    saturation = 1 + (uniform(1, *_SATURATION) - 1) * strength
    curve = uniform(1, -_CURVE, _CURVE) * strength
    own, grey = gain * saturation, gain * (1 - saturation)
    luma = means @ means.new_tensor(_LUMA)[:, None]
    offset = target - own * means - grey * luma
    return torch.cat([own, grey, offset, curve], dim=-1).transpose(1, 2)


def augment_geometry(
    images: Tensor,
    labels: Tensor,
    generator: torch.Generator,
    strength: float = 1.0,
    flip: Sequence[int] | None = None,
) -> tuple[Tensor, Tensor]:
    """Rotate, scale, shift and flip each image with its labels.

    Args:
        images: (B, 3, S, S) in [-1, 1]; what moves in from outside repeats the border.
        labels: (B, S, S) uint8 ROI ids; outside is 0.
        generator: source of all draws.
        strength: share of the full ranges (20 degrees, scale 0.8 to 1.25, shift 10 %); 0 returns the inputs.
        flip: ids after a flip, from `l2sae.data.schemes.flip_permutation`; None never flips.

    Returns:
        Images and labels of the same shapes and types.
    """
    if strength == 0:
        return images, labels
    draws = torch.rand(len(images), 5, generator=generator, device=generator.device).to(images.device) * 2 - 1
    angle = draws[:, 0] * math.radians(ROTATION) * strength
    zoom = torch.where(draws[:, 1] > 0, SCALE[1], 1 / SCALE[0]) ** (draws[:, 1] * strength)
    flipped = (
        (draws[:, 4] > 0) if flip is not None else torch.zeros(len(images), dtype=torch.bool, device=images.device)
    )
    mirror = 1 - 2 * flipped.to(images.dtype)
    cos, sin = angle.cos() / zoom, angle.sin() / zoom
    shift = draws[:, 2:4] * (2 * SHIFT * strength)
    theta = torch.stack([cos * mirror, -sin, shift[:, 0], sin * mirror, cos, shift[:, 1]], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
    planes = labels[:, None].to(images.dtype)
    ids = F.grid_sample(planes, grid, mode="nearest", padding_mode="zeros", align_corners=False)[:, 0].to(labels.dtype)
    if flip is not None:
        table = torch.tensor(flip, dtype=labels.dtype, device=labels.device)
        ids = torch.where(flipped[:, None, None], table[ids.long()], ids)
    return moved, ids


def vary_light(images: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Give each image another exposure, white balance, tone curve and saturation, background included.

    Args:
        images: (B, 3, S, S) in [-1, 1].
        generator: source of all draws.
        strength: share of the full ranges: two thirds to one and a half of the light, red against blue by up to 35 %,
            from grey to one and a half of the colour; 0 returns the input.

    Returns:
        (B, 3, S, S) in [-1, 1].
    """
    if strength == 0:
        return images
    draws = torch.rand(len(images), 5, generator=generator, device=generator.device).to(images.device) * 2 - 1
    exposure, temperature, tint, gamma, colour = (draws * strength).unbind(dim=1)
    light, warmth, green = EXPOSURE * exposure, TEMPERATURE * temperature, TINT * tint
    gains = torch.stack([light + warmth, light + green, light - warmth], dim=1).exp()[:, :, None, None]
    curved = ((images + 1) / 2).clamp(min=1e-4) ** (GAMMA * gamma).exp().view(-1, 1, 1, 1)
    grey = curved.mean(dim=1, keepdim=True)
    saturation = 1 + torch.where(colour < 0, colour, SATURATION * colour).view(-1, 1, 1, 1)
    return ((grey + saturation * (curved - grey)) * gains).clamp(0, 1) * 2 - 1


def damage_photo(images: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Blur some images, add noise to some, and take the colour from a few.

    Three of five damaged images are blurred, by a Gaussian of at most 3.4 pixels of 128, and three of five are noisy,
    by at most 51 8-bit levels; weak damage is the more frequent. A tenth as many images lose their colour.

    Args:
        images: (B, 3, S, S) in [-1, 1].
        generator: source of all draws.
        share: probability of damage; 0 returns the input.

    Returns:
        (B, 3, S, S) in [-1, 1].
    """
    if share == 0:
        return images
    draws = torch.rand(len(images), 5, generator=generator, device=generator.device).to(images.device)
    hit, kind, amount = draws[:, 0] < share, draws[:, 1], draws[:, 2:4] ** 1.5
    out = images.clone()
    if (blurred := hit & (kind < 0.6)).any():
        scale = images.shape[-1] / 128
        sigma = (SHARPEST + (BLURRIEST - SHARPEST) * amount[blurred, :1]) * scale
        taps = 2 * round(2.4 * BLURRIEST * scale) + 1
        out[blurred] = gaussian_blur2d(out[blurred], (taps, taps), sigma.expand(-1, 2))
    if (noisy := hit & (kind > 0.4)).any():
        noise = torch.randn(out[noisy].shape, generator=generator, device=generator.device).to(images)
        out[noisy] = (out[noisy] + noise * (NOISIEST * amount[noisy, 1]).view(-1, 1, 1, 1)).clamp(-1, 1)
    if (grey := draws[:, 4] < 0.1 * share).any():
        out[grey] = _grey(out[grey]).expand(-1, 3, -1, -1)
    return out


def _grey(images: Tensor) -> Tensor:
    red, green, blue = images.unbind(dim=1)
    return (red * _LUMA[0] + green * _LUMA[1] + blue * _LUMA[2])[:, None]
