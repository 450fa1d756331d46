"""The training loop: recolouring teaches structure to ignore colour, so that the style alone carries it."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from l2sae.data import FaceBatch, FaceDataset, open_split
from l2sae.data.augment import recolour
from l2sae.model import L2SAE, load_weights, resolve_device, shipped_model_path
from l2sae.params import Params
from l2sae.training.batches import training_batches
from l2sae.training.losses import (
    matte_loss,
    reconstruction_loss,
    roi_masks,
    roi_reconstruction_loss,
    structural_loss,
)
from l2sae.training.muon import Muon

POINTS = 20  # of the training curves
VALIDATION_FACES = 64
STYLE_FACES = 512  # faces whose styles set the unit of noise edits
GRADIENT_NORM = 1.0
MIN_KERNEL = 16  # channels; the steps of smaller kernels are not worth a matrix's treatment
FINAL_RATE = 0.02  # share of the learning rate at the end of the cosine

Log = Callable[[int, dict[str, float]], None]


class DivergenceError(RuntimeError):
    """A loss is no longer finite; the message says at which step and what to change."""


@dataclass(frozen=True)
class TrainResult:
    """A trained model in evaluation mode (the averaged weights), the steps done, and the seconds they took."""

    model: L2SAE
    steps: int
    seconds: float


def train(params: Params, data: str | Path, log: Log) -> TrainResult:
    """Train on the ``train`` split of the prepared folder ``data``.

    Args:
        params: all parameters.
        data: a folder written by ``l2sae.data.prepare``.
        log: called with the step and named scalars about twenty times, validation figures among them.

    Raises:
        DivergenceError: a loss became infinite or NaN.
        l2sae.data.PreparedError: the data was made for other parameters.
        l2sae.model.CheckpointError: ``train.init`` names a checkpoint of another layout.
    """
    dataset, validation = (open_split(data, name, params.rois, params.data.image_size) for name in ("train", "val"))
    with reproducible(params):
        trainer = Trainer(params)
        batches = training_batches(dataset, params, trainer.generator)
        start, points, sums = time.monotonic(), 0, Averages()
        while (progress := _progress(params, trainer.steps, time.monotonic() - start)) < 1:
            if progress * POINTS >= points + 1:
                points += 1
                log(trainer.steps, sums.pop() | validate(trainer.averaged, validation, trainer.device))
            sums.add(trainer.step(next(batches), progress))
        model = trainer.averaged
        set_style_statistics(model, dataset, trainer.device)
        log(trainer.steps, sums.pop() | validate(model, validation, trainer.device))
        return TrainResult(model.eval(), trainer.steps, time.monotonic() - start)


class Trainer:
    """Model, weight average, optimiser and random state: all that one training step reads and changes."""

    def __init__(self, params: Params):
        self.params = params
        self.device = resolve_device(params.device)
        self.generator = torch.Generator().manual_seed(params.seed)
        self.model = build_model(params).to(self.device).train()
        decay = 0.5 ** (1 / params.train.ema_half_life) if params.train.ema_half_life else 0.0
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        self.optimizers = build_optimizers(self.model, params)
        self._rates = [optimizer.param_groups[0]["lr"] for optimizer in self.optimizers]
        self.steps = 0

    @property
    def averaged(self) -> L2SAE:
        """The model with averaged weights: what is validated and kept."""
        return cast(L2SAE, self.average.module)

    def step(self, batch: FaceBatch, progress: float) -> dict[str, float]:
        """One update on ``batch``; ``progress`` in [0, 1] sets the learning rate. Returns the losses by name."""
        factor = rate_factor(self.params, self.steps, progress)
        for optimizer, rate in zip(self.optimizers, self._rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * factor
            optimizer.zero_grad()
        batch = FaceBatch(batch.images.to(self.device), batch.labels.to(self.device))
        losses = training_losses(self.model, batch, self.params, self.generator)
        weights = self.params.train.loss.model_dump()
        total = torch.stack([weights[name] * value for name, value in losses.items()]).sum()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM).item()
        values = {name: value.item() for name, value in losses.items()}
        if not math.isfinite(norm + sum(values.values())):
            raise DivergenceError(
                f"step {self.steps + 1}: losses {values}, gradient norm {norm}: lower train.learning_rate, train again"
            )
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update_parameters(self.model)
        self.steps += 1
        return values


def build_model(params: Params) -> L2SAE:
    """A new model: freshly initialised from ``seed``, or with the weights that ``train.init`` names."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.seed)
        model = L2SAE(params.model, params.rois, params.data.image_size)
    if params.train.init is not None:
        load_weights(model, shipped_model_path() if params.train.init == "shipped" else params.train.init)
    return model


def build_optimizers(model: L2SAE, params: Params) -> list[Optimizer]:
    """AdamW, and where it has a learning rate Muon for the kernels of the encoders and the generator.

    Muon reaches in 440 steps what AdamW reaches in 800, at a tenth more time a step. The mask predictor's kernels are
    small, and it learns faster with AdamW.
    """
    kernels = [
        weight
        for name, weight in model.named_parameters()
        if weight.dim() == 4 and min(weight.shape[:2]) >= MIN_KERNEL and not name.startswith("mask_predictor.")
    ]
    if not params.train.muon_learning_rate:
        kernels = []
    by_muon = {id(weight) for weight in kernels}
    others = [weight for weight in model.parameters() if id(weight) not in by_muon]
    adamw = torch.optim.AdamW(others, params.train.learning_rate, betas=(0.9, 0.98), weight_decay=1e-4, fused=True)
    return [adamw, Muon(kernels, params.train.muon_learning_rate)] if kernels else [adamw]


def training_losses(model: L2SAE, batch: FaceBatch, params: Params, generator: torch.Generator) -> dict[str, Tensor]:
    """The losses that have a weight, by name, for one batch.

    Structure is encoded from a recoloured copy of each face; the target, from which the style is encoded, is recoloured
    with probability ``train.recolour``. Structure then cannot carry the colour of a ROI, so the style has to.
    """
    rois, weights = len(model.rois), params.train.loss
    target = source = batch.images
    if params.train.recolour > 0:
        source = recolour(batch.images, batch.labels, generator, rois)
        chosen = torch.rand(len(target), 1, 1, 1, generator=generator).to(target.device) < params.train.recolour
        target = torch.where(chosen, recolour(batch.images, batch.labels, generator, rois), target)
    masks = roi_masks(batch.labels, rois)
    structure = model.encode_structure(source)
    logits = model.mask_logits(structure)
    mattes = torch.sigmoid(logits)
    style = model.style_encoder(target, mattes.detach())
    output = model.generator(structure, style, mattes)
    losses = {
        "l1": lambda: reconstruction_loss(output, target),
        "roi": lambda: roi_reconstruction_loss(output, target, masks),
        "ssim": lambda: structural_loss(output, target),
        "matte": lambda: matte_loss(logits, masks),
    }
    return {name: loss() for name, loss in losses.items() if getattr(weights, name) > 0}


@torch.inference_mode()
def validate(model: L2SAE, dataset: FaceDataset, device: torch.device) -> dict[str, float]:
    """Quick figures on the first faces of the validation split: ``val_psnr`` (dB) and ``val_miou``."""
    model.eval()
    batch = dataset.batch(range(min(len(dataset), VALIDATION_FACES)))
    images, masks = batch.images.to(device), roi_masks(batch.labels, len(model.rois)).to(device).bool()
    latents = model.encode(images)
    error = ((model.decode(latents.structure, latents.style, latents.mattes) - images) / 2).square().mean(dim=(1, 2, 3))
    mattes = latents.mattes > 0.5
    overlap, union = (mattes & masks).sum(dim=(0, 2, 3)), (mattes | masks).sum(dim=(0, 2, 3))
    model.train()
    return {
        "val_psnr": (-10 * error.log10()).mean().item(),
        "val_miou": (overlap / union.clamp(min=1)).mean().item(),
    }


@torch.inference_mode()
def set_style_statistics(model: L2SAE, dataset: FaceDataset, device: torch.device) -> None:
    """Store mean and standard deviation of the training faces' styles in the model: the unit of noise edits."""
    model.eval()
    count = min(len(dataset), STYLE_FACES)
    styles = [
        model.encode(dataset.batch(range(start, min(start + 32, count))).images.to(device)).style
        for start in range(0, count, 32)
    ]
    model.style_mean.copy_(torch.cat(styles).mean(dim=0))
    model.style_scale.copy_(torch.cat(styles).std(dim=0, correction=0))


def rate_factor(params: Params, step: int, progress: float) -> float:
    """Linear warm-up, then a cosine from 1 down to ``FINAL_RATE``."""
    warm = min(1.0, (step + 1) / max(1, params.train.warmup_steps))
    return warm * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def _progress(params: Params, steps: int, seconds: float) -> float:
    if params.train.steps is not None:
        return steps / params.train.steps
    return seconds / (60 * params.train.minutes) if params.train.minutes else 1.0


class Averages:
    """Running sums of named scalars; ``pop`` returns their means and starts anew."""

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._count = 0

    def add(self, values: dict[str, float]) -> None:
        """Count one set of values."""
        self._count += 1
        self._sums = {name: self._sums.get(name, 0.0) + value for name, value in values.items()}

    def pop(self) -> dict[str, float]:
        """The means since the last call; empty where nothing was added."""
        means = {name: value / max(1, self._count) for name, value in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


@contextmanager
def reproducible(params: Params) -> Iterator[None]:
    """Under ``determinism: strict``, let PyTorch use deterministic kernels only, and restore its setting after."""
    before = torch.are_deterministic_algorithms_enabled()
    torch.use_deterministic_algorithms(before or params.determinism == "strict")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
