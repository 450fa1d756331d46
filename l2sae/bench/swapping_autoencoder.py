"""A Swapping Autoencoder written the usual way: the reference that speed is compared with, never trained here.

Widths and depth are those of arXiv 2007.00653, appendix B, at 256 x 256 with a structure of 8 x 16 x 16 and a style of
2048. The parts are StyleGAN2's as first published: modulated convolutions with one weight a sample as a grouped
convolution, every blur a convolution of its own, float32, contiguous tensors.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.discriminators import EqualLinear

STRUCTURE, STYLE, SIZE = 8, 2048, 256
ENCODER_WIDTHS = (32, 64, 128, 256, 512)  # at 256, 128, 64, 32, 16
GLOBAL_WIDTHS = (512, 1024, 2048)
DECODER_WIDTHS = (512, 512, 512, 256, 128)  # at 16, 32, 64, 128, 256
HEAD_WIDTHS = (STRUCTURE, 256, 512)


class Conv(nn.Module):
    """Convolution with an equalised learning rate; ``stride`` 2 blurs first, ``activate`` adds a leaky ReLU."""

    def __init__(self, a: int, b: int, kernel: int = 3, stride: int = 1, activate: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(b, a, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(b)) if activate else None
        self.scale, self.stride = 1 / math.sqrt(a * kernel**2), stride
        self.padding = kernel // 2

    def forward(self, x: Tensor) -> Tensor:
        """(B, a, H, W) -> (B, b, H / stride, W / stride)."""
        if self.stride == 2:
            x = blur(x, 2 if self.weight.shape[-1] == 3 else 1)
        padding = 0 if self.stride == 2 else self.padding
        x = F.conv2d(x, self.weight * self.scale, stride=self.stride, padding=padding)
        return x if self.bias is None else activated(x + self.bias.view(1, -1, 1, 1))


class DownBlock(nn.Module):
    """Residual block that halves: (B, a, H, W) -> (B, b, H / 2, W / 2)."""

    def __init__(self, a: int, b: int):
        super().__init__()
        self.first, self.second = Conv(a, a), Conv(a, b, stride=2)
        self.skip = Conv(a, b, 1, stride=2, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        """Reduce (B, a, H, W)."""
        return (self.second(self.first(x)) + self.skip(x)) / math.sqrt(2)


class Modulated(nn.Module):
    """Modulated convolution with one weight a sample, as a grouped convolution (arXiv 1912.04958, appendix B)."""

    def __init__(self, a: int, b: int, kernel: int = 3, up: bool = False, demodulate: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, b, a, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(b))
        self.style = EqualLinear(STYLE, a, activate=False)
        nn.init.ones_(self.style.bias)
        self.scale, self.up, self.demodulate = 1 / math.sqrt(a * kernel**2), up, demodulate

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """(B, a, H, W) and style (B, 2048) -> (B, b, H, W), or twice the resolution."""
        batch, a, height, width = x.shape
        weight = self.scale * self.weight * self.style(style).view(batch, 1, a, 1, 1)
        if self.demodulate:
            weight = weight * torch.rsqrt(weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8)
        x = x.reshape(1, batch * a, height, width)
        b, kernel = self.weight.shape[1], self.weight.shape[-1]
        if self.up:
            weight = weight.transpose(1, 2).reshape(batch * a, b, kernel, kernel)
            x = F.conv_transpose2d(x, weight, stride=2, groups=batch).unflatten(1, (batch, b))[0]
            x = blur(x, 1, gain=4)
        else:
            weight = weight.view(batch * b, a, kernel, kernel)
            x = F.conv2d(x, weight, padding=kernel // 2, groups=batch).unflatten(1, (batch, b))[0]
        return x + self.bias.view(1, -1, 1, 1)


class ModulatedBlock(nn.Module):
    """Residual block of two modulated convolutions; ``up`` doubles the resolution."""

    def __init__(self, a: int, b: int, up: bool):
        super().__init__()
        self.first, self.second = Modulated(a, b, up=up), Modulated(b, b)
        self.skip, self.up = Conv(a, b, 1, activate=False), up

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Refine (B, a, H, W) under style (B, 2048)."""
        y = activated(self.second(activated(self.first(x, style)), style))
        x = self.skip(x)
        if self.up:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return (x + y) / math.sqrt(2)


class SwappingAutoencoder(nn.Module):
    """Images (B, 3, 256, 256) -> structure (B, 8, 16, 16) and style (B, 2048) -> images."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Conv(3, ENCODER_WIDTHS[0], 1)
        self.down = nn.Sequential(*[DownBlock(a, b) for a, b in pairwise(ENCODER_WIDTHS)])
        top = ENCODER_WIDTHS[-1]
        self.to_structure = nn.Sequential(Conv(top, top, 1), Conv(top, STRUCTURE, 1, activate=False))
        self.to_style = nn.Sequential(*[Conv(a, b, stride=2) for a, b in pairwise(GLOBAL_WIDTHS)])
        self.last = EqualLinear(STYLE, STYLE, activate=False)
        self.head = nn.ModuleList([ModulatedBlock(a, b, up=False) for a, b in pairwise(HEAD_WIDTHS)])
        self.up = nn.ModuleList([ModulatedBlock(a, b, up=True) for a, b in pairwise(DECODER_WIDTHS)])
        self.to_rgb = Modulated(DECODER_WIDTHS[-1], 3, kernel=1, demodulate=False)

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Structure (B, 8, 16, 16) and style (B, 2048), both of unit length along their channels."""
        x = self.down(self.stem(images))
        style = self.last(self.to_style(x).mean(dim=(2, 3)))
        return F.normalize(self.to_structure(x), dim=1), F.normalize(style, dim=1)

    def decode(self, structure: Tensor, style: Tensor) -> Tensor:
        """Images (B, 3, 256, 256)."""
        x = structure
        for block in [*self.head, *self.up]:
            x = block(x, style)
        return self.to_rgb(x, style)


def blur(x: Tensor, padding: int, gain: float = 1.0) -> Tensor:
    """Binomial filter of four taps a side, as a grouped convolution of its own."""
    taps = x.new_tensor([1, 3, 3, 1]) / 8 * math.sqrt(gain)
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, padding=padding, groups=x.shape[1])


def activated(x: Tensor) -> Tensor:
    """Leaky ReLU of gain sqrt 2."""
    return F.leaky_relu(x, 0.2) * math.sqrt(2)
