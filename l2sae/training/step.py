"""One training step: what the model is shown, its losses, and the updates that follow.

Structure is encoded from a recoloured copy of each face and style from the face itself. Structure thereby learns to
ignore colour, and the style alone carries it.
"""

import math
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from l2sae.data import FaceBatch
from l2sae.model import L2SAE
from l2sae.params import SWAP_LOSSES, LossWeights, Params
from l2sae.training.adversary import Adversary, Fakes
from l2sae.training.averages import Averages
from l2sae.training.batches import half_size, triples_of
from l2sae.training.engine import Engine
from l2sae.training.losses import (
    matte_loss,
    reconstruction_loss,
    roi_reconstruction_loss,
    structural_loss,
)
from l2sae.training.optimizers import build_optimizers, rate_factor
from l2sae.training.pairs import Decoded, Pair, draw_pair, neighbours
from l2sae.training.shares import backward_side_by_side, shares
from l2sae.training.start import build_model
from l2sae.training.states import optimizer_tensors, restore_optimizer
from l2sae.training.style_losses import patch_loss, statistics_loss, swap_loss
from l2sae.training.triples import Triples
from l2sae.training.validation import gradient_norms

GRADIENT_NORM = 1.0


class DivergenceError(RuntimeError):
    """A loss is no longer finite; the message says at which step and what to change."""


def decode_pair(model: L2SAE, pair: Pair, weights: LossWeights) -> Decoded:
    """Encode the structure of the source and the style of the target, and decode them.

    Where a loss needs it, each structure is also decoded with its neighbour's style.
    """
    structure = model.encode_structure(pair.source)
    logits = model.mask_logits(structure)
    mattes = torch.sigmoid(logits)
    style = model.style_encoder(pair.target, mattes.detach())
    output, swapped = model.generator(structure, style, mattes), None
    if weights.gan or weights.cooccurrence or weights.statistics or weights.patches:
        swapped = model.generator(structure, style[neighbours(len(style), style.device)], mattes)
    return Decoded(structure, style, logits, mattes, output, swapped)


def decode_triples(model: L2SAE, triples: Triples) -> tuple[Tensor, Tensor]:
    """Decode the contents' structures with the references' styles, and with their own: two of (T, 3, H, W).

    The first is what an edit decodes. The masks of the references are known, so their structures need no encoding.
    """
    structure = model.encode_structure(triples.content)
    mattes = torch.sigmoid(model.mask_logits(structure))
    pictures, masks = torch.cat([triples.reference, triples.content]), [triples.reference_masks, mattes.detach()]
    styles = model.style_encoder(pictures, torch.cat(masks))
    new, old = model.generator(structure.repeat(2, 1, 1, 1), styles, mattes.repeat(2, 1, 1, 1)).chunk(2)
    return new, old


def pair_losses(decoded: Decoded, pair: Pair, weights: LossWeights) -> dict[str, Tensor]:
    """The losses of reconstruction and swap that have a weight, by name; always computed in float32."""
    output, logits = decoded.output.float(), decoded.logits.float()
    losses = {
        "l1": lambda: reconstruction_loss(output, pair.target),
        "roi": lambda: roi_reconstruction_loss(output, pair.target, pair.masks),
        "ssim": lambda: structural_loss(output, pair.target),
        "matte": lambda: matte_loss(logits, pair.masks),
        "statistics": lambda: statistics_loss(*_swap_and_reference(decoded, pair)),
        "patches": lambda: patch_loss(*_swap_and_reference(decoded, pair), *_patches_to_compare(pair)),
    }
    return {name: loss() for name, loss in losses.items() if getattr(weights, name) > 0}


def triple_loss(swaps: tuple[Tensor, Tensor], triples: Triples) -> Tensor:
    """The swap loss of what `decode_triples` gave, in float32."""
    new, old = (images.float() for images in swaps)
    return swap_loss(new, old, triples.content, triples.truth, triples.matte)


def _swap_and_reference(decoded: Decoded, pair: Pair) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The swapped pictures with their masks, and their references with theirs."""
    if decoded.swapped is None:
        raise ValueError("this pair was decoded without swaps")
    other = neighbours(len(pair.target), pair.target.device)
    return decoded.swapped.float(), pair.masks, pair.target[other], pair.masks[other]


def _patches_to_compare(pair: Pair) -> tuple[Tensor, Tensor]:
    if pair.filters is None or pair.places is None:
        raise ValueError("this pair was drawn without patches")
    return pair.filters, pair.places


def training_losses(model: L2SAE, batch: FaceBatch, params: Params, generator: torch.Generator) -> dict[str, Tensor]:
    """The losses of `pair_losses`, for one batch and fresh draws."""
    weights, pair = params.train.loss, draw_pair(batch, params, generator, len(model.rois))
    return pair_losses(decode_pair(model, pair, weights), pair, weights)


def weighted_sum(losses: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """The total of named losses under their weights."""
    return torch.stack([getattr(weights, name) * value for name, value in losses.items()]).sum()


def loss_weights(params: Params, progress: float) -> LossWeights:
    """The weights at a point of the training: those of swaps are 0 until ``train.style_from``.

    A swap teaches little, and costs as much, while the model cannot yet reconstruct.
    """
    weights = params.train.loss
    if progress >= params.train.style_from:
        return weights
    return weights.model_copy(update=dict.fromkeys(SWAP_LOSSES, 0.0))


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
        self.weights = params.train.loss  # of the present step
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
        self.weights = loss_weights(self.params, progress)
        values, shown = self._backward(self._draw(batch))
        self._update_model(values)
        if self.adversary:
            judged = self.engine.mean(self.adversary.update(shown, self.steps, factor))
            self._require_finite(judged, 0.0)
            values |= judged
        self.steps += 1
        return values

    def _draw(self, batch: FaceBatch) -> Pair:
        """Make every random draw of a step, for the whole batch, so that devices do not change the draws."""
        images, labels, triples = batch.images.to(self.device), batch.labels.to(self.device), triples_of(batch)
        pair = draw_pair(FaceBatch(images, labels), self.params, self.generator, len(self.model.rois))
        pair = replace(pair, triples=triples.to(self.device)) if triples and self.weights.swap else pair
        return self.adversary.draw(pair, self.generator) if self.adversary else pair

    def _backward(self, pair: Pair) -> tuple[dict[str, float], list[tuple[Pair, Fakes]]]:
        """Gradients of this process's share of a batch, in ``train.accumulate`` parts.

        On a CPU the shares of a part run side by side, one thread each.

        Returns:
            The losses by name, and the real and decoded images that the discriminators learn from.
        """
        engine, count = self.engine, self.params.train.accumulate
        pair, sums, shown = pair.part(engine.rank, engine.size), Averages(), []
        for part in (pair.part(index, count) for index in range(count)):
            cut = self._shares(part)
            shares_of_part = [part.part(index, cut) for index in range(cut)]
            for values, seen in backward_side_by_side(self._losses, shares_of_part, list(self.model.parameters())):
                sums.add(values)
                shown += [seen] if seen else []
        return engine.mean(sums.pop()), shown

    def _shares(self, part: Pair) -> int:
        if self.params.train.compile:  # compiled networks are called from one thread
            return 1
        count = len(part.target)
        return shares(math.gcd(count, 2 * len(part.triples.content)) if part.triples else count, self.device)

    def _losses(self, part: Pair) -> tuple[Tensor, tuple[dict[str, float], tuple[Pair, Fakes] | None]]:
        """The total loss of a share of a batch; its losses by name, and what the discriminators learn from."""
        weights = self.weights
        with self.engine.autocast():
            decoded = decode_pair(self.model, part, weights)
            swaps = decode_triples(self.model, part.triples) if part.triples else None
            fakes = self.adversary.make_fakes(self.model, decoded, part) if self.adversary else None
            losses = self.adversary.generator_losses(fakes, part) if self.adversary and fakes else {}
        losses |= pair_losses(decoded, part, weights)
        if swaps and part.triples:
            losses["swap"] = triple_loss(swaps, part.triples)
        total = weighted_sum(losses, weights) / self.params.train.accumulate
        values = {name: value.item() for name, value in losses.items()}
        return total, (values, (part, fakes.detached()) if fakes else None)

    def _update_model(self, values: dict[str, float]) -> None:
        """Average the gradients over all processes, clip them, and step the optimisers and the weight average."""
        self.engine.average_gradients(self.model.parameters())
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_NORM).item()
        self._clipped = max(1.0, norm / GRADIENT_NORM)
        self._require_finite(values, norm)
        for optimizer in self.optimizers:
            optimizer.step()
        self.average.update_parameters(self.model)

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
