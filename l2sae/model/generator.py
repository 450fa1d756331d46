"""SMN, the Style Manipulation Network: decodes structure and style into an image."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.layers import (
    OPPONENT,
    Conv2d,
    ModulatedBlock,
    ModulatedConv2d,
    layer_shares,
    region_means,
    upsample,
)  # fmt: skip

ROUNDS = 3  # of shifts that bring the regions' means to their colours


class Generator(nn.Module):
    """Structure (B, C, h, w) and style (B, style_dim) -> image (B, 3, h * stride, w * stride), about [-1, 1].

    The style modulates every convolution, as in the Swapping Autoencoder (arXiv 2007.00653, section 3.1). Blocks work
    at 1/stride up to 1/4 of the image's resolution; two sub-pixel convolutions (arXiv 1609.05158) make the last two
    doublings, because convolutions at high resolution cost most and add least. The image is the sum of what every
    resolution adds to it (StyleGAN2's skip generator, arXiv 1912.04958, section 4.1), which trains fastest.

    Colours come in layers, one for each ROI and one for the rest, which the ROIs' mattes put together at full
    resolution: the edge between hair and wall is then as sharp as the matte, whatever the resolution of the features.

    With ``moments``, the style ends with the mean colour of each layer, and what is drawn is given these means, see
    `with_colours`. The networks then need to learn only how colours vary within a region. With ``relief``, single
    pixels add their lightness, see `Relief`: most of what blocks at 1/4 of the resolution cannot draw is detail finer
    than that.
    """

    def __init__(
        self,
        structure_channels: int,
        style_dim: int,
        width: int,
        stride: int,
        regions: int,
        moments: bool = False,
        relief: bool = False,
    ):
        super().__init__()
        widths = {4: [width], 8: [2 * width, width], 16: [2 * width, 2 * width, width]}[stride]
        self.stem = nn.Conv2d(structure_channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList([ModulatedBlock(channels, style_dim) for channels in widths])
        self.reduce = nn.ModuleList([Conv2d(a, b, 1) for a, b in pairwise(widths)])
        self.fine = ModulatedConv2d(width, width, style_dim)
        self.to_rgb = nn.ModuleList([ModulatedConv2d(channels, 3, style_dim, kernel_size=1) for channels in widths])
        self.to_layers = ModulatedConv2d(width, 3 * (regions + 1), style_dim, kernel_size=1)
        self.colours = 3 * (regions + 1) if moments else 0  # values at the style's end
        self.relief = Relief(structure_channels, style_dim, stride, regions) if relief else None
        self.to_detail = ModulatedConv2d(width // 4, 12, style_dim)

    def forward(self, structure: Tensor, style: Tensor, mattes: Tensor) -> Tensor:
        """Decode structure (B, C, h, w) with style (B, size) and mattes (B, regions, H, W) in [0, 1]."""
        look, colours = style.split([style.shape[1] - self.colours, self.colours], dim=1)
        shares = layer_shares(mattes)
        image = self._draw(structure, look, shares)
        return with_colours(image, colours.unflatten(1, (-1, 3)), shares.detach()) if self.colours else image

    def _draw(self, structure: Tensor, style: Tensor, shares: Tensor) -> Tensor:
        x = self.blocks[0](self.stem(structure), style)
        image = self.to_rgb[0](x, style)
        for reduce, block, to_rgb in zip(self.reduce, self.blocks[1:], self.to_rgb[1:], strict=True):
            x = block(upsample(reduce(x)), style)
            image = upsample(image) + to_rgb(x, style)
        layers = image.repeat(1, shares.shape[1], 1, 1) + self.to_layers(x, style)
        x = F.leaky_relu(F.pixel_shuffle(self.fine(x, style), 2), 0.2)
        image = compose_layers(upsample(layers.contiguous(), 4), shares) + F.pixel_shuffle(self.to_detail(x, style), 2)
        return image if self.relief is None else image + self.relief(structure, style, shares)


def with_colours(image: Tensor, colours: Tensor, shares: Tensor) -> Tensor:
    """Move the mean colour of each layer of an image to the given one.

    Where soft layers overlap, a shift of one moves its neighbours' means as well; ``ROUNDS`` shifts settle that.

    Args:
        image: (B, 3, H, W) RGB.
        colours: opponent colours (B, R + 1, 3), those of the rest last.
        shares: of the layers, from `layer_shares`, (B, R + 1, H, W).
    """
    mixing = region_means(shares, shares)
    missing = colours @ colours.new_tensor(OPPONENT) - region_means(image, shares)
    shift = missing
    for _ in range(ROUNDS - 1):
        shift = shift + missing - mixing @ shift
    return image + torch.einsum("brhw,brc->bchw", shares, shift)


class Relief(nn.Module):
    """What single pixels add to the picture: (B, 3, H, W), from the structure by one linear map.

    The map gives each pixel a lightness. The style gives each layer a contrast for each colour, by which it is
    multiplied, so that strands of fair hair may differ more than those of dark hair.
    """

    def __init__(self, structure_channels: int, style_dim: int, stride: int, regions: int):
        super().__init__()
        self.stride = stride
        self.pixels = nn.Conv2d(structure_channels, stride**2, 3, padding=1)
        self.contrast = nn.Linear(style_dim, 3 * (regions + 1))
        nn.init.normal_(self.contrast.weight, std=0.1 / math.sqrt(style_dim))
        nn.init.ones_(self.contrast.bias)

    @torch.no_grad()
    def invert(self, head: nn.Conv2d) -> None:
        """Begin as the inverse of what the structure encoder's last layer, ``head``, makes of a cell's pixels.

        Both begin with orthonormal weights in the middle of their kernels, so that detail passes from the first step.
        """
        cells = self.pixels.weight.shape[0]
        basis = nn.init.orthogonal_(torch.empty(head.weight.shape[0], cells))
        for weight, values in ((head.weight[:, -cells:], basis), (self.pixels.weight, basis.T)):
            weight.zero_()
            weight[:, :, 1, 1] = values

    def forward(self, structure: Tensor, style: Tensor, shares: Tensor) -> Tensor:
        """Structure (B, C, h, w), style (B, style_dim) and shares (B, regions + 1, H, W) -> (B, 3, H, W)."""
        contrast = self.contrast(style).unflatten(1, (-1, 3))
        lightness = F.pixel_shuffle(self.pixels(structure), self.stride)
        return torch.einsum("brhw,brc->bchw", shares, contrast) * lightness


def compose_layers(layers: Tensor, shares: Tensor) -> Tensor:
    """Weigh layers (B, 3 (R + 1), H, W), the last for what is in no ROI, by shares (B, R + 1, H, W) -> (B, 3, H, W)."""
    return (layers.unflatten(1, (-1, 3)) * shares[:, :, None]).sum(dim=1)
