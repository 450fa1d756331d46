"""The training loop: recolouring teaches structure to ignore colour, so that the style alone carries it."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from l2sae.data import FaceBatch, FaceDataset, open_split
from l2sae.model import L2SAE, CheckpointError, load_weights, shipped_model_path
from l2sae.params import Params
from l2sae.training.adversary import Adversary, Fakes
from l2sae.training.batches import TrainingBatches
from l2sae.training.engine import Engine, reproducible, wants_workers
from l2sae.training.objective import Pair, decode_pair, draw_pair, pair_losses, weighted_sum
from l2sae.training.optimizers import build_optimizers, rate_factor
from l2sae.training.states import (
    State,
    StateFolder,
    averaged_weights,
    identity,
    optimizer_tensors,
    restore_optimizer,
)
from l2sae.training.validation import gradient_norms, set_style_statistics, validate

POINTS = 20  # of the training curves
GRADIENT_NORM = 1.0
STATES = Path("checkpoints/train")

Log = Callable[[int, dict[str, float]], None]


class DivergenceError(RuntimeError):
    """A loss is no longer finite; the message says at which step and what to change."""


@dataclass(frozen=True)
class TrainResult:
    """A trained model in evaluation mode (the averaged weights), the steps done, and the seconds they took.

    ``resumed`` is the step that training went on from, 0 where it began anew.
    """

    model: L2SAE
    steps: int
    seconds: float
    resumed: int = 0


def train(params: Params, data: str | Path, log: Log, states: str | Path | None = None) -> TrainResult:
    """Train on the ``train`` split of the prepared folder ``data``, in processes of their own on several devices.

    Args:
        params: all parameters.
        data: a folder written by ``l2sae.data.prepare``.
        log: called with the step and named scalars about twenty times, validation figures among them.
        states: folder for the training's state, written as ``train.checkpoint`` says. A training of the same
            parameters and data goes on from the state it finds there, bit for bit as if it had never stopped, and
            calls ``log`` for what it had logged before. ``clear_states`` removes it; None keeps no state.

    Raises:
        DivergenceError: a loss became infinite or NaN; the message names the last state before, which is kept.
        l2sae.data.PreparedError: the data was made for other parameters.
        l2sae.model.CheckpointError: ``train.init`` names a checkpoint of another layout.
    """
    if wants_workers(params):
        from l2sae.training.launch import train_in_workers  # which imports this module

        return train_in_workers(params, data, log, states)
    dataset, validation = (open_split(data, name, params.rois, params.data.image_size) for name in ("train", "val"))
    folder = StateFolder(states, identity(params, data)) if states else None
    with reproducible(params):
        run = Run(Trainer(params), dataset, validation, log)
        resumed = run.resume(folder) if folder else 0
        try:
            run.finish(folder)
        except DivergenceError as error:
            kept = folder.keep_last_good() if folder else None
            raise DivergenceError(f"{error}; the last good state is {kept}" if kept else str(error)) from None
        model = run.trainer.averaged
        set_style_statistics(model, dataset, run.trainer.device)
        run.log_point()
        return TrainResult(model.eval(), run.trainer.steps, run.seconds, resumed)


def clear_states(params: Params, data: str | Path, states: str | Path = STATES) -> None:
    """Remove the states of a training that has finished and whose model is stored."""
    StateFolder(states, identity(params, data)).clear()


class Run:
    """A training under way: the trainer, its data, and what has been logged."""

    def __init__(self, trainer: "Trainer", dataset: FaceDataset, validation: FaceDataset, log: Log) -> None:
        self.trainer, self.validation = trainer, validation
        self.batches = TrainingBatches(dataset, trainer.params, trainer.generator)
        self.sums, self.points = Averages(), 0
        self._log, self._logged = log, list[tuple[int, dict[str, float]]]()
        self._start = self._saved = time.monotonic()

    @property
    def seconds(self) -> float:
        """How long the training has run, earlier parts of it included."""
        return time.monotonic() - self._start

    def finish(self, folder: StateFolder | None) -> None:
        """Train to the end. A state is kept between a point of the curves and the step after it."""
        trainer = self.trainer
        while (progress := self._progress()) < 1:
            if progress * POINTS >= self.points + 1:
                self.points = math.floor(progress * POINTS)
                self.log_point()
            if folder and trainer.engine.local_rank == 0 and self._due():
                folder.save(self.state())
                self._saved = time.monotonic()
            self.sums.add(trainer.step(next(self.batches), progress))

    def log_point(self) -> None:
        """One point of every curve: mean losses since the last, gradients of the last step, validation figures."""
        trainer = self.trainer
        figures = validate(trainer.averaged, self.validation, trainer.engine)
        self._logged.append((trainer.steps, self.sums.pop() | trainer.gradient_norms() | figures))
        if trainer.engine.local_rank == 0:
            self._log(*self._logged[-1])

    def state(self) -> State:
        """All that `resume` needs."""
        progress = {"step": self.trainer.steps, "points": self.points, "seconds": self.seconds}
        logged = {"logged": self._logged, "sums": self.sums.state()}
        return State(self.trainer.tensors() | {"order": self.batches.order}, progress | logged)

    def resume(self, folder: StateFolder) -> int:
        """Go on from the newest state in ``folder``, if any; returns its step."""
        engine = self.trainer.engine
        found = folder.latest() if engine.rank == 0 else None
        step = int(engine.agree(str(found.values["step"] if found else 0)))
        if step == 0:
            return 0
        state = found or folder.at(step)
        values: dict[str, Any] = state.values
        self.trainer.restore(state.tensors, values["step"])
        self.batches.order = state.tensors["order"]
        self.points, self._start = values["points"], self._start - values["seconds"]
        self.sums = Averages(*values["sums"])
        for step, figures in values["logged"]:
            self._logged.append((step, figures))
            if engine.local_rank == 0:
                self._log(step, figures)
        return self.trainer.steps

    def _progress(self) -> float:
        length = self.trainer.params.train
        if length.steps is not None:
            return self.trainer.steps / length.steps
        minutes = self.trainer.engine.mean({"": self.seconds / 60})[""]  # clocks differ, and all have to stop at once
        return minutes / length.minutes if length.minutes else 1.0

    def _due(self) -> bool:
        every = self.trainer.params.train.checkpoint
        by_steps = every.steps is not None and self.trainer.steps % every.steps == 0
        by_time = every.seconds is not None and time.monotonic() - self._saved >= every.seconds
        return self.trainer.steps > 0 and (by_steps or by_time)


class Trainer:
    """Model, weight average, optimisers and random state: all that one training step reads and changes."""

    def __init__(self, params: Params):
        self.params = params
        self.engine = Engine(params)
        self.device = self.engine.device
        self.generator = torch.Generator().manual_seed(params.seed)
        self.model = build_model(params).to(self.device).train()
        decay = 0.5 ** (1 / params.train.ema_half_life) if params.train.ema_half_life else 0.0
        self.average = AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(decay))
        if params.train.compile:  # in place, so that names of weights stay
            for network in self.model.children():
                network.compile()
        self.optimizers = build_optimizers(self.model, params)
        self._rates = [optimizer.param_groups[0]["lr"] for optimizer in self.optimizers]
        self.adversary = Adversary.of(params, self.engine)
        self.steps = 0
        self._clipped = 1.0  # what the gradients have to be multiplied by to be those of the last step again

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
        values, shown = self._backward(FaceBatch(batch.images.to(self.device), batch.labels.to(self.device)))
        self.engine.average_gradients(self.model.parameters())
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM).item()
        self._clipped = max(1.0, norm / GRADIENT_NORM)
        self._require_finite(values, norm)
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update_parameters(self.model)
        if self.adversary:
            told = self.engine.mean(self.adversary.learn(shown, self.steps, factor))
            self._require_finite(told, 0.0)
            values |= told
        self.steps += 1
        return values

    def _backward(self, batch: FaceBatch) -> tuple[dict[str, float], list[tuple[Pair, Fakes]]]:
        """Gradients of this process's share of a batch, in ``train.accumulate`` parts.

        Returns:
            The losses by name, and what the discriminators are to be shown.
        """
        engine, weights, count = self.engine, self.params.train.loss, self.params.train.accumulate
        pair = draw_pair(batch, self.params, self.generator, len(self.model.rois))
        if self.adversary:
            pair = self.adversary.draw(pair, self.generator)
        pair, sums, shown = pair.part(engine.rank, engine.size), Averages(), []
        for part in (pair.part(index, count) for index in range(count)):
            with engine.autocast():
                decoded = decode_pair(self.model, part)
                fakes = self.adversary.imagine(self.model, decoded, part) if self.adversary else None
                losses = self.adversary.deceive(fakes, part) if self.adversary and fakes else {}
            losses |= pair_losses(decoded, part, weights)
            (weighted_sum(losses, weights) / count).backward()
            sums.add({name: value.item() for name, value in losses.items()})
            shown += [(part, fakes.detached())] if fakes else []
        return engine.mean(sums.pop()), shown

    def _require_finite(self, values: dict[str, float], norm: float) -> None:
        if not math.isfinite(norm + sum(values.values())):
            raise DivergenceError(
                f"step {self.steps + 1}: losses {values}, gradient norm {norm}: lower train.learning_rate, train again"
            )

    def gradient_norms(self) -> dict[str, float]:
        """Norm of the last step's gradients before clipping, by network; empty before the first step."""
        norms = gradient_norms(self.model, self._clipped)
        if self.adversary:
            norms |= {f"{name}_discriminator": norm for name, norm in gradient_norms(self.adversary.networks).items()}
        return norms

    def tensors(self) -> dict[str, Tensor]:
        """Everything that changes with a step, by name."""
        parts = {"model": self.model.state_dict(), "average": self.average.state_dict()}
        parts |= {f"optimizer{i}": optimizer_tensors(one) for i, one in enumerate(self.optimizers)}
        parts |= {"adversary": self.adversary.tensors()} if self.adversary else {}
        named = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
        return named | {"generator": self.generator.get_state()}

    def restore(self, tensors: dict[str, Tensor], steps: int) -> None:
        """Put back what `tensors` gave after ``steps`` steps."""
        self.model.load_state_dict(_below(tensors, "model"))
        self.average.load_state_dict(_below(tensors, "average"))
        for index, optimizer in enumerate(self.optimizers):
            restore_optimizer(optimizer, _below(tensors, f"optimizer{index}"))
        if self.adversary:
            self.adversary.restore(_below(tensors, "adversary"))
        self.generator.set_state(tensors["generator"])
        self.steps = steps


def _below(tensors: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): value for name, value in tensors.items() if name.startswith(f"{part}.")}


def build_model(params: Params) -> L2SAE:
    """A new model: freshly initialised from ``seed``, or with the weights that ``train.init`` names."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.seed)
        model = L2SAE(params.model, params.rois, params.data.image_size)
    if params.train.init is None:
        return model
    path = shipped_model_path() if params.train.init == "shipped" else params.train.init
    if (weights := averaged_weights(path)) is not None:  # the last good state of a training that diverged
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError(f"{path}: made for another layout: {error}") from None
    else:
        load_weights(model, path)
    return model


class Averages:
    """Running sums of named scalars; ``pop`` returns their means and starts anew."""

    def __init__(self, sums: dict[str, float] | None = None, counts: dict[str, int] | None = None) -> None:
        self._sums, self._counts = dict(sums or {}), dict(counts or {})

    def add(self, values: dict[str, float]) -> None:
        """Count one set of values; a name may be absent from some sets."""
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1

    def pop(self) -> dict[str, float]:
        """The means since the last call; empty where nothing was added."""
        means = {name: value / self._counts[name] for name, value in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def state(self) -> tuple[dict[str, float], dict[str, int]]:
        """What the constructor takes to go on from here."""
        return self._sums, self._counts
