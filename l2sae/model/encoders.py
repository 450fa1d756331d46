"""The two encoders: where things are (structure) and what they look like (style)."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.layers import (
    Conv2d,
    GroupNorm,
    ResidualBlock,
    layer_shares,
    opponent_colours,
    region_means,
    region_sums,
    upsample,
)  # fmt: skip

VARIANCE = 1e-4  # added to variances: the square root's slope stays finite where a region has one colour
ABSENT, FAINT = 1e-4, 1e-6  # weight of every cell, and pixel, in every region: an absent one pools the whole image
PATCH = 4  # stride of the style encoder's stem: convolutions at full resolution would cost more than all the rest


class StructureEncoder(nn.Module):
    """Image (B, 3, H, W) -> structure tensor (B, channels, H / stride, W / stride), for strides 4, 8 and 16.

    U-shaped (arXiv 1505.04597): features go from 1/2 of the resolution down to 1/16, where every place sees the whole
    image, without which hair and a dark background cannot be told apart, and back up to 1/2, without which the edges of
    eyes and lips cannot be placed. What lies in one cell of the structure then becomes channels (space to depth).
    ``width`` is the number of channels at 1/2.

    With ``relief``, the last layer also sees by how much each pixel of a cell is lighter than the cell, so that detail
    has a way into the structure that needs no learning of features.
    """

    def __init__(self, channels: int, width: int, stride: int, relief: bool = False):
        super().__init__()
        self.stride, self.relief = stride, relief
        widths = (width, 2 * width, 4 * width, 6 * width)
        self.stem = nn.Conv2d(3, width, 4, stride=2, padding=1)
        self.down = nn.ModuleList(
            [
                ResidualBlock(width, width),
                *(
                    nn.Sequential(nn.Conv2d(a, b, 3, stride=2, padding=1), ResidualBlock(b, b))
                    for a, b in pairwise(widths)
                ),
            ]
        )
        self.bottom = ResidualBlock(widths[-1], widths[-1])
        self.up = nn.ModuleList([ResidualBlock(a + b, a) for a, b in pairwise(widths)])
        self.norm = GroupNorm(width)
        cell = (stride // 2) ** 2  # places of the features in one of the structure
        depth = max(1, 4 * width // cell)
        self.gather = nn.Sequential(Conv2d(width, depth, 1), nn.PixelUnshuffle(stride // 2), nn.SiLU())
        self.head = nn.Conv2d(depth * cell + 3 + (stride**2 if relief else 0), channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images (B, 3, H, W) in [-1, 1]."""
        x, pyramid = self.stem(images), []
        for level in self.down:
            x = level(x)
            pyramid.append(x)
        x = self.bottom(pyramid.pop())
        for up in reversed(self.up):
            x = up(torch.cat([pyramid.pop(), upsample(x)], dim=1))
        # the reduced image beside the features is a code to start learning from
        code = [self.gather(F.silu(self.norm(x))), F.avg_pool2d(images, self.stride)]
        if self.relief:
            pixels = F.pixel_unshuffle(images.mean(dim=1, keepdim=True), self.stride)
            code.append(pixels - pixels.mean(dim=1, keepdim=True))
        return self.head(torch.cat(code, dim=1))


class StyleEncoder(nn.Module):
    """Image (B, 3, H, W) and its ROIs' mattes (B, R, H, W) -> style vector (B, size).

    Features are averaged within each matte and outside all of them, so that the colour of small regions reaches the
    style vector undiluted (region-wise pooling as in SEAN, arXiv 1911.12861, section 3.1); two linear maps then mix
    them into a single vector. A region that is not there contributes the average of the whole image.

    With ``moments``, the features' standard deviations within each matte are pooled as well: they tell matt hair from
    glossy hair. The vector of ``style_dim`` values is then followed by the mean colour of each ROI and of the rest as
    they are, in opponent colours and pooled at full resolution, which the generator gives to what it draws.
    """

    def __init__(self, style_dim: int, width: int, regions: int, moments: bool = False):
        super().__init__()
        self.moments = moments
        pooled = (regions + 1) * (width + 3) * (2 if moments else 1)
        self.features = nn.Sequential(
            nn.Conv2d(3, width // 2, 7, stride=PATCH, padding=3),
            nn.SiLU(),
            nn.Conv2d(width // 2, width, 3, padding=1),
            nn.SiLU(),
        )
        self.mix = nn.Sequential(nn.Linear(pooled, style_dim), nn.SiLU(), nn.Linear(style_dim, style_dim))
        self.skip = nn.Linear(pooled, style_dim, bias=False) if moments else None

    def forward(self, images: Tensor, mattes: Tensor) -> Tensor:
        """Encode images (B, 3, H, W) in [-1, 1] with their mattes (B, R, H, W) in [0, 1]."""
        features = torch.cat([self.features(images), F.avg_pool2d(images, PATCH)], dim=1)
        inside = F.avg_pool2d(mattes, PATCH)
        weights = torch.cat([inside, (1 - inside.sum(dim=1, keepdim=True)).clamp(min=0)], dim=1)
        weights = weights + ABSENT
        total = weights.sum(dim=(2, 3))[..., None]
        pooled = region_sums(features, weights) / total
        if self.skip is None:
            return self.mix(pooled.flatten(1))
        squares = region_sums(features.square(), weights) / total
        spread = ((squares - pooled.square()).clamp(min=0) + VARIANCE).sqrt()
        pooled = torch.cat([pooled, spread], dim=2).flatten(1)
        colours = region_means(opponent_colours(images), layer_shares(mattes) + FAINT)
        return torch.cat([self.mix(pooled) + self.skip(pooled), colours.flatten(1)], dim=1)
