"""SMN, the Style Manipulation Network: decodes structure and style into an image."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.layers import ModulatedBlock, ModulatedConv2d, upsample


class Generator(nn.Module):
    """Structure (B, C, h, w) and style (B, style_dim) -> image (B, 3, h * stride, w * stride), about [-1, 1].

    The style modulates every convolution, as in the Swapping Autoencoder (arXiv 2007.00653, section 3.1). Blocks work
    at 1/stride up to 1/4 of the image's resolution; two sub-pixel convolutions (arXiv 1609.05158) make the last two
    doublings, because convolutions at high resolution cost most and add least. The image is the sum of what every
    resolution adds to it (StyleGAN2's skip generator, arXiv 1912.04958, section 4.1), which trains fastest.
    """

    def __init__(self, structure_channels: int, style_dim: int, width: int, stride: int):
        super().__init__()
        widths = {4: [width], 8: [2 * width, width], 16: [2 * width, 2 * width, width]}[stride]
        self.stem = nn.Conv2d(structure_channels, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList([ModulatedBlock(channels, style_dim) for channels in widths])
        self.reduce = nn.ModuleList([nn.Conv2d(a, b, 1) for a, b in pairwise(widths)])
        self.fine = ModulatedConv2d(width, width, style_dim)
        self.to_rgb = nn.ModuleList([ModulatedConv2d(channels, 3, style_dim, kernel_size=1) for channels in widths])
        self.to_detail = ModulatedConv2d(width // 4, 12, style_dim)

    def forward(self, structure: Tensor, style: Tensor) -> Tensor:
        """Decode structure (B, C, h, w) with style (B, style_dim)."""
        x = self.blocks[0](self.stem(structure), style)
        image = self.to_rgb[0](x, style)
        for reduce, block, to_rgb in zip(self.reduce, self.blocks[1:], self.to_rgb[1:], strict=True):
            x = block(upsample(reduce(x)), style)
            image = upsample(image) + to_rgb(x, style)
        x = F.leaky_relu(F.pixel_shuffle(self.fine(x, style), 2), 0.2)
        return upsample(image, 4) + F.pixel_shuffle(self.to_detail(x, style), 2)
