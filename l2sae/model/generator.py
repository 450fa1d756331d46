"""SMN, the Style Manipulation Network: decodes structure and style into an image."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.layers import ModulatedBlock, ModulatedConv2d, upsample


class Generator(nn.Module):
    """Structure (B, C, h, w) and style (B, style_dim) -> image (B, 3, h * stride, w * stride), about [-1, 1].

    The style modulates every convolution, as in the Swapping Autoencoder (arXiv 2007.00653, section 3.1). Blocks work
    at 1/stride up to 1/4 of the image's resolution; two sub-pixel convolutions (arXiv 1609.05158) make the last two
    doublings, because convolutions at high resolution cost most and add least. The image is the sum of what every
    resolution adds to it (StyleGAN2's skip generator, arXiv 1912.04958, section 4.1), which trains fastest.

    Colours come in layers, one for each ROI and one for the rest, which the ROIs' mattes put together at full
    resolution: the edge between hair and wall is then as sharp as the matte, whatever the resolution of the features.

    With ``moments``, the style also adds one colour to each layer, by a linear map. Convolutions then need to learn
    only how colours vary within a region.
    """

    def __init__(
        self, structure_channels: int, style_dim: int, width: int, stride: int, regions: int, moments: bool = False
    ):
        super().__init__()
        widths = {4: [width], 8: [2 * width, width], 16: [2 * width, 2 * width, width]}[stride]
        self.stem = nn.Conv2d(structure_channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList([ModulatedBlock(channels, style_dim) for channels in widths])
        self.reduce = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in pairwise(widths)])
        self.fine = ModulatedConv2d(width, width, style_dim)
        self.to_rgb = nn.ModuleList([ModulatedConv2d(channels, 3, style_dim, kernel_size=1) for channels in widths])
        self.to_layers = ModulatedConv2d(width, 3 * (regions + 1), style_dim, kernel_size=1)
        self.to_colours = nn.Linear(style_dim, 3 * (regions + 1)) if moments else None
        self.to_detail = ModulatedConv2d(width // 4, 12, style_dim)

    def forward(self, structure: Tensor, style: Tensor, mattes: Tensor) -> Tensor:
        """Decode structure (B, C, h, w) with style (B, style_dim) and mattes (B, regions, H, W) in [0, 1]."""
        x = self.blocks[0](self.stem(structure), style)
        image = self.to_rgb[0](x, style)
        for reduce, block, to_rgb in zip(self.reduce, self.blocks[1:], self.to_rgb[1:], strict=True):
            x = block(upsample(reduce(x)), style)
            image = upsample(image) + to_rgb(x, style)
        layers = image.repeat(1, mattes.shape[1] + 1, 1, 1) + self.to_layers(x, style)
        if self.to_colours is not None:
            layers = layers + self.to_colours(style)[:, :, None, None]
        x = F.leaky_relu(F.pixel_shuffle(self.fine(x, style), 2), 0.2)
        return compose_layers(upsample(layers.contiguous(), 4), mattes) + F.pixel_shuffle(self.to_detail(x, style), 2)


def compose_layers(layers: Tensor, mattes: Tensor) -> Tensor:
    """Weigh layers (B, 3 (R + 1), H, W), the last one for what is in no ROI, by mattes (B, R, H, W) -> (B, 3, H, W)."""
    total = mattes.sum(dim=1, keepdim=True)
    weights = torch.cat([mattes / total.clamp(min=1), (1 - total).clamp(min=0)], dim=1)
    return (layers.unflatten(1, (-1, 3)) * weights[:, :, None]).sum(dim=1)
