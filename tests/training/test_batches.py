"""Batches: every face once a pass, a new order each time, rendered faces mixed in, all from one generator."""

from collections.abc import Callable, Iterator
from itertools import islice

import pytest
import torch
from torch import Tensor

from l2sae.data import FaceBatch, FaceDataset, render_faces
from l2sae.faces.finding import HEAD_DROP, HEAD_SCALE
from l2sae.params import Params
from l2sae.pictures.conversions import levels_to_values, values_to_levels
from l2sae.training import batches
from l2sae.training.batches import TrainingBatches, framing

MakeParams = Callable[..., Params]
POOL = 16


@pytest.fixture(autouse=True)
def small_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "RENDERED_POOL", POOL)


def start(dataset: FaceDataset, params: Params, seed: int = 0) -> Iterator[FaceBatch]:
    return TrainingBatches(dataset, params, torch.Generator().manual_seed(seed))


def which(images: Tensor, known: Tensor) -> list[int]:
    """Index in ``known`` of each image, or -1."""
    same = (images[:, None] == known[None]).flatten(2).all(dim=2)
    return [int(row.nonzero()[0]) if row.any() else -1 for row in same]


@pytest.mark.parametrize("size", [4, 5, 12, 30])
def test_every_pass_shows_each_face_once(dataset: FaceDataset, make_params: MakeParams, size: int) -> None:
    params = make_params({"train.batch_size": size, "train.augment": 0.0})
    known, count, passes = dataset.batch(range(len(dataset))), len(dataset), 5
    taken = list(islice(start(dataset, params), -(-passes * count // size)))
    drawn = which(torch.cat([batch.images for batch in taken]), known.images)[: passes * count]
    orders = [drawn[i : i + count] for i in range(0, passes * count, count)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    assert len({tuple(order) for order in orders}) == passes
    labels = torch.cat([batch.labels for batch in taken])[: passes * count]
    assert torch.equal(labels, known.labels[drawn])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("augment", [0.0, 1.0])
def test_batches_have_the_right_size_and_range(
    dataset: FaceDataset, make_params: MakeParams, share: float, augment: float
) -> None:
    params = make_params({"train.batch_size": 7, "train.rendered_share": share, "train.augment": augment})
    for batch in islice(start(dataset, params), 6):
        assert batch.images.shape == (7, 3, 32, 32)
        assert batch.labels.shape == (7, 32, 32)
        assert batch.images.dtype == torch.float32
        assert batch.labels.dtype == torch.uint8
        assert batch.images.abs().max() <= 1
        assert batch.labels.max() <= len(params.rois)


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_the_asked_for_share_of_the_faces_is_rendered(
    dataset: FaceDataset, make_params: MakeParams, share: float
) -> None:
    params = make_params({"train.batch_size": 20, "train.rendered_share": share, "train.augment": 0.0})
    pool = render_faces(POOL, 32, seed=params.seed + 1, rois=params.rois)
    known = torch.cat([dataset.batch(range(len(dataset))).images, levels_to_values(values_to_levels(pool.images))])
    labels = torch.cat([dataset.batch(range(len(dataset))).labels, pool.labels])
    taken = list(islice(start(dataset, params), 20))
    drawn = which(torch.cat([batch.images for batch in taken]), known)
    assert -1 not in drawn
    assert torch.equal(torch.cat([batch.labels for batch in taken]), labels[drawn])
    rendered = sum(index >= len(dataset) for index in drawn) / len(drawn)
    assert rendered == pytest.approx(share, abs=0.08)


def test_without_a_rendered_share_no_face_is_rendered(
    dataset: FaceDataset, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("must not render")

    monkeypatch.setattr(batches, "render_faces", refuse)
    next(start(dataset, make_params()))
    with pytest.raises(AssertionError, match="must not render"):
        next(start(dataset, make_params({"train.rendered_share": 0.1})))


def test_the_generator_decides_the_batches(dataset: FaceDataset, make_params: MakeParams) -> None:
    params = make_params({"train.rendered_share": 0.5})
    first, again, other = (list(islice(start(dataset, params, seed), 3)) for seed in (1, 1, 2))
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, again, strict=True))
    assert all(torch.equal(a.labels, b.labels) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a.images, b.images) for a, b in zip(first, other, strict=True))


def test_augmentation_changes_the_faces(dataset: FaceDataset, make_params: MakeParams) -> None:
    known = dataset.batch(range(len(dataset)))
    batch = next(start(dataset, make_params({"train.augment": 1.0})))
    assert which(batch.images, known.images) == [-1] * len(batch.images)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_replayed_faces_take_their_share(dataset: FaceDataset, make_params: MakeParams, share: float) -> None:
    """The replayed data set is the same one here, cut down to its first face."""
    params = make_params({"train.batch_size": 10, "train.replay": share, "train.augment": 0.0})
    first = dataset.batch([0])

    class OneFace:
        def __len__(self) -> int:
            return 1

        def batch(self, indices: Tensor, device: object = "cpu") -> FaceBatch:
            return FaceBatch(first.images[indices], first.labels[indices])

    taken = TrainingBatches(dataset, params, torch.Generator().manual_seed(0), OneFace())  # type: ignore[arg-type]
    drawn = which(torch.cat([batch.images for batch in islice(taken, 30)]), dataset.batch(range(len(dataset))).images)
    own = (1 - share) / len(dataset)
    assert drawn.count(0) / len(drawn) == pytest.approx(share + own, abs=0.08)
    assert len(drawn) == 300


def test_rendered_faces_come_at_the_scales_of_the_photos() -> None:
    def share(scale: float) -> float:
        faces = render_faces(16, 64, 3, factors=framing(scale))
        return float((faces.labels > 0).float().mean())

    def middle(scale: float) -> float:
        rows = (render_faces(16, 64, 3, factors=framing(scale)).labels == 4).float().sum(dim=(0, 2))  # eyes
        return float((rows * (torch.arange(64) + 0.5)).sum() / rows.sum() / 64)

    assert framing(1.0) == {}
    assert share(2.0) < 0.5 * share(1.0)
    own = middle(1.0)
    drop = HEAD_DROP / HEAD_SCALE
    assert middle(HEAD_SCALE) == pytest.approx(0.5 + (own - 0.5) / HEAD_SCALE - drop, abs=0.04)
