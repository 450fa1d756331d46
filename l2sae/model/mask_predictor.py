"""SMPN, the Semantic Mask Prediction Network: each ROI's matte from that ROI's slice alone."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.layers import GroupNorm, ResidualBlock


class MaskPredictor(nn.Module):
    """Slices of the structure tensor -> matte logits at image resolution.

    Every ROI has its own first layer, which sees nothing but its slice; the layers above are shared by all ROIs and
    run with the ROIs stacked along the batch, so that no ROI can read another's slice.
    """

    def __init__(self, slice_widths: Sequence[int], width: int, stride: int):
        super().__init__()
        self.stems = nn.ModuleList([nn.Conv2d(channels, width, 3, padding=1) for channels in slice_widths])
        levels: list[nn.Module] = [ResidualBlock(width, width)]
        for _ in range(stride.bit_length() - 3):
            levels += [nn.Upsample(scale_factor=2, mode="bilinear"), ResidualBlock(width, width)]
        self.trunk = nn.Sequential(*levels, GroupNorm(width), nn.SiLU(), nn.Conv2d(width, 16, 3, padding=1))

    def forward(self, slices: Sequence[Tensor], indices: Sequence[int]) -> Tensor:
        """Logits (B, len(slices), H, W) of the ROIs with these ``indices``; each slice is (B, C_roi, h, w)."""
        stacked = torch.cat([self.stems[i](part) for i, part in zip(indices, slices, strict=True)])
        logits = F.pixel_shuffle(self.trunk(stacked), 4)
        return logits.unflatten(0, (len(indices), -1)).squeeze(2).transpose(0, 1).contiguous()
