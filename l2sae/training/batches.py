"""Endless training batches: prepared faces, rendered or replayed ones mixed in, augmented, and rendered triples."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from l2sae.data import FaceBatch, FaceDataset, flip_permutation, render_faces
from l2sae.data.augment import augment_geometry, damage_photo, vary_light
from l2sae.data.fringes import draw_fringes
from l2sae.faces.finding import HEAD_DROP, HEAD_SCALE
from l2sae.params import Params
from l2sae.pictures.conversions import levels_to_values, values_to_levels
from l2sae.training.triples import TriplePool, Triples

RENDERED_POOL = 4096  # rendered faces to draw from, where train.rendered_share asks for them

HEAD_HEIGHT, HEAD_LOW = 0.86, 0.08  # height of a head in its face's crop, and how far below the middle it lies
_CHUNK = 256  # faces rendered at once


@dataclass(frozen=True)
class TrainingBatch(FaceBatch):
    """Faces, and the ``triples`` beside them; None where ``train.triples`` asks for none."""

    triples: Triples | None = None


class TrainingBatches(Iterator[TrainingBatch]):
    """Batches of ``train.batch_size`` faces for ever, each pass over the data in a new order.

    Args:
        dataset: the faces to learn from.
        params: all parameters.
        generator: source of all draws; with ``order`` it is all that the next batch depends on.
        replay: faces of an earlier training, which ``train.replay`` of each batch are drawn from.
        device: where faces are augmented; they go there as bytes.
    """

    def __init__(
        self,
        dataset: FaceDataset,
        params: Params,
        generator: torch.Generator,
        replay: FaceDataset | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        self._device = device
        self.order = torch.empty(0, dtype=torch.long)
        self._dataset, self._replay = dataset, replay
        self._params, self._generator = params, generator
        self._flip = flip_permutation(params.rois)
        self._pool = _rendered_pool(params) if params.train.rendered_share else None
        self._triples = TriplePool(params, generator) if params.train.triples else None

    def __next__(self) -> TrainingBatch:
        train, generator = self._params.train, self._generator
        rendered = self._share(train.rendered_share)
        replayed = min(self._share(train.replay), train.batch_size - rendered) if self._replay else 0
        own = train.batch_size - rendered - replayed
        while len(self.order) < own:
            self.order = torch.cat([self.order, torch.randperm(len(self._dataset), generator=generator)])
        batches = [self._dataset.batch(self.order[:own], self._device)]
        self.order = self.order[own:]
        if self._pool and rendered:
            chosen = torch.randint(len(self._pool.images), (rendered,), generator=generator)
            images, labels = (one[chosen].to(self._device) for one in (self._pool.images, self._pool.labels))
            batches.append(FaceBatch(levels_to_values(images), labels))
        if self._replay and replayed:
            drawn = torch.randint(len(self._replay), (replayed,), generator=generator)
            batches.append(self._replay.batch(drawn, self._device))
        batch = _joined(batches)
        images, labels = draw_fringes(batch.images, batch.labels, generator, train.fringes, self._params.rois)
        images, labels = augment_geometry(images, labels, generator, train.augment, self._flip)
        images = damage_photo(vary_light(images, generator, train.light), generator, train.damage)
        return TrainingBatch(images, labels, next(self._triples) if self._triples else None)

    def _share(self, share: float) -> int:
        """How many of a batch's faces fall into a share of them."""
        return int((torch.rand(self._params.train.batch_size, generator=self._generator) < share).sum())


def half_size(batch: FaceBatch) -> TrainingBatch:
    """The same faces, and triples if there are any, at half the size."""
    triples = triples_of(batch)
    images, labels = F.avg_pool2d(batch.images, 2), batch.labels[:, ::2, ::2].contiguous()
    return TrainingBatch(images, labels, triples.halved() if triples else None)


def triples_of(batch: FaceBatch) -> Triples | None:
    """The triples beside a batch; None where there are none."""
    return batch.triples if isinstance(batch, TrainingBatch) else None


def _joined(batches: list[FaceBatch]) -> FaceBatch:
    if len(batches) == 1:
        return batches[0]
    return FaceBatch(torch.cat([one.images for one in batches]), torch.cat([one.labels for one in batches]))


def framing(scale: float) -> dict[str, float]:
    """Factors of rendered faces that are framed as a crop of ``scale`` times a face's own side shows a photo's face.

    At 1 there are none: the renderer's own framing varies.
    """
    if scale == 1:
        return {}
    drop = 2 * HEAD_DROP * (scale - 1) / (HEAD_SCALE - 1)  # the picture's half side is 1
    return {"head_height": HEAD_HEIGHT / scale, "centre_y": (HEAD_LOW - drop) / scale}


def _rendered_pool(params: Params) -> FaceBatch:
    """Rendered faces whose images are bytes, as those of prepared faces are on disk: a quarter of the memory.

    Where photos come in crops of several scales, so do the rendered faces.
    """
    data, images, labels = params.data, [], []
    scales = sorted({one.crop_scale for one in data.sources} or {data.crop_scale})
    for number, start in enumerate(range(0, RENDERED_POOL, _CHUNK)):
        count, factors = min(_CHUNK, RENDERED_POOL - start), framing(scales[number % len(scales)]) | data.held
        faces = render_faces(count, data.image_size, params.seed + 1, rois=params.rois, start=start, factors=factors)
        images.append(values_to_levels(faces.images))
        labels.append(faces.labels)
    return FaceBatch(torch.cat(images), torch.cat(labels))
