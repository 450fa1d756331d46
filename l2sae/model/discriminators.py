"""The adversaries of training: one judges whole images, one whether patches share their texture.

Both follow the Swapping Autoencoder (arXiv 2007.00653, section 3.2 and appendix B), whose parts are StyleGAN2's
(arXiv 1912.04958): residual blocks, anti-aliased halving, an equalised learning rate. Neither is part of a trained
L2SAE.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_STD_GROUP = 4  # images whose variety is looked at together


class EqualConv2d(nn.Module):
    """Convolution with an equalised learning rate (arXiv 1710.10196, section 4.1), and a leaky ReLU of gain sqrt 2.

    Weights are drawn from N(0, 1) and scaled by 1 / sqrt(fan in) where they are used, so that every layer learns at
    the same pace under Adam.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel_size: int = 3, padding: int | None = None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels_out, channels_in, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(channels_out))
        self.scale = 1 / math.sqrt(channels_in * kernel_size**2)
        self.padding = kernel_size // 2 if padding is None else padding

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) -> (B, C_out, H', W')."""
        return _activated(F.conv2d(x, self.weight * self.scale, self.bias, padding=self.padding))


class EqualLinear(nn.Module):
    """Linear layer with an equalised learning rate; ``activate`` adds a leaky ReLU of gain sqrt 2."""

    def __init__(self, width_in: int, width_out: int, activate: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width_out, width_in))
        self.bias = nn.Parameter(torch.zeros(width_out))
        self.scale, self.activate = 1 / math.sqrt(width_in), activate

    def forward(self, x: Tensor) -> Tensor:
        """(B, width_in) -> (B, width_out)."""
        x = F.linear(x, self.weight * self.scale, self.bias)
        return _activated(x) if self.activate else x


class DownBlock(nn.Module):
    """Residual block of StyleGAN2's discriminator: (B, C_in, H, W) -> (B, C_out, H / 2, W / 2).

    Without ``halve`` the resolution stays.
    """

    def __init__(self, channels_in: int, channels_out: int, halve: bool = True):
        super().__init__()
        self.first = EqualConv2d(channels_in, channels_in)
        self.second = EqualConv2d(channels_in, channels_out)
        self.skip = nn.Conv2d(channels_in, channels_out, 1, bias=False)
        nn.init.normal_(self.skip.weight, std=1 / math.sqrt(channels_in))
        self.halve = halve

    def forward(self, x: Tensor) -> Tensor:
        """Reduce ``x`` (B, C_in, H, W)."""
        y = self.first(x)
        if self.halve:
            x, y = halved(x), halved(y)
        return (self.second(y) + self.skip(x)) * math.sqrt(0.5)


class ImageDiscriminator(nn.Module):
    """Images (B, 3, S, S) in [-1, 1] -> logits (B,), high for a real image.

    Channels double as the side halves, up to ``width``; with 512 at 256 pixels it is StyleGAN2's discriminator. A map
    of the batch's standard deviation lets it see a lack of variety (arXiv 1710.10196, section 3).
    """

    def __init__(self, image_size: int, width: int):
        super().__init__()
        side, levels = image_size, [_channels(image_size, width)]
        while side > 4:
            side = _half(side)
            levels.append(_channels(side, width))
        self.stem = EqualConv2d(3, levels[0], 1)
        self.blocks = nn.Sequential(*[DownBlock(a, b) for a, b in pairwise(levels)])
        self.last = EqualConv2d(levels[-1] + 1, levels[-1])
        self.head = nn.Sequential(
            EqualLinear(levels[-1] * side**2, levels[-1]), EqualLinear(levels[-1], 1, activate=False)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Judge ``images`` (B, 3, S, S)."""
        x = self.blocks(self.stem(images.contiguous(memory_format=torch.channels_last)))
        x = self.last(torch.cat([x, _batch_deviation(x)], dim=1))
        return self.head(x.flatten(1)).squeeze(1)


class PatchDiscriminator(nn.Module):
    """Patch co-occurrence (arXiv 2007.00653, section 3.2): does a patch come from the image of the reference patches?

    Every patch is reduced to features by the same blocks; those of the references are averaged.
    """

    def __init__(self, patch_size: int, width: int):
        super().__init__()
        side, levels = patch_size, [max(4, width // 12)]
        while side > 4:
            side = _half(side)
            levels.append(min(width, 2 * levels[-1]))
        blocks = [DownBlock(a, b) for a, b in pairwise(levels)]
        self.features = nn.Sequential(
            EqualConv2d(3, levels[0], 1), *blocks,
            DownBlock(levels[-1], width, halve=False), EqualConv2d(width, width, padding=0), nn.Flatten(),
        )  # fmt: skip
        found, hidden = width * (side - 2) ** 2, width * 16 // 3
        self.head = nn.Sequential(
            EqualLinear(2 * found, hidden), EqualLinear(hidden, hidden), EqualLinear(hidden, hidden // 2),
            EqualLinear(hidden // 2, 1, activate=False),
        )  # fmt: skip

    def forward(self, patches: Tensor, references: Tensor) -> Tensor:
        """Judge patches (B, N, 3, P, P) beside references (B, M, 3, P, P): logits (B, N), high for the same image."""
        found, known = self._features(patches), self._features(references).mean(dim=1, keepdim=True)
        pairs = torch.cat([found, known.expand_as(found)], dim=2)
        return self.head(pairs.flatten(0, 1)).view(found.shape[:2])

    def _features(self, patches: Tensor) -> Tensor:
        flat = patches.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        return self.features(flat).unflatten(0, patches.shape[:2])


def halved(x: Tensor) -> Tensor:
    """Half the resolution of (B, C, H, W) after a binomial filter of four taps, as in StyleGAN2."""
    taps = x.new_tensor([1, 3, 3, 1]) / 8
    kernel = torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)
    return F.conv2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


def _activated(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


def _channels(side: int, width: int) -> int:
    return max(4, min(width, width * 64 // side))


def _half(side: int) -> int:
    """What `halved` leaves of a side."""
    return (side - 2) // 2 + 1


def _batch_deviation(x: Tensor) -> Tensor:
    """Mean standard deviation within groups of images, as one more channel: (B, C, H, W) -> (B, 1, H, W)."""
    group = math.gcd(len(x), _STD_GROUP)
    spread = (x.unflatten(0, (group, -1)).var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
    return spread.repeat(group).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])
