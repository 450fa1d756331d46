"""The two encoders: where things are (structure) and what they look like (style)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.layers import ResidualBlock, group_norm, upsample

PATCH = 4  # stride of the stems: convolutions at full resolution would cost more than all the rest


class StructureEncoder(nn.Module):
    """Image (B, 3, H, W) -> structure tensor (B, channels, H / stride, W / stride), for strides 4, 8 and 16.

    Features go down to 1/16 and back up to the structure's own resolution: the coarse level gives every place the
    whole image as context, without which hair and a dark background cannot be told apart.
    """

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.stride = stride
        widths = (width // 2, width, 2 * width)
        self.stem = nn.Conv2d(3, widths[0], 7, stride=PATCH, padding=3)
        self.levels = nn.ModuleList(
            [
                ResidualBlock(widths[0], widths[0]),
                nn.Sequential(_halve(widths[0], widths[1]), ResidualBlock(widths[1], widths[1])),
                nn.Sequential(
                    _halve(widths[1], widths[2]),
                    ResidualBlock(widths[2], widths[2]),
                    ResidualBlock(widths[2], widths[2]),
                ),
            ]
        )
        top = (4, 8, 16).index(stride)
        self.lateral = nn.ModuleList([nn.Conv2d(widths[i + 1], widths[i], 1) for i in range(top, 2)])
        self.merge = nn.ModuleList([ResidualBlock(widths[i], widths[i]) for i in range(top, 2)])
        self.norm = group_norm(widths[top])
        self.head = nn.Conv2d(widths[top] + 3, channels, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        """Encode images (B, 3, H, W) in [-1, 1]."""
        x, pyramid = self.stem(images), []
        for level in self.levels:
            x = level(x)
            pyramid.append(x)
        x = pyramid.pop()
        for lateral, merge in zip(reversed(self.lateral), reversed(self.merge), strict=True):
            x = merge(pyramid.pop() + upsample(lateral(x)))
        # the reduced image beside the features is a code to start learning from
        return self.head(torch.cat([F.silu(self.norm(x)), F.avg_pool2d(images, self.stride)], dim=1))


def _halve(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, stride=2, padding=1)


class StyleEncoder(nn.Module):
    """Image (B, 3, H, W) and its ROIs' mattes (B, R, H, W) -> style vector (B, style_dim).

    Features are averaged within each matte and outside all of them, so that the colour of small regions reaches the
    style vector undiluted (region-wise pooling as in SEAN, arXiv 1911.12861, section 3.1); one linear map then mixes
    them into a single vector. A region that is not there contributes the average of the whole image.
    """

    def __init__(self, style_dim: int, width: int, regions: int):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, width // 2, 7, stride=PATCH, padding=3),
            nn.SiLU(),
            nn.Conv2d(width // 2, width, 3, padding=1),
            nn.SiLU(),
        )
        self.mix = nn.Sequential(
            nn.Linear((regions + 1) * (width + 3), style_dim), nn.SiLU(), nn.Linear(style_dim, style_dim)
        )

    def forward(self, images: Tensor, mattes: Tensor) -> Tensor:
        """Encode images (B, 3, H, W) in [-1, 1] with their mattes (B, R, H, W) in [0, 1]."""
        features = torch.cat([self.features(images), F.avg_pool2d(images, PATCH)], dim=1)
        inside = F.avg_pool2d(mattes, PATCH)
        weights = torch.cat([inside, (1 - inside.sum(dim=1, keepdim=True)).clamp(min=0)], dim=1)
        weights = weights + 1e-3  # an absent region pools everything
        pooled = torch.einsum("brhw,bchw->brc", weights, features) / weights.sum(dim=(2, 3))[..., None]
        return self.mix(pooled.flatten(1))
