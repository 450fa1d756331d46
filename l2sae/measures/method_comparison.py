"""L2SAE's single pass, Reinhard's colour transfer and iterative inversion on the same pairs of faces.

Face i takes the style of face i + 1, every ROI by itself. Transfer is pooled over ROIs and pairs that differ visibly;
otherwise the figures are those of ``metrics/evaluate.json``. The pairs are few, since inversion is slow: the figures of
the whole split are the ones to quote, and these serve to set methods side by side. Inversion is scored after the number
of steps that was enough on the validation split, so that it is charged no step that brings it nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from l2sae.data import FaceDataset
from l2sae.editing import FaceEditor, Layer, Swap
from l2sae.measures.baselines import lab_statistics, reinhard_edit
from l2sae.measures.inversion import ENOUGH_STEPS, LEARNING_RATES, MODES, optimise, starting_point
from l2sae.measures.reconstruction import eight_bit, resized
from l2sae.measures.region_edits import RegionDetail, RegionEdits, where_visible
from l2sae.measures.regions import choose_faces, one_hot, region_means, to_lab
from l2sae.measures.running_sums import Array, Tally, interval, resampling_weights, weighted_totals
from l2sae.measures.scaling import Stopwatch
from l2sae.model import L2SAE
from l2sae.pictures.fidelity import psnr

FACES = 12  # more would take the stage over its two minutes
RESAMPLES = 1000
BEYOND = 4  # times the steps that are enough: as far as a curve goes
RATES = (0.03, 0.1, 0.3)
CLOSE = 0.99  # of the best transfer: the first step count that reaches it is enough
_TIMED = 5  # steps whose median time is taken

Progress = Callable[[str], object]
Figures = dict[str, Any]


class Pairs:
    """A few faces, each with the next as its reference; scores edits of them.

    Args:
        model: in evaluation mode.
        dataset: gives the first faces that show every ROI.
        compose: composition of edits by a style.
        count: number of faces, 2 or more.
        resamples: of the faces, for intervals; 0 gives none.
        seed: of the resampling.
    """

    @torch.inference_mode()
    def __init__(
        self, model: L2SAE, dataset: FaceDataset, compose: str, count: int = FACES, resamples: int = 0, seed: int = 0
    ) -> None:
        self.model, self.compose = model, compose
        faces = choose_faces(dataset, count)
        self.photos = eight_bit(faces.images).to(model.device)
        self.regions = one_hot(faces.labels, len(model.rois)).to(model.device)
        self.references = self.photos.roll(-1, dims=0)
        self.editor = FaceEditor(model, self.photos)
        self.style = model.encode(self._seen(self.references)).style
        self.lab = to_lab(self.photos)
        self.colour = region_means(self.lab, self.regions)
        self.edits = RegionEdits(self.photos, self.regions)
        self.weights = resampling_weights(len(self.photos), resamples, seed)

    def _seen(self, images: Tensor) -> Tensor:
        return resized(images, self.model.image_size)

    @property
    def targets(self) -> Tensor:
        """The references as the model sees them, (N, 3, S, S)."""
        return self._seen(self.references).clone()

    @torch.inference_mode()
    def score_style(self, style: Tensor, compose: str | None = None) -> Figures:
        """Figures of swaps to style vectors (N, D)."""
        names = self.model.roi_names
        return self.score(
            [self.editor.render([Layer({roi: Swap(style)})], compose or self.compose) for roi in names]
        )  # fmt: skip

    @torch.inference_mode()
    def score(self, edits: Sequence[Tensor]) -> Figures:
        """Figures of edits, one (N, 3, H, W) for each ROI.

        Returns:
            ``transfer``, ``edge_correlation`` and ``outside_mean``, see ``docs/metrics.md``; and their intervals under
            ``ci`` where there are resamples.

        Raises:
            ValueError: no two faces differ visibly.
        """
        totals = weighted_totals(self._columns(edits), self.weights)
        totals = {name: total.sum(axis=1) for name, total in totals.items()}  # over the ROIs
        if totals["distance_before"][0] == 0:
            raise ValueError("no two faces to compare differ visibly in any ROI: add test images (data.count)")
        with np.errstate(invalid="ignore", divide="ignore"):  # a resample may hold no visible pair
            samples = {"transfer": 1 - totals["distance_after"] / totals["distance_before"]}
            samples |= {name: totals[name] / totals[f"{name}/n"] for name in ("edge_correlation", "outside_mean")}
        figures: Figures = {name: float(values[0]) for name, values in samples.items()}
        if len(self.weights) > 1:
            figures["ci"] = {name: interval(values[1:]) for name, values in samples.items()}
        return figures

    def _columns(self, edits: Sequence[Tensor]) -> dict[str, Array]:
        """Sums and counts of each face, (N, R), as a tally keeps them."""
        rows = []
        for r, edited in enumerate(edits):
            shown, target = eight_bit(edited), self.colour[:, r].roll(-1, dims=0)
            before = (self.colour[:, r] - target).norm(dim=-1)
            after = self.edits.distance(shown, r, target)
            rows.append(
                {
                    "distance_before": where_visible(before, before),
                    "distance_after": where_visible(after, before),
                    "edge_correlation": self._details(shown, r).edge_correlation(self._details(self.photos, r)),
                    "outside_mean": self.edits.changes(shown, r)["outside_mean"],
                }
            )
        tally = Tally()
        tally.add_all({name: torch.stack([row[name] for row in rows], dim=1) for name in rows[0]})
        return tally.columns()

    def _details(self, images: Tensor, r: int) -> RegionDetail:
        return self.edits.detail(self.edits.crop(images, r), r)

    @torch.inference_mode()
    def reinhard_edits(self) -> list[Tensor]:
        """Every ROI recoloured by Reinhard's method inside the predicted mattes; one (N, 3, H, W) for each."""
        mattes = torch.cat([resized(m, self.photos.shape[-1]) for m in self.editor.mattes().values()], dim=1)
        own = lab_statistics(self.lab, mattes)
        edits = []
        for r in range(mattes.shape[1]):
            target = own[:, r].roll(-1, dims=0)
            edits.append(reinhard_edit(self.photos, self.lab, mattes[:, [r]], own[:, r], target))
        return edits

    def trajectory(self, mode: str, rate: float, steps: int) -> list[Figures]:
        """Figures after 1, 2, 4, ... and ``steps`` steps of inversion: ``step``, ``transfer``, ``psnr``, ``ci``, ...

        ``psnr`` is that of the reference as decoded, in dB.
        """
        found = []
        targets = self.targets
        start = starting_point(self.model, targets, mode)
        for step, (structure, style) in enumerate(optimise(self.model, targets, start, mode, steps, rate), start=1):
            if step == steps or step & (step - 1) == 0:
                with torch.no_grad():
                    fidelity = float(psnr(self.model.decode(structure, style), targets).mean())
                found.append({"step": step, "psnr": fidelity, **self.score_style(style)})
        return found


def compare(
    model: L2SAE,
    dataset: FaceDataset,
    compose: str,
    steps: int,
    edit_seconds: float,
    seed: int = 0,
    progress: Progress = print,
) -> tuple[Figures, Figures, Figures]:
    """All methods on the same pairs.

    Args:
        model: in evaluation mode.
        dataset: the test split.
        compose: the default composition.
        steps: the most inversion steps; a curve ends after ``BEYOND`` times as many as are enough.
        edit_seconds: time of one edit in a single pass.
        seed: of the resampling for intervals.
        progress: called with one plain line at a time.

    Returns:
        ``comparison``: method -> {seconds, transfer, edge_correlation, outside_mean}, with the number of ``faces``;
        ``inversion.curve``: mode -> {seconds, steps, transfer, psnr}, lists along the optimisation; and
        ``ci.comparison``: method -> figure -> [low, high], 95 % bootstrap intervals over the faces.
    """
    pairs = Pairs(model, dataset, compose, resamples=RESAMPLES, seed=seed)
    table: Figures = {"faces": len(pairs.photos)}
    for name in ("detail", "replace"):
        table[name] = {"seconds": edit_seconds, **pairs.score_style(pairs.style, name)}
    table["reinhard"] = {"seconds": _reinhard_seconds(pairs), **pairs.score(pairs.reinhard_edits())}
    curves: Figures = {}
    for mode in MODES:
        points = pairs.trajectory(mode, LEARNING_RATES[mode], min(steps, BEYOND * ENOUGH_STEPS[mode]))
        step_seconds = seconds_per_step(model, pairs.targets[:1], mode)
        for point in points:
            point["seconds"] = edit_seconds + point["step"] * step_seconds
        columns = {"steps": "step", "seconds": "seconds", "transfer": "transfer", "psnr": "psnr"}
        curves[mode] = {name: [point[key] for point in points] for name, key in columns.items()}
        chosen = [point for point in points if point["step"] <= ENOUGH_STEPS[mode]][-1]
        table[f"inversion_{mode}"] = {name: value for name, value in chosen.items() if name not in ("step", "psnr")}
        progress(f"benchmark: inversion, {mode}: transfer {chosen['transfer']:.2f} after {chosen['step']} steps")
    intervals = {name: row.pop("ci") for name, row in table.items() if name != "faces"}
    return table, curves, intervals


def seconds_per_step(model: L2SAE, images: Tensor, mode: str) -> float:
    """Median time of one optimisation step on one face, in seconds; ``images`` (1, 3, S, S)."""
    start = starting_point(model, images, mode)
    trajectory = optimise(model, images, start, mode, _TIMED + 1, LEARNING_RATES[mode])
    return _median_seconds(model, lambda: next(trajectory))


def grid_search(
    model: L2SAE, dataset: FaceDataset, compose: str, steps: int, progress: Progress = print
) -> dict[str, Figures]:
    """Step sizes and step counts of the inversion modes, tried on the validation split.

    Args:
        model: in evaluation mode.
        dataset: the validation split.
        compose: the composition.
        steps: the most steps.
        progress: called with one plain line at a time.

    Returns:
        mode -> ``rate``, the step size with the highest transfer; ``steps``, the first count at which it is within 1 %
        of its best; and ``tried``: rate -> list of {step, transfer, psnr, ...}.
    """
    pairs = Pairs(model, dataset, compose, FACES)
    found: dict[str, Figures] = {}
    for mode in MODES:
        tried = {f"{rate:g}": pairs.trajectory(mode, rate, steps) for rate in RATES}
        rate = max(tried, key=lambda name: max(point["transfer"] for point in tried[name]))
        best = max(point["transfer"] for point in tried[rate])
        enough = next(point["step"] for point in tried[rate] if point["transfer"] >= CLOSE * best)
        found[mode] = {"rate": float(rate), "steps": enough, "tried": tried}
        progress(f"tune: {mode}: step size {rate}, {enough} steps, transfer {best:.3f}")
    return found


def _reinhard_seconds(pairs: Pairs) -> float:
    """Median time of one edit by Reinhard's method, its mattes predicted from the photo's pixels."""
    photo, other, model = pairs.photos[:1], pairs.references[:1], pairs.model

    @torch.inference_mode()
    def recolour() -> None:
        both = torch.cat([photo, other])
        logits = model.mask_logits(model.encode_structure(pairs._seen(both)))
        mattes = resized(torch.sigmoid(logits), photo.shape[-1])[:, :1]
        lab = to_lab(both)
        own, goal = lab_statistics(lab, mattes)[:, 0].split(1)
        reinhard_edit(photo, lab[:1], mattes[:1], own, goal)

    return _median_seconds(model, recolour)


def _median_seconds(model: L2SAE, call: Callable[[], object]) -> float:
    return float(np.median(Stopwatch(model.device, _TIMED).seconds(call, warm_up=1)))
