"""Rendered triples: a face, a reference, and the face as it would look with the reference's style of one region."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.data import flip_permutation
from l2sae.data.augment import augment_geometry
from l2sae.params import Params
from l2sae.pictures.conversions import levels_to_values, values_to_levels
from l2sae.render.counterfactual import Counterfactuals, render_counterfactual
from l2sae.training.losses import roi_masks

POOL = 2048  # triples to draw from, of 128 x 128 pixels; fewer of larger ones, so that they take as much memory
_CHUNK = 128  # rendered at once
_SEED = 2  # added to the training's, so that no other rendered face occurs among the triples


@dataclass(frozen=True)
class Triples:
    """T triples; ``content`` and ``truth`` differ inside ``matte`` alone.

    Attributes:
        content: (T, 3, H, W) in [-1, 1].
        reference: the same shape and range.
        truth: the same shape and range.
        matte: the region whose style is taken over, in content and truth, (T, 1, H, W) in [0, 1].
        reference_masks: one-hot ROI masks of the reference, (T, R, H, W).
    """

    content: Tensor
    reference: Tensor
    truth: Tensor
    matte: Tensor
    reference_masks: Tensor

    def chunk(self, parts: int) -> list[Self]:
        """``parts`` equal shares, in order."""
        columns = [getattr(self, field.name).chunk(parts) for field in fields(self)]
        return [type(self)(*values) for values in zip(*columns, strict=True)]

    def to(self, device: torch.device) -> Self:
        """The same on another device."""
        return type(self)(*(getattr(self, field.name).to(device) for field in fields(self)))

    def halved(self) -> Self:
        """The same at half the size."""
        return type(self)(*(F.avg_pool2d(getattr(self, field.name), 2) for field in fields(self)))


class TriplePool(Iterator[Triples]):
    """``train.triples`` triples at a time, for ever, drawn from a pool that is rendered once.

    The pool depends on ``seed`` alone. Half of its references are lit otherwise than they were drawn: light is no
    style. Content and truth are moved alike, the reference is moved by itself.
    """

    def __init__(self, params: Params, generator: torch.Generator) -> None:
        self._params, self._generator = params, generator
        self._flip = flip_permutation(params.rois)
        count = max(_CHUNK, POOL * 128**2 // params.data.image_size**2)
        parts = [_bytes(_render(params, start)) for start in range(0, count, _CHUNK)]
        self._content, self._reference, self._truth, self._matte, self._labels = (
            torch.cat(column) for column in zip(*parts, strict=True)
        )

    def __next__(self) -> Triples:
        train, generator = self._params.train, self._generator
        chosen = torch.randint(len(self._content), (train.triples,), generator=generator)
        both = torch.cat([levels_to_values(self._content[chosen]), levels_to_values(self._truth[chosen])], dim=1)
        any_flip = None if self._flip is None else tuple(range(256))  # what stands for labels here is a matte
        both, matte = augment_geometry(both, self._matte[chosen], generator, train.augment, any_flip)
        reference, labels = augment_geometry(
            levels_to_values(self._reference[chosen]), self._labels[chosen], generator, train.augment, self._flip
        )
        content, truth = both.chunk(2, dim=1)
        masks = roi_masks(labels, len(self._params.rois))
        return Triples(content, reference, truth, matte[:, None].float() / 255, masks)


def _render(params: Params, start: int) -> Counterfactuals:
    return render_counterfactual(
        _CHUNK,
        params.data.image_size,
        params.seed + _SEED,
        rois=params.rois,
        start=start,
        factors=params.data.held,
        light="other" if start // _CHUNK % 2 else "own",
    )


def _bytes(found: Counterfactuals) -> tuple[Tensor, ...]:
    """Content, reference, truth (N, 3, H, W), matte and reference's labels (N, H, W), all uint8.

    Triples whose content or reference does not show the region are left out.
    """
    kept = found.shown
    pictures = [values_to_levels(x[kept]) for x in (found.content, found.reference, found.truth)]
    seen = torch.cat(list(found.reference_mattes.values()), dim=1)[kept]
    share, region = seen.max(dim=1)
    labels = torch.where(share > 0.5, region + 1, 0).to(torch.uint8)
    return *pictures, (found.matte[kept, 0] * 255).round().to(torch.uint8), labels
