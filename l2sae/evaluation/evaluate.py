"""The evaluate stage: every figure of ``metrics/evaluate.json`` from a model and the test split.

The split is read in batches, three times; only statistics of its images are kept. Figures are computed at 128 x 128, or
at the data's own size where that is larger: a smaller model's outputs are upsampled, truth is never reduced.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.data import FaceDataset
from l2sae.editing.pictures import to_model
from l2sae.evaluation.baselines import mean_masks
from l2sae.evaluation.disentanglement import disentanglement
from l2sae.evaluation.parallel import side_by_side
from l2sae.evaluation.perceptual import optional_figures
from l2sae.evaluation.quality import blurred, eight_bit, mean_l1, mean_ssim, psnr, resized
from l2sae.evaluation.regions import boundary_f1, one_hot, overlap_counts
from l2sae.evaluation.summary import summarise
from l2sae.evaluation.swaps import FaceStatistics, SwapMeasurement, face_statistics
from l2sae.evaluation.tally import Array, RunningSums, Tally
from l2sae.metrics import flatten, put
from l2sae.model import L2SAE, Latents
from l2sae.params import Params

FIGURE_SIZE = 128
BATCH = 8  # of which what an edit computes stays in a processor's cache
PROBE_IMAGES = 256

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
            labels = F.interpolate(batch.labels[:, None], size=(self.size, self.size), mode="nearest-exact")[:, 0]
            photos = eight_bit(resized(batch.images, self.size))
            yield indices, photos.to(self.device), one_hot(labels, self.rois).to(self.device)


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
    faces = TestFaces(dataset, count, len(model.rois), model.device)
    tally = Tally()
    constant = mean_masks(train, model.roi_names, faces.size).to(model.device) > 0.5
    statistics, structures = _measure_faces(model, faces, constant, tally, progress)
    outside_given = _measure_edits(model, faces, statistics, params, tally, progress)
    columns = tally.columns()
    figures = summarise(columns, model.roi_names, params.edit.compose, params.evaluate.bootstrap, params.seed)
    put(figures, "locality.outside_max_given_mattes", outside_given)
    progress("evaluate: disentanglement")
    shown = min(count, PROBE_IMAGES)
    figures["disentanglement"] = disentanglement(model, structures, _first_labels(faces, shown), params.seed)
    figures["labels"] = labels
    figures["counts"] = _counts(columns["overlap"], model.roi_names) | {
        "images": count, "available": len(dataset), "skipped": skipped,
    }  # fmt: skip
    figures["sizes"] = {"figures": faces.size, "data": dataset.image_size, "model": model.image_size}
    optional = optional_figures(model, faces, params.edit.compose, params.evaluate.weights)
    for key, value in flatten(optional).items():
        put(figures, key, value)
    return figures


def _counts(overlap: Array, rois: Sequence[str]) -> dict[str, Any]:
    """From overlaps (N, R, 3): images ``without`` an ROI, and images that show it but in which it was ``missed`` whole.

    Figures of the ROI leave out the former; the latter count in full, with an overlap of 0.
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
    model: L2SAE, faces: TestFaces, constant: Tensor, tally: Tally, progress: Progress
) -> tuple[FaceStatistics, Tensor]:
    """Reconstructions, mattes and baselines; returns what the pairs need, and the first structure tensors."""
    statistics: list[FaceStatistics] = []
    structures: list[Tensor] = []

    def measure(batch: FigureBatch) -> tuple[dict[str, Tensor], FaceStatistics, Latents]:
        _, photos, regions = batch
        latents = model.encode(to_model(photos, model.image_size))
        mattes = resized(latents.mattes, faces.size)
        columns = _quality_columns(model, photos, latents) | {
            "overlap": overlap_counts(mattes > 0.5, regions),
            "constant": overlap_counts(constant.expand_as(regions), regions),
            "boundary": boundary_f1(mattes > 0.5, regions),
        }
        return columns, face_statistics(latents.style, photos, regions, mattes), latents

    for columns, of_faces, latents in side_by_side(measure, faces.batches(), faces.device):
        for name, values in columns.items():
            tally.add(name, values)
        statistics.append(of_faces)
        if len(structures) * BATCH < PROBE_IMAGES:
            structures.append(latents.structure.cpu())
        _report(progress, "faces", len(statistics), faces.count)
    return FaceStatistics.joined(statistics), torch.cat(structures)[:PROBE_IMAGES]


def _quality_columns(model: L2SAE, photos: Tensor, latents: Latents) -> dict[str, Tensor]:
    output = resized(model.decode(latents.structure, latents.style, latents.mattes), photos.shape[-1])
    values = latents.structure[0].numel() + latents.style[0].numel()
    return {
        "psnr": psnr(output, photos),
        "ssim": mean_ssim(output, photos),
        "l1": mean_l1(output, photos),
        "blur": psnr(blurred(photos, values), photos),
    }


def _measure_edits(
    model: L2SAE, faces: TestFaces, statistics: FaceStatistics, params: Params, tally: Tally, progress: Progress
) -> float:
    """Swaps and noise edits; returns the largest change outside with true mattes, in 8-bit levels.

    Of every other pair one edit is encoded again, and of each batch one pair is repeated with true mattes; the ROI
    rotates.
    """
    offsets = pair_offsets(faces.count, params.evaluate.pairs_per_image)
    seeds = [params.seed + i for i in range(params.evaluate.noise_seeds)]

    def measure(batch: FigureBatch) -> tuple[RunningSums, float]:
        indices, photos, regions = batch
        measurement = SwapMeasurement(model, photos, regions, params.edit.compose)
        sums = RunningSums()
        first = int(indices[0]) // BATCH * len(offsets)
        for number, offset in enumerate(offsets):
            other, turn = statistics.at((indices + offset) % faces.count), first + number
            recoded = turn % len(model.rois) if number % 2 == 0 else None
            measurement.measure_pair(statistics.at(indices), other, recoded, sums)
        measurement.measure_noise(params.edit.noise_sigma, seeds, sums)
        return sums, measurement.change_outside_given(other, (turn + 1) % len(model.rois))

    changes: list[float] = []
    for sums, largest in side_by_side(measure, faces.batches(), faces.device):
        sums.into(tally)
        changes.append(largest)
        _report(progress, "edits", len(changes), faces.count)
    return max(changes)


def _first_labels(faces: TestFaces, count: int) -> Tensor:
    """Label maps (count, S, S) of the first images at the figures' size."""
    labels = faces.dataset.batch(range(count)).labels
    return F.interpolate(labels[:, None], size=(faces.size, faces.size), mode="nearest-exact")[:, 0]


def _report(progress: Progress, what: str, batches: int, count: int) -> None:
    done = min(batches * BATCH, count)
    if done == count or batches % 8 == 0:
        progress(f"evaluate: {what}: {done} of {count}")
