"""What one training step learns from, after every random draw, and what the model makes of it."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from l2sae.data import FaceBatch
from l2sae.data.augment import recolour
from l2sae.params import Params
from l2sae.training.losses import roi_masks


@dataclass(frozen=True)
class Pair:
    """A batch after every random draw: ``source`` gives the structure, ``target`` the style and the aim.

    Attributes:
        source: (B, 3, H, W) in [-1, 1].
        target: the same shape and range.
        masks: one-hot ROI masks (B, R, H, W).
        natural: (B,) bool, whether the target still has its own colours.
        noise: standard normal (B, style_dim), by which styles are moved; None where no loss asks for it.
        boxes: (B, N, 3) in [0, 1): size and place of the patches that are compared; None where no loss asks for them.
    """

    source: Tensor
    target: Tensor
    masks: Tensor
    natural: Tensor
    noise: Tensor | None = None
    boxes: Tensor | None = None

    def part(self, index: int, parts: int) -> Self:
        """One of ``parts`` equal shares, in order: what one device works on at a time."""
        if parts == 1:
            return self
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{k: v if v is None else v.chunk(parts)[index] for k, v in values.items()})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Decoded:
    """What the model makes of a pair: latents with gradients, matte logits, and the decoded ``output``."""

    structure: Tensor
    style: Tensor
    logits: Tensor
    mattes: Tensor
    output: Tensor


def draw_pair(batch: FaceBatch, params: Params, generator: torch.Generator, rois: int) -> Pair:
    """Draw source and target of a batch that lies on the training's device.

    Structure is encoded from a recoloured copy of each face; the target, from which the style is encoded, is recoloured
    with probability ``train.recolour``. Structure then cannot carry the colour of a ROI, so the style has to.
    """
    target = source = batch.images
    recoloured = torch.zeros(len(target), dtype=torch.bool, device=target.device)
    if params.train.recolour > 0:
        source = recolour(batch.images, batch.labels, generator, rois)
        chosen = torch.rand(len(target), 1, 1, 1, generator=generator).to(target.device) < params.train.recolour
        target = torch.where(chosen, recolour(batch.images, batch.labels, generator, rois), target)
        recoloured = chosen.flatten()
    return Pair(source, target, roi_masks(batch.labels, rois), ~recoloured)
