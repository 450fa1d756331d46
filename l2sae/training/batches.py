"""Endless training batches: prepared faces, rendered ones mixed in where asked for, geometrically augmented."""

from collections.abc import Iterator

import torch

from l2sae.data import FaceBatch, FaceDataset, flip_permutation, render_faces
from l2sae.data.augment import augment_geometry, augment_photo
from l2sae.params import Params

RENDERED_POOL = 2048  # rendered faces to draw from, where train.rendered_share asks for them


def training_batches(dataset: FaceDataset, params: Params, generator: torch.Generator) -> Iterator[FaceBatch]:
    """Yield batches of ``train.batch_size`` faces for ever, each pass over the data in a new order."""
    size, flip = params.train.batch_size, flip_permutation(params.rois)
    pool = _rendered_pool(params) if params.train.rendered_share else None
    order = torch.empty(0, dtype=torch.long)
    while True:
        rendered = int((torch.rand(size, generator=generator) < params.train.rendered_share).sum())
        while len(order) < size - rendered:
            order = torch.cat([order, torch.randperm(len(dataset), generator=generator)])
        batch, order = dataset.batch(order[: size - rendered]), order[size - rendered :]
        if pool and rendered:
            chosen = torch.randint(len(pool.images), (rendered,), generator=generator)
            images, labels = (
                torch.cat([batch.images, pool.images[chosen]]),
                torch.cat([batch.labels, pool.labels[chosen]]),
            )
            batch = FaceBatch(images, labels)
        images, labels = augment_geometry(batch.images, batch.labels, generator, params.train.augment, flip)
        yield FaceBatch(augment_photo(images, generator, params.train.augment), labels)


def _rendered_pool(params: Params) -> FaceBatch:
    faces = render_faces(RENDERED_POOL, params.data.image_size, seed=params.seed + 1, rois=params.rois)
    return FaceBatch(faces.images, faces.labels)
