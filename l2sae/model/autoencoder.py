"""L2SAE: the encoders, the generator (SMN) and the mask predictor (SMPN) as one module."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from l2sae.model.encoders import StructureEncoder, StyleEncoder
from l2sae.model.generator import Generator
from l2sae.model.mask_predictor import MaskPredictor
from l2sae.params import ModelParams
from l2sae.rois import Roi, roi_slices


@dataclass(frozen=True)
class Latents:
    """What an image is encoded into: ``structure`` (B, C, h, w), ``style`` (B, D), and the structure's ``mattes``.

    Mattes are (B, R, H, W) in [0, 1]; encoding needs them, and whoever decodes may use them again.
    """

    structure: Tensor
    style: Tensor
    mattes: Tensor


class L2SAE(nn.Module):
    """Latents2Semantics Autoencoder (arXiv 2312.15037).

    Images are (B, 3, H, W) float in [-1, 1] with H = W = ``image_size``. ``style_mean`` and ``style_scale`` (D,) are
    mean and standard deviation of the training faces' style vectors: the unit of noise edits. ``style_mixing`` (D, D)
    gives independent noise the correlations that these styles have.
    """

    style_mean: Tensor
    style_scale: Tensor
    style_mixing: Tensor

    def __init__(self, params: ModelParams, rois: Sequence[Roi], image_size: int):
        super().__init__()
        self.params, self.rois, self.image_size = params, tuple(rois), image_size
        self.slices = roi_slices(rois, params.context_channels)
        channels = self.slices["context"].stop
        self.structure_encoder = StructureEncoder(
            channels, params.structure_width, params.structure_stride, params.relief
        )
        self.style_encoder = StyleEncoder(params.style_dim, params.width, len(rois), params.moments)
        self.generator = Generator(
            channels, params.style_dim, params.width, params.structure_stride, len(rois), params.moments, params.relief
        )
        if self.generator.relief is not None:
            self.generator.relief.invert(self.structure_encoder.head)
        self.mask_predictor = MaskPredictor(
            [roi.channels if params.sliced else channels for roi in rois],
            8 * max(1, params.width // 24),
            params.structure_stride,
        )
        self.register_buffer("style_mean", torch.zeros(self.style_size))
        self.register_buffer("style_scale", torch.ones(self.style_size))
        self.register_buffer("style_mixing", torch.eye(self.style_size))
        nn.Module.to(self, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def roi_names(self) -> tuple[str, ...]:
        """Names of the ROIs, in the order of their slices."""
        return tuple(roi.name for roi in self.rois)

    @property
    def style_size(self) -> int:
        """Length of a style vector."""
        return self.params.style_size(len(self.rois))

    @property
    def device(self) -> torch.device:
        """Device of the weights."""
        return self.style_mean.device

    def encode_structure(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) in [-1, 1] -> structure tensor (B, C, h, w)."""
        return self.structure_encoder(images.contiguous(memory_format=torch.channels_last))

    def encode(self, images: Tensor) -> Latents:
        """Images (B, 3, H, W) in [-1, 1] -> their structure and style."""
        structure = self.encode_structure(images)
        mattes = torch.sigmoid(self.mask_logits(structure))
        return Latents(structure, self.style_encoder(images, mattes), mattes)

    def decode(self, structure: Tensor, style: Tensor, mattes: Tensor | None = None) -> Tensor:
        """Structure (B, C, h, w) and style (B, D) -> images (B, 3, H, W) in [-1, 1].

        ``mattes`` are those of `encode`, where the structure is still the encoded one; None predicts them anew.
        """
        if mattes is None:
            mattes = torch.sigmoid(self.mask_logits(structure))
        return self.generator(structure, style, mattes).clamp(-1, 1)

    def mask_logits(self, structure: Tensor, rois: Sequence[str] | None = None) -> Tensor:
        """Matte logits (B, len(rois), H, W); each ROI's come from its slice of ``structure`` alone.

        With ``model.sliced`` off, an ablation, they come from all of it.
        """
        names = self.roi_names if rois is None else tuple(rois)
        if unknown := [name for name in names if name not in self.roi_names]:
            raise ValueError(f"unknown ROI {', '.join(unknown)}: this model has {', '.join(self.roi_names)}")
        indices = [self.roi_names.index(name) for name in names]
        seen = [structure[:, self.slices[name]] if self.params.sliced else structure for name in names]
        return self.mask_predictor(seen, indices)

    def masks(self, structure: Tensor, rois: Sequence[str] | None = None) -> dict[str, Tensor]:
        """ROI -> matte (B, 1, H, W) in [0, 1], for all ROIs or the named ones."""
        names = self.roi_names if rois is None else tuple(rois)
        if not names:
            return {}
        return dict(zip(names, torch.sigmoid(self.mask_logits(structure, names)).split(1, dim=1), strict=True))
