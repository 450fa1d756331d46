"""What one training step learns from, after every random draw, and what the model makes of it."""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import torch
from torch import Tensor

from l2sae.data import FaceBatch
from l2sae.data.augment import recolour
from l2sae.params import Params
from l2sae.training.losses import roi_masks
from l2sae.training.style_losses import FILTERS, PATCH, SAMPLES
from l2sae.training.triples import Triples


@dataclass(frozen=True)
class Pair:
    """A batch after every random draw: ``source`` gives the structure, ``target`` the style and the aim.

    Attributes:
        source: (B, 3, H, W) in [-1, 1].
        target: the same shape and range.
        masks: one-hot ROI masks (B, R, H, W).
        natural: (B,) bool, whether the target still has its own colours.
        noise: standard normal (B, D), by which styles are moved; None where no loss asks for it.
        boxes: (B, N, 3) in [0, 1): size and place of the patches that are compared; None where no loss asks for them.
        filters: standard normal (B, K, 3, 5, 5), on which patches are projected; None where no loss asks for them.
        places: (B, 2, N) in [0, 1), which patches of each region are projected; None where no loss asks for them.
        triples: rendered swaps with their truth; None where no loss asks for them.
    """

    source: Tensor
    target: Tensor
    masks: Tensor
    natural: Tensor
    noise: Tensor | None = None
    boxes: Tensor | None = None
    filters: Tensor | None = None
    places: Tensor | None = None
    triples: Triples | None = None

    def part(self, index: int, parts: int) -> Self:
        """One of ``parts`` equal shares, in order: what one device works on at a time."""
        if parts == 1:
            return self
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{k: v if v is None else v.chunk(parts)[index] for k, v in values.items()})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Decoded:
    """What the model makes of a pair: latents with gradients, matte logits, and the decoded ``output``.

    ``swapped`` holds the structures decoded with their `neighbours`' styles; None where no loss needs it.
    """

    structure: Tensor
    style: Tensor
    logits: Tensor
    mattes: Tensor
    output: Tensor
    swapped: Tensor | None = None


def neighbours(count: int, device: torch.device) -> Tensor:
    """Indices (count,) that swap neighbours: 1 0 3 2 and so on; the last of an odd number stays where it is.

    The pairs stay the same when a batch is cut into shares of even size.
    """
    return (torch.arange(count, device=device) ^ 1).clamp(max=count - 1)


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
    pair = Pair(source, target, roi_masks(batch.labels, rois), ~recoloured)
    if not params.train.loss.patches:
        return pair
    filters = torch.randn(len(target), FILTERS, 3, PATCH, PATCH, generator=generator).to(target)
    places = torch.rand(len(target), 2, SAMPLES, generator=generator).to(target)
    return replace(pair, filters=filters, places=places)
