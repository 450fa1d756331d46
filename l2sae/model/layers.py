"""Building blocks shared by the encoders, the generator and the mask predictor."""

import math
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.threads import FEW_PLACES, in_one_order

OPPONENT = (  # axes of opponent colours in RGB
    (3**-0.5, 3**-0.5, 3**-0.5),
    (2**-0.5, -(2**-0.5), 0.0),
    (6**-0.5, 6**-0.5, -2 * 6**-0.5),
)


class GroupNorm(nn.GroupNorm):
    """Group normalisation with about 16 channels a group: independent of batch size, so edits do not depend on it."""

    def __init__(self, channels: int):
        super().__init__(math.gcd(channels, max(1, channels // 16)), channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W), likewise."""
        with in_one_order(x):
            return super().forward(x)


class Conv2d(nn.Conv2d):
    """A convolution; what it makes of single places, 1 x 1, or of few, does not depend on the number of threads."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H', W')."""
        shared_out = self.kernel_size == (1, 1) or x.shape[2] * x.shape[3] <= FEW_PLACES
        with in_one_order(x) if shared_out else nullcontext():
            return super().forward(x)


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with group normalisation, added to their input: (B, C_in, H, W) -> (B, C_out, H, W)."""

    def __init__(self, channels_in: int, channels_out: int):
        super().__init__()
        self.body = nn.Sequential(
            GroupNorm(channels_in),
            nn.SiLU(),
            Conv2d(channels_in, channels_out, 3, padding=1),
            GroupNorm(channels_out),
            nn.SiLU(),
            Conv2d(channels_out, channels_out, 3, padding=1),
        )
        self.skip = nn.Identity() if channels_in == channels_out else Conv2d(channels_in, channels_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H, W)."""
        return self.skip(x) + self.body(x)


class ModulatedConv2d(nn.Module):
    """Style-modulated and demodulated convolution (StyleGAN2, arXiv 1912.04958, section 2.2).

    Scaling the input by the style and the output by the demodulation equals scaling each sample's weights, and keeps
    one dense convolution for the whole batch instead of a grouped one.

    Args of forward: ``x`` (B, C_in, H, W), ``style`` (B, style_dim). Returns (B, C_out, H, W).
    """

    def __init__(self, channels_in: int, channels_out: int, style_dim: int, kernel_size: int = 3):
        super().__init__()
        self.conv = Conv2d(channels_in, channels_out, kernel_size, padding=kernel_size // 2, bias=False)
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.to_scale = nn.Linear(style_dim, channels_in)
        nn.init.normal_(self.to_scale.weight, std=1 / math.sqrt(style_dim))
        nn.init.ones_(self.to_scale.bias)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Convolve ``x`` (B, C_in, H, W) with weights scaled by ``style`` (B, style_dim)."""
        scale = self.to_scale(style)
        power = self.conv.weight.square().sum(dim=(2, 3))
        demodulation = torch.rsqrt(scale.square() @ power.T + 1e-8)
        return torch.addcmul(
            self.bias[:, None, None], self.conv(x * scale[:, :, None, None]), demodulation[:, :, None, None]
        )


class ModulatedBlock(nn.Module):
    """Two modulated convolutions added to their input, as one layer of the generator."""

    def __init__(self, channels: int, style_dim: int):
        super().__init__()
        self.first = ModulatedConv2d(channels, channels, style_dim)
        self.second = ModulatedConv2d(channels, channels, style_dim)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Refine ``x`` (B, channels, H, W) under ``style`` (B, style_dim)."""
        y = F.leaky_relu(self.first(x, style), 0.2)
        y = F.leaky_relu(self.second(y, style), 0.2)
        return (x + y) * math.sqrt(0.5)


def upsample(x: Tensor, factor: int = 2) -> Tensor:
    """Bilinear upsampling of (B, C, H, W) by an integer factor."""
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


def layer_shares(mattes: Tensor) -> Tensor:
    """The share of each ROI, and of what is in none, in each pixel: mattes (B, R, H, W) -> (B, R + 1, H, W)."""
    total = mattes.sum(dim=1, keepdim=True)
    return torch.cat([mattes / total.clamp(min=1), (1 - total).clamp(min=0)], dim=1)


def region_means(values: Tensor, shares: Tensor) -> Tensor:
    """Means (B, R, C) of ``values`` (B, C, H, W) under each of the ``shares`` (B, R, H, W); 0 where there is none."""
    return region_sums(values, shares) / (shares.sum(dim=(2, 3)) + 1e-8)[..., None]


def region_sums(values: Tensor, shares: Tensor) -> Tensor:
    """Sums (B, R, C) of ``values`` (B, C, H, W), each pixel times its ``shares`` (B, R, H, W)."""
    with in_one_order(values):
        return torch.einsum("brhw,bchw->brc", shares, values)


def opponent_colours(images: Tensor) -> Tensor:
    """RGB (B, 3, H, W) -> lightness, red against green, and yellow against blue; an orthonormal change of axes."""
    return torch.einsum("oc,bchw->bohw", images.new_tensor(OPPONENT), images)
