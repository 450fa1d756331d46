"""The objective: each loss only where it has a weight, structure from a recoloured copy, every weight reached."""

import pytest
import torch
from torch import Tensor

from l2sae.data import FaceBatch
from l2sae.model import L2SAE
from l2sae.training import build_model, objective, training_losses
from tests.training.conftest import ALL_LOSSES, LOSS_FUNCTIONS, MakeParams


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class RefusedError(AssertionError):
    """Something ran that must not."""


def refuse(*_: object, **__: object) -> None:
    raise RefusedError


@pytest.mark.parametrize(("name", "function"), LOSS_FUNCTIONS.items())
def test_a_loss_of_weight_zero_is_not_computed(
    batch: FaceBatch, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch, name: str, function: str
) -> None:
    with_it, without = make_params(ALL_LOSSES), make_params(ALL_LOSSES | {f"train.loss.{name}": 0.0})
    model = build_model(with_it)
    monkeypatch.setattr(objective, function, refuse)
    losses = training_losses(model, batch, without, generator())
    assert losses.keys() == LOSS_FUNCTIONS.keys() - {name}
    with pytest.raises(RefusedError):
        training_losses(model, batch, with_it, generator())


def test_every_loss_weight_is_covered_here(make_params: MakeParams) -> None:
    adversarial = {"gan", "noise_gan", "cooccurrence", "r1", "cooccurrence_r1"}  # tested with the adversary
    assert make_params().train.loss.model_dump().keys() == LOSS_FUNCTIONS.keys() | adversarial


def test_losses_reach_every_trainable_weight(batch: FaceBatch, make_params: MakeParams) -> None:
    params = make_params(ALL_LOSSES)
    model = build_model(params)
    torch.stack(list(training_losses(model, batch, params, generator()).values())).sum().backward()
    untouched = [name for name, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert untouched == []


def l1_between(model: L2SAE, source: Tensor, target: Tensor) -> float:
    """Error of decoding the structure of ``source`` with the style of ``target``."""
    with torch.no_grad():
        structure = model.encode_structure(source)
        style = model.style_encoder(target, torch.sigmoid(model.mask_logits(structure)))
        return (model.decode(structure, style) - target).abs().mean().item()


def test_without_recolouring_structure_and_style_come_from_the_face_itself(
    batch: FaceBatch, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objective, "recolour", refuse)
    params = make_params({"train.recolour": 0.0})
    model = build_model(params)
    losses = training_losses(model, batch, params, generator())
    assert losses["l1"].item() == pytest.approx(l1_between(model, batch.images, batch.images), rel=1e-5)
    with pytest.raises(RefusedError):
        training_losses(model, batch, make_params({"train.recolour": 0.5}), generator())


@pytest.mark.parametrize("share", [1e-9, 1.0])
def test_structure_sees_a_recoloured_copy_and_the_target_is_recoloured_in_its_share(
    batch: FaceBatch, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    monkeypatch.setattr(objective, "recolour", lambda images, *_, **__: -images)
    params = make_params({"train.recolour": share})
    model = build_model(params)
    target = -batch.images if share == 1.0 else batch.images
    losses = training_losses(model, batch, params, generator())
    assert losses["l1"].item() == pytest.approx(l1_between(model, -batch.images, target), rel=1e-5)
