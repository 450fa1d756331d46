"""The training loop: from parameters and prepared data to a trained model, going on where a killed run stopped."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from l2sae.data import FaceDataset, open_split
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.training.averages import Averages
from l2sae.training.batches import TrainingBatches
from l2sae.training.engine import reproducible, wants_workers
from l2sae.training.states import State, StateFolder, identity
from l2sae.training.step import DivergenceError, Trainer
from l2sae.training.validation import set_style_statistics, validate

POINTS = 20  # of the training curves
STATES = Path("checkpoints/train")

Log = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class TrainResult:
    """A trained model in evaluation mode (the averaged weights), the steps done, and the seconds they took.

    ``resumed`` is the step that training went on from, 0 where it began anew.
    """

    model: L2SAE
    steps: int
    seconds: float
    resumed: int = 0


def train(
    params: Params, data: str | Path, log: Log, states: str | Path | None = None, replay: str | Path | None = None
) -> TrainResult:
    """Train on the ``train`` split of the prepared folder ``data``, in processes of their own on several devices.

    Args:
        params: all parameters.
        data: a folder written by ``l2sae.data.prepare``.
        log: called with the step and named scalars about twenty times, validation figures among them.
        states: folder for the training's state, written as ``train.checkpoint`` says. A training of the same
            parameters and data goes on from the state it finds there, bit for bit as if it had never stopped, and
            calls ``log`` for what it had logged before. ``clear_states`` removes it; None keeps no state.
        replay: a folder of ``l2sae.data.seed_set``, of which ``train.replay`` of each batch is drawn.

    Raises:
        DivergenceError: a loss became infinite or NaN; the message names the last state before, which is kept.
        l2sae.data.PreparedError: the data was made for other parameters.
        l2sae.model.CheckpointError: ``train.init`` names a checkpoint of another layout.
        ValueError: ``train.replay`` asks for faces of an earlier training, and there are none.
    """
    if params.train.replay and replay is None:
        raise ValueError(
            "train.replay: there are no faces to replay here; see notebooks/continual.ipynb, or set it to 0"
        )
    if wants_workers(params):
        from l2sae.training.launch import train_in_workers  # which imports this module

        return train_in_workers(params, data, log, states, replay)
    dataset, validation = (open_split(data, name, params.rois, params.data.image_size) for name in ("train", "val"))
    seeds = open_split(replay, "train", params.rois, params.data.image_size) if replay and params.train.replay else None
    folder = StateFolder(states, identity(params, data, replay)) if states else None
    with reproducible(params):
        trainer = Trainer(params)
        batches = TrainingBatches(dataset, params, trainer.generator, seeds, trainer.device)
        run = Run(trainer, batches, validation, log)
        resumed = run.resume(folder) if folder else 0
        try:
            run.finish(folder)
        except DivergenceError as error:
            kept = folder.keep_last_good() if folder else None
            raise DivergenceError(f"{error}; the last good state is {kept}" if kept else str(error)) from None
        set_style_statistics(trainer.averaged, dataset, trainer.device)
        run.log_point()
        return TrainResult(trainer.averaged.eval(), trainer.steps, run.seconds, resumed)


def clear_states(
    params: Params, data: str | Path, states: str | Path = STATES, replay: str | Path | None = None
) -> None:
    """Remove the states of a training that has finished and whose model is stored; its arguments as in `train`."""
    StateFolder(states, identity(params, data, replay)).clear()


class Run:
    """A training under way: the trainer, its data, and what has been logged."""

    def __init__(self, trainer: Trainer, batches: TrainingBatches, validation: FaceDataset, log: Log) -> None:
        self.trainer, self.batches, self.validation = trainer, batches, validation
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
            if folder and self._due():
                if trainer.engine.local_rank == 0:
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
        """Whether every node keeps a state now: clocks differ, so the first process says when the time has come."""
        if self.trainer.steps == 0:
            return False
        every = self.trainer.params.train.checkpoint
        if every.steps is not None and self.trainer.steps % every.steps == 0:
            return True
        if every.seconds is None:
            return False
        return self.trainer.engine.agree(str(time.monotonic() - self._saved >= every.seconds)) == str(True)
