"""Joint upsampling: what is computed at the model's resolution is brought to the photo's own.

Mattes follow the photo's edges through a guided filter (He et al., TPAMI 2013) whose linear coefficients are computed
on a small picture and applied to the large one (the fast guided filter, He and Sun, arXiv 1505.00996). The photo is
worked through in strips of rows, so that memory does not grow with its size.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.model.threads import in_one_order
from l2sae.pictures.frames import CropFrame, Frame

LONG = 4  # times as long as wide: a strip
MIN_MATTE = 1 / 255  # weaker mattes are 0: they could not change an 8-bit pixel by more than one level
GUIDE_SIDE = 256  # pixels; the matte's coefficients are computed on a copy of the photo of at most this size
RADIUS, EPSILON = 16, 1e-3  # of the guided filter, in pixels of that copy and in squared intensities of [0, 1]
GAIN, LOSS = 4.0, 1.5  # how far the filter may go: matte m stays within [1 - 1.5 (1 - m), 4 m]; 0 stays 0, 1 stays 1
CONTRAST = 0.1  # fitted mattes are stretched from [0.1, 0.9] to [0, 1]: the filter leaves a haze on look-alikes


@dataclass(frozen=True)
class Guide:
    """A small square copy (B, 3, n, n) of the photo in [0, 1] with its local statistics, shared by all mattes."""

    image: Tensor
    mean: Tensor
    inverse: Tensor


@dataclass(frozen=True)
class Matte:
    """An ROI's matte for one photo; it can be read in strips of rows.

    Attributes:
        field: the matte, (B, 1, H, W) at the photo's own size if ``full_size``, else (B, 1, n, n) over the photo's
            square; or, where ``coarse`` is given, (B, 4, n, n): what to multiply the photo's R, G, B and 1 with.
        coarse: the matte before it was fitted to the photo, (B, 1, m, m).
        full_size: whether ``field`` has the photo's size.
        loss: how far fitting may lower the matte; see `LOSS`.
    """

    field: Tensor
    coarse: Tensor | None = None
    full_size: bool = False
    loss: float = LOSS

    def to(self, device: torch.device) -> "Matte":
        """The same matte on another device."""
        coarse = None if self.coarse is None else self.coarse.to(device)
        return Matte(self.field.to(device), coarse, self.full_size, self.loss)

    def rows(self, photo: Tensor, frame: Frame, start: int) -> Tensor:
        """The matte (B, 1, h, W) in [0, 1] for ``photo`` (B, 3, h, W) in [0, 1], the strip from row ``start``."""
        stop = start + photo.shape[2]
        fade = frame.fade(start, stop).to(photo) if isinstance(frame, CropFrame) else 1.0
        if self.full_size:
            return self.field[:, :, start:stop, frame.window[1]] * fade
        field = upsample_rows(self.field, frame, start, stop)
        if self.coarse is None:
            matte = field
        else:
            matte = (field[:, :3] * photo).sum(dim=1, keepdim=True) + field[:, 3:]
            matte = (matte - CONTRAST) / (1 - 2 * CONTRAST)
            coarse = upsample_rows(self.coarse, frame, start, stop)
            matte = matte.clamp(min=self.loss * coarse - (self.loss - 1), max=GAIN * coarse).clamp(min=0)
        matte = matte * fade
        return torch.where(matte < MIN_MATTE, 0.0, matte).clamp(max=1)


def make_guide(image: Tensor) -> Guide:
    """Statistics of a guide image (B, 3, n, n) in [0, 1]: local means and inverse local covariances (B, 3, 3, n, n)."""
    mean = box_mean(image, RADIUS)
    r, g, b = 0, 1, 2
    pairs = ((r, r), (r, g), (r, b), (g, g), (g, b), (b, b))
    products = box_mean(torch.stack([image[:, i] * image[:, j] for i, j in pairs], dim=1), RADIUS)
    rr, rg, rb, gg, gb, bb = (
        products[:, k] - mean[:, i] * mean[:, j] + (EPSILON if i == j else 0.0) for k, (i, j) in enumerate(pairs)
    )
    cofactors = [
        [gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg],
        [rb * gb - rg * bb, rr * bb - rb * rb, rg * rb - rr * gb],
        [rg * gb - rb * gg, rg * rb - rr * gb, rr * gg - rg * rg],
    ]
    determinant = rr * cofactors[0][0] + rg * cofactors[0][1] + rb * cofactors[0][2]
    inverse = torch.stack([torch.stack(row, dim=1) for row in cofactors], dim=1) / determinant[:, None, None]
    return Guide(image, mean, inverse)


def guided_matte(matte: Tensor, guide: Guide, loss: float = LOSS) -> Matte:
    """Fit a matte (B, 1, m, m) to the edges of its guide; 0 where it is 0 itself, and lowered as ``loss`` allows."""
    coarse = F.interpolate(matte, size=guide.image.shape[-2:], mode="bilinear", align_corners=False)
    mean = box_mean(coarse, RADIUS)
    covariance = box_mean(guide.image * coarse, RADIUS) - guide.mean * mean
    slope = torch.einsum("bijhw,bjhw->bihw", guide.inverse, covariance)
    offset = mean - (slope * guide.mean).sum(dim=1, keepdim=True)
    return Matte(box_mean(torch.cat([slope, offset], dim=1), RADIUS), matte, loss=loss)


def fit_field(field: Tensor, frame: Frame) -> Tensor:
    """Reduce a square field to the photo's square where it is larger, antialiased; else leave it."""
    if field.shape[-1] <= frame.side:
        return field
    return F.interpolate(field, size=(frame.side, frame.side), mode="bilinear", antialias=True)


def square_matte(matte: Tensor, frame: Frame, size: int) -> Tensor:
    """A matte (B, 1, H, W) of the photo's size as the model sees it, (B, 1, size, size) over its square or crop.

    Outside the photo its edge is repeated, as the photo's own is: a matte that reaches the edge is whole there.
    """
    if isinstance(frame, CropFrame):
        places = frame.crop.pixels(size) / (frame.width, frame.height) * 2 - 1
        grid = torch.from_numpy(places).to(matte).reshape(1, size, size, 2).expand(len(matte), -1, -1, -1)
        return F.grid_sample(matte, grid, mode="bilinear", padding_mode="border", align_corners=False)
    top, left, side = frame.top, frame.left, frame.side
    margins = (left, side - frame.width - left, top, side - frame.height - top)
    if side > LONG * min(frame.height, frame.width):  # a strip, of which the square would not fit into memory
        reduced = (frame.height, size) if frame.width == side else (size, frame.width)
        matte = F.interpolate(matte, size=reduced, mode="bilinear", antialias=True)
    return F.interpolate(F.pad(matte, margins, mode="replicate"), size=(size, size), mode="bilinear", antialias=True)


def upsample_rows(field: Tensor, frame: Frame, start: int, stop: int) -> Tensor:
    """Rows ``start`` to ``stop`` of the photo, (B, C, stop - start, W), bilinearly from a field (B, C, n, n).

    Where the photo has a crop, these are the columns of the crop's window alone.
    """
    if isinstance(frame, CropFrame):
        places = frame.places(start, stop).to(field).expand(field.shape[0], -1, -1, -1)
        return F.grid_sample(field, places, mode="bilinear", padding_mode="border", align_corners=False)
    size, side = field.shape[-1], frame.side
    if size == side:
        return field[:, :, frame.top + start : frame.top + stop, frame.left : frame.left + frame.width]
    rows = torch.arange(frame.top + start, frame.top + stop, device=field.device, dtype=torch.float32)
    place = ((rows + 0.5) * (size / side) - 0.5).clamp(0, size - 1)
    above = place.floor().long()
    below = (above + 1).clamp(max=size - 1)
    part = field[:, :, above].lerp(field[:, :, below], (place - above)[:, None])
    if side > LONG * frame.width:  # a strip: all other columns of the square would be computed for nothing
        columns = torch.arange(frame.left, frame.left + frame.width, device=field.device, dtype=torch.float32)
        place = ((columns + 0.5) * (size / side) - 0.5).clamp(0, size - 1)
        before = place.floor().long()
        return part[..., before].lerp(part[..., (before + 1).clamp(max=size - 1)], place - before)
    wide = F.interpolate(part, size=(stop - start, side), mode="bilinear", align_corners=False)
    return wide[..., frame.left : frame.left + frame.width]


def box_mean(x: Tensor, radius: int) -> Tensor:
    """Mean of (B, C, H, W) over a square window of 2 * radius + 1 pixels, of those inside the picture.

    Two products with banded matrices: on a CPU several times as fast as pooling with windows this large, and unlike
    running sums they leave an exact 0 where all is 0.
    """
    down, across = (_averages(size, radius, x) for size in x.shape[-2:])
    with in_one_order(x):
        return down @ (x @ across.T)


def _averages(size: int, radius: int, like: Tensor) -> Tensor:
    """The matrix (size, size) whose product with a line is its running mean."""
    place = torch.arange(size, device=like.device)
    near = ((place[:, None] - place).abs() <= radius).to(like.dtype)
    return near / near.sum(dim=1, keepdim=True)
