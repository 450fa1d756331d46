"""One training step: recolouring teaches structure to ignore colour, so that the style alone carries it."""

import math
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from l2sae.data import FaceBatch
from l2sae.model import L2SAE, CheckpointError, load_weights, slices_of
from l2sae.model.adaptation import new_slices
from l2sae.params import Params
from l2sae.rois import roi_slices
from l2sae.training.adversary import Adversary, Fakes
from l2sae.training.batches import half_size
from l2sae.training.engine import Engine
from l2sae.training.objective import Pair, decode_pair, draw_pair, pair_losses, weighted_sum
from l2sae.training.optimizers import build_optimizers, rate_factor
from l2sae.training.states import averaged_weights, initial_checkpoint, optimizer_tensors, restore_optimizer
from l2sae.training.validation import gradient_norms

GRADIENT_NORM = 1.0


class DivergenceError(RuntimeError):
    """A loss is no longer finite; the message says at which step and what to change."""


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
        if progress < self.params.train.half_size:
            batch = half_size(batch)
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
    """A new model: freshly initialised from ``seed``, then with the weights that ``train.init`` names.

    Where its ``rois`` are not the checkpoint's, slices of the same name and width are taken over; others begin anew.

    Raises:
        CheckpointError: no such checkpoint, or one of another layout; the message names the file and what to do.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(params.seed)
        model = L2SAE(params.model, params.rois, params.data.image_size)
    path = initial_checkpoint(params)
    if path is None:
        return model
    if (weights := averaged_weights(path)) is not None:  # the last good state of a training that diverged
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise CheckpointError(f"{path}: made for another layout: {error}") from None
    else:
        load_weights(model, path, adapt=True)
    return model


def starting_point(params: Params) -> str:
    """What `build_model` begins with, in words: the checkpoint, and the slices for which it has nothing."""
    path = initial_checkpoint(params)
    if path is None:
        return "random weights"
    name = "the shipped model" if params.train.init == "shipped" else params.train.init
    if averaged_weights(path) is not None:
        return name
    fresh = new_slices(slices_of(path), roi_slices(params.rois, params.model.context_channels))
    return f"{name}, and random weights for {', '.join(fresh)}" if fresh else name


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
