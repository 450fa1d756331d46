"""Compositing: what the decoder says about an ROI is brought onto the photo's own pixels.

``replace`` is the paper's way (arXiv 2312.15037): matte x decoded picture + (1 - matte) x photo. ``detail`` keeps the
photo's own texture: the difference between decoded edit and decoded original shifts the colours of its pixels.

How it shifts them was chosen by measurement: three swaps of each ROI on each of 50 real photos, with a small model.
Adding the difference to sRGB transferred 0.391 of the style and clipped 4.8 % of the ROI's pixels; in CIELAB 0.396 and
6.3 %; in linear RGB 0.343 and 12 %; a gain on linear RGB 0.356 and 0.02 %. A gain on the odds of sRGB values with a
correction of the mean and a soft limit, used here, transferred 0.391 and clipped 0.2 %. Addition with the same limit
scores alike (0.393 and 0.4 %); by eye, it lays a veil over dark hair made fair. The variants were chosen and scored on
the same photos, so the figures compare them and promise nothing.

The decoder's error in the ROI's mean colour goes with the old style (see `recolouring`). Left in the result, as by a
plain difference, it cost a model of the default pipeline 0.045 of the transfer on rendered faces (0.714 instead of
0.759; lips 0.51 instead of 0.60), and one trained on portraits 0.012 (0.777, 0.789), with edges alike to 0.3 %.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Literal, get_args

import torch
from torch import Tensor

from l2sae.editing.resolution import Matte, box_mean, upsample_rows
from l2sae.pictures.errors import EditError
from l2sae.pictures.frames import Frame

Composition = Literal["detail", "replace"]
Window = tuple[EllipsisType, slice, slice]
COMPOSITIONS: tuple[str, ...] = get_args(Composition)
MAX_GAIN = 2.0  # more would magnify the noise and JPEG blocks of dark pixels
MAX_CONTRAST = 1.6  # of fine detail, and its inverse
MAX_SHADING = 1.4  # contrast of light and shadow within the region, relative to the photo's own in the new colour
VARIED = 0.4
"""Of what a decoded edit changes from place to place, the share that counts of references in a photo's light. An edit
of one change throughout comes nearer to the true pictures of skin, brows and lips, and less near to those of hair, eyes
and noses; something between is best on the whole, and by eye leaves no blotches."""
FINE = 2  # radius of the windows whose means are not fine detail, in pixels of the model
NOISE = 1e-5  # variance of lightness, 0 to 1, that is no texture
GREY = 5e-4  # square of a colour's distance from grey, 0 to 1, below which it has no hue to speak of
KNEE = 0.08  # of the range: an edit that comes closer to black or white is bent
_WINDOWS = 16  # the radius of local means is this fraction of the model's side
STRIP_PIXELS = 2**18  # few enough that a strip's intermediate values stay in the processor's cache


def check_composition(compose: str) -> None:
    """Raise an `EditError` that names the compositions if there is no such one."""
    if compose not in COMPOSITIONS:
        raise EditError(f"compose={compose!r}: give one of {', '.join(COMPOSITIONS)}")


@dataclass(frozen=True)
class Effect:
    """What happens to one ROI: ``field`` (B, C, n, n) over the square of ``frame``, within the ``matte``.

    The field holds the target colour in [0, 1] (C = 3) for ``replace``; log gain, offset and two changes of contrast
    (C = 8) for ``detail``.
    """

    field: Tensor
    matte: Matte
    frame: Frame


@dataclass(frozen=True)
class Step:
    """Effects applied at once: where their mattes sum to more than 1 they are divided by their sum."""

    effects: Sequence[Effect]
    strength: float


def replacement(new: Tensor) -> Tensor:
    """The field of ``replace``: the decoded edit (B, 3, n, n), from [-1, 1] to [0, 1]."""
    return (new + 1) / 2


def recolouring(photo: Tensor, old: Tensor, new: Tensor, matte: Tensor, varied: float = 1.0) -> Tensor:
    """The field of ``detail``, (B, 8, n, n): shifts the ROI's colour by ``new - old``, and changes its contrast alike.

    A gain on the odds t / (1 - t) of a pixel value t leaves black and white where they are, so that dark hair that
    becomes fair gets the contrast of fair hair instead of a veil. The gain is limited; the offset adds what is then
    missing for the local mean colour of the photo to change by exactly the decoded difference.

    First the decoded original is given the ROI's mean colour in the photo. Where it has another (red lips decoded as
    pale ones) its difference to the decoded edit would leave a rest of the old style in the result. The correction
    fades with the edit: it counts by d^2 / (d^2 + e^2), where d is the edit's change of the mean, e that error.

    Light and shadow of a reference are no style: where the decoded edit has far more of them within the region than the
    decoded original would have in the new colour, they are brought down to what the photo's light allows.

    Fine detail of the photo, its strands, pores and freckles, is then made stronger or weaker by as much as that of the
    decoded edit is stronger or weaker than that of the decoded original, within limits that keep noise and JPEG blocks
    unseen. What colour varies within the region, beyond what the decoder draws, shrinks with the region's colour: under
    grey skin the paler spots of red skin would turn green. At last the mean is settled, from which gain, contrast and
    the soft limit have moved it.

    Args:
        photo: the photo at model resolution, (B, 3, n, n) in [-1, 1].
        old: decoded original, likewise.
        new: decoded edit, likewise.
        matte: (B, 1, n, n) of the ROI, at the same resolution. Far from where it is above 0, the field is 0.
        varied: the share that counts of what the decoded edit changes from place to place; see `VARIED`.
    """
    result = photo.new_zeros(len(photo), 8, *photo.shape[-2:])
    radius = photo.shape[-1] // _WINDOWS
    # within `radius` of the matte the field is exact: all windows there lie in the box, or end at the picture's border
    box = support(matte, margin=2 * radius)
    photo, old, new = ((x[box].clamp(-1, 1) + 1) / 2 for x in (photo, old, new))
    matte = matte[box]
    error = _mean_inside(photo - old, matte)
    moved = _mean_inside(new - old, matte).square().sum(dim=1, keepdim=True)
    old = old + error * (moved / (moved + error.square().sum(dim=1, keepdim=True) + 1e-8))
    new = _evened(old, new, matte, varied)
    limit = math.log(MAX_GAIN)
    gain = (torch.logit(new, 0.02) - torch.logit(old, 0.02)).clamp(-limit, limit)
    # without fine detail, which `contrast` carries: it would draw the decoder's pattern on smooth dark hair
    gain = _local_mean(gain, matte, FINE, inside=0)
    # both continue beyond the decoded border, which is blurred: else a fringe of the old colour would stay
    gain = _local_mean(gain, matte, radius, inside=20)
    fade, bent = _colour_contrast(old, new, matte), _curve(photo, gain.exp())
    rest = photo - old
    wanted = new + fade * rest + (1 - fade) * _lightness(rest)
    shown = bent + _local_mean(wanted - bent, matte, radius, inside=0)
    contrast = torch.cat([fade - 1, _lightness_contrast(photo, old, new, shown, matte) - fade], dim=1)
    bent = _stretched(bent, contrast)
    offset = _local_mean(wanted - bent, matte, radius, inside=0)
    for _ in range(2):
        offset = offset + _mean_inside(wanted - _soft_limit(bent + offset, photo), matte)
    result[box] = torch.cat([gain, offset, contrast.expand(-1, -1, *matte.shape[-2:])], dim=1)
    return result


def _evened(old: Tensor, new: Tensor, matte: Tensor, varied: float) -> Tensor:
    """The decoded edit (B, 3, H, W), with less contrast within the region.

    It gets no more than `MAX_SHADING` of the contrast that the decoded original has in the new colour, and of what it
    then differs by from that picture, it keeps the share ``varied``.
    """
    before, after = (_mean_inside(picture, matte) for picture in (old, new))
    toned = _curve(old, (torch.logit(after, 0.02) - torch.logit(before, 0.02)).exp().expand_as(old))
    spreads = [_mean_inside((_lightness(x) - _mean_inside(_lightness(x), matte)).square(), matte) for x in (toned, new)]
    kept = (MAX_SHADING * ((spreads[0] + NOISE) / (spreads[1] + NOISE)).sqrt()).clamp(max=1)
    limited = after + (new - after) * kept
    if varied == 1:
        return limited
    evened = toned.lerp(limited, varied)
    return evened + after - _mean_inside(evened, matte)


def _stretched(x: Tensor, contrast: Tensor) -> Tensor:
    """X (B, 3, H, W) times 1 + the first of two values (B, 2, H, W), and its lightness times the second beside it."""
    return x.mul(1 + contrast[:, :1]).add_(contrast[:, 1:] * _lightness(x))


def _lightness(x: Tensor) -> Tensor:
    return x.mean(dim=1, keepdim=True)


def _colour_contrast(old: Tensor, new: Tensor, matte: Tensor) -> Tensor:
    """How much of its colour a region keeps, 0 to 1, along its own hue: the contrast (B, 1, 1, 1) of its colours."""
    own, edited = (mean - _lightness(mean) for mean in (_mean_inside(old, matte), _mean_inside(new, matte)))
    along, whole = ((own * other).sum(dim=1, keepdim=True) for other in (edited, own))
    return ((along + GREY) / (whole + GREY)).clamp(0, 1)


def _lightness_contrast(photo: Tensor, old: Tensor, new: Tensor, shown: Tensor, matte: Tensor) -> Tensor:
    """What fine detail in lightness has to be multiplied with, (B, 1, 1, 1), within the limits of `MAX_CONTRAST`.

    ``shown`` is the photo after the shift of colours, which has changed its detail already.
    """
    heart = matte.square().square()  # away from outlines, which are no texture

    def energy(picture: Tensor) -> Tensor:
        fine = _lightness(picture) - box_mean(_lightness(picture), FINE)
        return _mean_inside(fine.square(), heart) + NOISE

    ratio = energy(new) / energy(old) * energy(photo) / energy(shown)
    return ratio.sqrt().clamp(1 / MAX_CONTRAST, MAX_CONTRAST)


def support(matte: Tensor, margin: int = 0) -> Window:
    """Index of the box, with a margin, outside which a matte (B, C, H, W) is 0 in every image.

    Where the matte is 0 everywhere the box is empty.
    """
    above = (matte > 0).any(dim=1).any(dim=0)
    spans = []
    for axis in (0, 1):
        shown = above.any(dim=1 - axis).nonzero()
        first, last = (int(shown[0]) - margin, int(shown[-1]) + margin) if len(shown) else (0, -1)
        spans.append(slice(max(0, first), last + 1))
    return (..., spans[0], spans[1])


def composite_photo(photo: Tensor, steps: Sequence[Step], compose: str) -> Tensor:
    """Apply steps to a photo (H, W, 3) uint8, one after the other.

    Args:
        photo: what is edited.
        steps: what to do, in order.
        compose: ``detail`` or ``replace``.

    Returns:
        The edited photo, (H, W, 3) uint8. Pixels at which every matte is 0 are the photo's own.
    """
    result = photo.clone()
    for rows, columns in _strips(steps):
        strip = photo[rows, columns]
        x = strip.permute(2, 0, 1)[None].float() / 255
        edited, touched = _edit_strip(x, rows, columns, steps, compose)
        rounded = (edited * 255).round().to(torch.uint8)[0].permute(1, 2, 0)
        result[rows, columns] = torch.where(touched[0].permute(1, 2, 0), rounded, strip)
    return result


def composite_images(images: Tensor, steps: Sequence[Step], compose: str) -> Tensor:
    """Apply steps to images (B, 3, H, W) in [-1, 1]; see `composite_photo`."""
    result = images.clone()
    for rows, columns in _strips(steps):
        strip = images[:, :, rows, columns]
        edited, touched = _edit_strip((strip.float() + 1) / 2, rows, columns, steps, compose)
        result[:, :, rows, columns] = torch.where(touched, (edited * 2 - 1).to(images.dtype), strip)
    return result


def _strips(steps: Sequence[Step]) -> Iterator[tuple[slice, slice]]:
    """The window of all effects in strips of rows that stay in the processor's cache."""
    windows = [effect.frame.window for step in steps for effect in step.effects]
    if not windows:
        return
    top, bottom = min(rows.start for rows, _ in windows), max(rows.stop for rows, _ in windows)
    columns = slice(min(columns.start for _, columns in windows), max(columns.stop for _, columns in windows))
    height = max(1, STRIP_PIXELS // max(1, columns.stop - columns.start))
    for start in range(top, bottom, height):
        yield slice(start, min(start + height, bottom)), columns


def _edit_strip(x: Tensor, rows: slice, columns: slice, steps: Sequence[Step], compose: str) -> tuple[Tensor, Tensor]:
    """The edited strip (B, 3, h, w) in [0, 1] and where any matte is above 0, (B, 1, h, w)."""
    photo, touched = x, torch.zeros_like(x[:, :1], dtype=torch.bool)
    for step in steps:
        mattes = [_matte_rows(effect, photo, rows, columns) for effect in step.effects]
        total = sum(mattes[1:], mattes[0])
        edited = x.clone()
        for effect, matte in zip(step.effects, mattes, strict=True):
            box = support(matte)  # pixels outside cost nothing
            part, share = x[box], matte[box] / total[box].clamp(min=1)
            if part.numel():
                field = _field_box(effect, rows, columns, box)
                edited[box] += share * (_target(part, field, compose, step.strength) - part)
        x = edited.clamp_(0, 1)
        touched = touched | (total > 0)
    return x, touched


def _matte_rows(effect: Effect, photo: Tensor, rows: slice, columns: slice) -> Tensor:
    """An effect's matte (B, 1, h, w) in a strip, 0 outside its frame's window."""
    shown, across = effect.frame.window
    first, last = max(rows.start, shown.start), min(rows.stop, shown.stop)
    if (first, last, across) == (rows.start, rows.stop, columns):
        return effect.matte.rows(photo, effect.frame, first)
    matte = torch.zeros_like(photo[:, :1])
    if first < last:
        within = slice(across.start - columns.start, across.stop - columns.start)
        inside = (..., slice(first - rows.start, last - rows.start), within)
        matte[inside] = effect.matte.rows(photo[inside], effect.frame, first)
    return matte


def _field_box(effect: Effect, rows: slice, columns: slice, box: Window) -> Tensor:
    """An effect's field in a box of a strip, which lies in its frame's window."""
    _, down, across = box
    field = upsample_rows(effect.field, effect.frame, rows.start + down.start, rows.start + down.stop)
    left = columns.start - effect.frame.window[1].start
    return field[..., left + across.start : left + across.stop]


def _target(x: Tensor, field: Tensor, compose: str, strength: float) -> Tensor:
    if compose == "replace":
        return x.lerp(field, strength)
    bent = _stretched(_curve(x, (strength * field[:, :3]).exp()), strength * field[:, 6:])
    return _soft_limit(bent.add_(field[:, 3:6], alpha=strength), x)


def _curve(t: Tensor, gain: Tensor) -> Tensor:
    """Multiply the odds of t in [0, 1] by ``gain``; 0 and 1 are fixed points, gain 1 is the identity."""
    return (t * gain).div_((gain - 1).mul_(t).add_(1))  # in place: fresh memory would cost as much as the arithmetic


def _mean_inside(values: Tensor, matte: Tensor) -> Tensor:
    """Mean (B, C, 1, 1) of values (B, C, H, W) within a matte (B, 1, H, W)."""
    weighted = (values * matte).sum(dim=(2, 3), keepdim=True)
    return weighted / (matte.sum(dim=(2, 3), keepdim=True) + 1e-6)


def _local_mean(field: Tensor, matte: Tensor, radius: int, inside: float) -> Tensor:
    """Mean of what lies inside the matte nearby; a pixel's own value counts ``inside`` times more, if it is inside."""
    weighted = torch.cat([field * matte, matte], dim=1)
    mixed = box_mean(weighted, radius)
    if inside:
        mixed.add_(weighted.mul_(inside))
    return mixed[:, :-1] / (mixed[:, -1:] + 1e-6)


def _soft_limit(y: Tensor, x: Tensor) -> Tensor:
    """Bend values ``y`` that come close to 0 or 1, or go beyond, so that they stay apart instead of clipping.

    What is no closer to the limit than a pixel's original ``x`` stays as it is; so no change makes no change.
    """
    high = x.clamp(1 - KNEE, 1)
    low = x.clamp(0, KNEE)
    over, under = (y - high).clamp_(min=0), (low - y).clamp_(min=0)
    return y - _bent(over, 1 - high) + _bent(under, low)


def _bent(beyond: Tensor, room: Tensor) -> Tensor:
    """What to take off values that go ``beyond`` by u: u - m u / (m + u), of slope 0 at 0, which leaves at most m."""
    kept = (room * beyond).div_((room + beyond).add_(1e-6))
    return beyond.sub_(kept)
