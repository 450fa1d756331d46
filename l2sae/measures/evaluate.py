"""The evaluate stage: every figure of ``metrics/evaluate.json`` from a model and the test split.

The split is read in batches, once, and once more for each optional figure; only statistics of its images are kept.
Figures are computed at 128 x 128, or at the data's own size where that is larger: a smaller model's outputs are
upsampled, truth is never reduced.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from l2sae.data import FaceDataset
from l2sae.measures.baselines import mean_masks
from l2sae.measures.counterfactuals import FACES as COUNTERFACTUAL_FACES
from l2sae.measures.counterfactuals import counterfactuals
from l2sae.measures.disentanglement import disentanglement
from l2sae.measures.figures_from_sums import summarise
from l2sae.measures.metric_files import flatten, put
from l2sae.measures.optional_figures import optional_figures
from l2sae.measures.parallel import side_by_side
from l2sae.measures.reconstruction import PICTURE_FIGURES, blurred, eight_bit, resized
from l2sae.measures.region_match import RegionMatch, match_regions
from l2sae.measures.regions import boundary_f1, one_hot, overlap_counts, resized_labels
from l2sae.measures.running_sums import Array, RunningSums, Tally
from l2sae.measures.swaps import FaceStatistics, SwapMeasurement, face_statistics
from l2sae.model import L2SAE, Latents
from l2sae.params import Params
from l2sae.pictures.conversions import to_model
from l2sae.pictures.fidelity import psnr

FIGURE_SIZE = 128
BATCH = 8  # small enough for the processor's cache
PROBE_IMAGES = 128
Progress = Callable[[str], object]
FigureBatch = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class TestFaces:
    """The test split as the evaluation sees it: its first ``count`` images at ``size`` x ``size``."""

    dataset: FaceDataset
    count: int
    rois: int
    device: torch.device

    @property
    def size(self) -> int:
        """Side of all pictures and masks that figures are computed on."""
        return max(FIGURE_SIZE, self.dataset.image_size)

    def batches(self) -> Iterator[FigureBatch]:
        """Indices (B,), photos (B, 3, S, S) in [-1, 1] and true regions (B, R, S, S) bool, in manifest order."""
        for indices in torch.arange(self.count).split(BATCH):
            batch = self.dataset.batch(indices)
            labels = resized_labels(batch.labels, self.size)
            photos = eight_bit(resized(batch.images, self.size))
            yield indices, photos.to(self.device), one_hot(labels, self.rois).to(self.device)


@dataclass(frozen=True)
class MeasuredFaces:
    """One batch of :meth:`TestFaces.batches` whose reconstructions and mattes are measured; its edits go on from it."""

    indices: Tensor
    photos: Tensor
    regions: Tensor
    latents: Latents
    statistics: FaceStatistics


@torch.inference_mode()
def evaluate(
    model: L2SAE,
    dataset: FaceDataset,
    params: Params,
    train: FaceDataset,
    labels: str,
    progress: Progress = print,
    skipped: int = 0,
) -> dict[str, Any]:
    """Compute the figures of ``metrics/evaluate.json``.

    Args:
        model: in evaluation mode.
        dataset: the test split; its first ``evaluate.max_images`` images count.
        params: ``evaluate``, ``edit`` and ``seed`` are used.
        train: the training split, for the constant-mask baseline.
        labels: kind of the labels: ``human``, ``rendered`` or ``weak``.
        progress: called with one plain line at a time.
        skipped: files of the source that were left out as broken or unusable; reported with the counts.

    Returns:
        Nested figures; ``ci`` repeats their nesting with [low, high], 95 % bootstrap intervals over images. Figures
        that need packages that are not installed are None, with a reason beside them.

    Raises:
        ValueError: the split has fewer than two images, so that nothing can be swapped.
    """
    count = min(len(dataset), params.evaluate.max_images)
    if count < 2:
        raise ValueError(f"the test split has {count} image: swaps need two; change data.split or data.count")
    faces = TestFaces(dataset, count, len(params.rois), model.device)
    match = match_regions(model, params.rois)
    tally = Tally()
    constant = mean_masks(train, match.names, faces.size).to(model.device) > 0.5
    structures: list[Tensor] = []
    measured = _measure_faces(model, faces, match, constant, tally, structures)
    outside_given = _measure_edits(model, faces, match, measured, params, tally, progress)
    columns = tally.columns()
    figures = summarise(columns, match.names, params.edit.compose, params.evaluate.bootstrap, params.seed)
    put(figures, "locality.outside_max_given_mattes", outside_given)
    if match.equal:  # a probe reads each region off a slice of its own
        progress("evaluate: disentanglement")
        shown = min(count, PROBE_IMAGES)
        first, its_labels = torch.cat(structures)[:shown], resized_labels(dataset.labels(range(shown)), faces.size)
        figures["disentanglement"] = disentanglement(model, first, its_labels, params.seed)
    figures["labels"] = labels
    figures["counts"] = _counts(columns["overlap"], match.names) | {
        "images": count, "available": len(dataset), "skipped": skipped,
    }  # fmt: skip
    figures["sizes"] = {"figures": faces.size, "data": dataset.image_size, "model": model.image_size}
    if params.data.source == "rendered":
        progress("evaluate: counterfactuals")
        _merge(figures, counterfactuals(model, params, min(count, COUNTERFACTUAL_FACES), faces.size))
    optional = optional_figures(model, faces, params.edit.compose, params.evaluate.weights)
    _merge(figures, optional)
    return figures


def _merge(figures: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in flatten(more).items():
        put(figures, key, value)


def _counts(overlap: Array, rois: Sequence[str]) -> dict[str, Any]:
    """From overlaps (N, R, 3): how many images are ``without`` an ROI, and in how many it was ``missed``.

    Images without the ROI do not count in its figures. Images that show an ROI whose matte found nothing of it count
    with an overlap of 0.
    """
    shown, found = overlap[..., 2] > 0, overlap[..., 0] > 0
    return {
        "without": {roi: int((~shown[:, r]).sum()) for r, roi in enumerate(rois)},
        "missed": {roi: int((shown & ~found)[:, r].sum()) for r, roi in enumerate(rois)},
    }


def pair_offsets(count: int, pairs_per_image: int) -> list[int]:
    """The k of the pairs (i, i + k mod count): 1 up to ``pairs_per_image``, without those that pair i with itself."""
    return [k for k in range(1, pairs_per_image + 1) if k % count]


def _measure_faces(
    model: L2SAE, faces: TestFaces, match: RegionMatch, constant: Tensor, tally: Tally, structures: list[Tensor]
) -> Iterator[MeasuredFaces]:
    """Reconstructions, mattes and baselines, batch by batch; ``structures`` receives the first ones for the probes."""

    def measure(batch: FigureBatch) -> tuple[dict[str, Tensor], MeasuredFaces]:
        indices, photos, regions = batch
        latents = model.encode(to_model(photos, model.image_size))
        mattes = match.mattes(resized(latents.mattes, faces.size))
        columns = _quality_columns(model, photos, latents) | {
            "overlap": overlap_counts(mattes > 0.5, regions),
            "constant": overlap_counts(constant.expand_as(regions), regions),
            "boundary": boundary_f1(mattes > 0.5, regions),
        }
        statistics = face_statistics(latents.style, photos, regions, mattes)
        return columns, MeasuredFaces(indices, photos, regions, latents, statistics)

    for columns, of_faces in side_by_side(measure, faces.batches(), faces.device):
        tally.add_all(columns)
        if int(of_faces.indices[0]) < PROBE_IMAGES:
            structures.append(of_faces.latents.structure.cpu())
        yield of_faces


def _with_references(
    measured: Iterable[MeasuredFaces], count: int, offsets: Sequence[int]
) -> Iterator[tuple[MeasuredFaces, list[FaceStatistics]]]:
    """Each batch with the statistics of the faces that lie ``offsets`` further on, as soon as they are measured."""
    known: list[FaceStatistics] = []
    waiting: deque[MeasuredFaces] = deque()
    for latest in measured:
        known.append(latest.statistics)
        waiting.append(latest)
        seen = int(latest.indices[-1]) + 1
        while waiting and (seen == count or int(waiting[0].indices[-1]) + max(offsets) < seen):
            of_faces = waiting.popleft()
            others = []
            for offset in offsets:
                places = (of_faces.indices + offset) % count
                others.append(FaceStatistics.joined([known[i // BATCH].at(i % BATCH) for i in places[:, None]]))
            yield of_faces, others


def _quality_columns(model: L2SAE, photos: Tensor, latents: Latents) -> dict[str, Tensor]:
    output = resized(model.decode(latents.structure, latents.style, latents.mattes), photos.shape[-1])
    values = latents.structure[0].numel() + latents.style[0].numel()
    return {
        **{key: measure(output, photos) for key, measure in PICTURE_FIGURES.items()},
        "baseline.blur.psnr": psnr(blurred(photos, values), photos),
    }


def _measure_edits(
    model: L2SAE,
    faces: TestFaces,
    match: RegionMatch,
    measured: Iterable[MeasuredFaces],
    params: Params,
    tally: Tally,
    progress: Progress,
) -> float:
    """Swaps and noise edits; returns the largest change outside with true mattes, in 8-bit levels.

    One edit of each photo is encoded again, and one pair of each batch is repeated with true mattes. The ROI changes
    from photo to photo, and from batch to batch.
    """
    offsets = pair_offsets(faces.count, params.evaluate.pairs_per_image)
    seeds = [params.seed + i for i in range(params.evaluate.noise_seeds)]

    def measure(pairs: tuple[MeasuredFaces, list[FaceStatistics]]) -> tuple[RunningSums, float]:
        own, others = pairs
        measurement = SwapMeasurement(model, own.photos, own.regions, params.edit.compose, match, own.latents)
        sums = RunningSums()
        for number, other in enumerate(others):
            recoded = own.indices.to(model.device) % len(match.names) if number == 0 else None
            measurement.measure_pair(own.statistics, other, recoded, sums)
        measurement.measure_noise(params.edit.noise_sigma, seeds, sums)
        return sums, measurement.change_outside_given(others[-1], int(own.indices[-1]) % len(match.names))

    changes: list[float] = []
    for sums, largest in side_by_side(measure, _with_references(measured, faces.count, offsets), faces.device):
        sums.into(tally)
        changes.append(largest)
        done = min(len(changes) * BATCH, faces.count)
        if done == faces.count or len(changes) % 8 == 0:
            progress(f"evaluate: {done} of {faces.count}")
    return max(changes)
