"""Figures between training steps follow their definitions."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from l2sae.data import FaceBatch, open_split
from l2sae.model import Latents
from l2sae.params import Params
from l2sae.training import build_model, training_losses
from l2sae.training.engine import Engine
from l2sae.training.losses import roi_masks
from l2sae.training.validation import gradient_norms, validate

MakeParams = Callable[..., Params]


class Oracle(nn.Module):
    """Knows the answer: its mattes are the labels that it was given, and it decodes with a constant error of 0.2."""

    def __init__(self, batch: FaceBatch, rois: int):
        super().__init__()
        self.batch, self.rois = batch, range(rois)

    def encode(self, images: Tensor) -> Latents:
        return Latents(images, images, self.mattes())

    def decode(self, structure: Tensor, style: Tensor, mattes: Tensor) -> Tensor:
        return structure + 0.2

    def mattes(self) -> Tensor:
        return roi_masks(self.batch.labels, len(self.rois))


def test_validation_figures_follow_their_definitions(prepared: Path, make_params: MakeParams) -> None:
    validation = open_split(prepared, "val")
    batch = validation.batch(range(len(validation)))
    rois = len(make_params().rois)
    oracle, engine = Oracle(batch, rois), Engine(make_params())
    figures = validate(oracle, validation, engine)
    assert figures["val_psnr"] == pytest.approx(20, abs=1e-3)
    assert figures["val_miou"] == pytest.approx(1)
    oracle.batch = FaceBatch(batch.images, torch.where(batch.labels == 1, 0, batch.labels))
    assert validate(oracle, validation, engine)["val_miou"] == pytest.approx(1 - 1 / rois)
    assert oracle.training


def test_gradient_norms_are_those_of_each_network(batch: FaceBatch, make_params: MakeParams) -> None:
    params = make_params()
    model = build_model(params)
    assert gradient_norms(model) == {}
    losses = training_losses(model, batch, params, torch.Generator().manual_seed(0))
    torch.stack(list(losses.values())).sum().backward()
    norms = gradient_norms(model, scale=2.0)
    networks = ("structure_encoder", "style_encoder", "generator", "mask_predictor")
    assert norms.keys() == {f"grad/{name}" for name in networks}
    gradients = [weight.grad.flatten() for weight in model.generator.parameters()]
    assert norms["grad/generator"] == pytest.approx(2 * torch.cat(gradients).norm().item(), rel=1e-5)
