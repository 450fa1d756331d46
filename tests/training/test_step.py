"""A step: each loss only where it has a weight, structure from a recoloured copy, every weight reached and averaged."""

import pytest
import torch
from torch import Tensor

from l2sae.data import FaceBatch
from l2sae.model import L2SAE
from l2sae.training import Trainer, build_model, pairs, step, training_losses
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
    monkeypatch.setattr(step, function, refuse)
    losses = training_losses(model, batch, without, generator())
    assert losses.keys() == LOSS_FUNCTIONS.keys() - {name}
    with pytest.raises(RefusedError):
        training_losses(model, batch, with_it, generator())


def test_every_loss_weight_is_covered_here(make_params: MakeParams) -> None:
    elsewhere = {"gan", "noise_gan", "cooccurrence", "r1", "cooccurrence_r1", "swap"}  # with the adversary, the triples
    assert make_params().train.loss.model_dump().keys() == LOSS_FUNCTIONS.keys() | elsewhere


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
        mattes = torch.sigmoid(model.mask_logits(structure))
        return (model.generator(structure, model.style_encoder(target, mattes), mattes) - target).abs().mean().item()


def test_without_recolouring_structure_and_style_come_from_the_face_itself(
    batch: FaceBatch, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "recolour", refuse)
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
    monkeypatch.setattr(pairs, "recolour", lambda images, *_, **__: -images)
    params = make_params({"train.recolour": share})
    model = build_model(params)
    target = -batch.images if share == 1.0 else batch.images
    losses = training_losses(model, batch, params, generator())
    assert losses["l1"].item() == pytest.approx(l1_between(model, -batch.images, target), rel=1e-5)


def test_the_weight_average_has_the_given_half_life(batch: FaceBatch, make_params: MakeParams) -> None:
    run = Trainer(make_params({"train.ema_half_life": 1.0}))
    snapshots = []
    for _ in range(3):
        run.step(batch, 0.0)
        snapshots.append([parameter.detach().clone() for parameter in run.model.parameters()])
    for averaged, first, second, third in zip(run.average.module.parameters(), *snapshots, strict=True):
        torch.testing.assert_close(averaged.detach(), first / 4 + second / 4 + third / 2, rtol=1e-4, atol=1e-6)


def test_without_a_half_life_the_result_is_the_last_model(batch: FaceBatch, make_params: MakeParams) -> None:
    run = Trainer(make_params({"train.ema_half_life": 0.0}))
    for _ in range(3):
        run.step(batch, 0.0)
    averaged, model = run.average.module.state_dict(), run.model.state_dict()
    assert all(torch.equal(averaged[name], model[name]) for name in model)


def test_a_step_reports_the_losses_and_uses_its_learning_rate(batch: FaceBatch, make_params: MakeParams) -> None:
    rates = {"train.learning_rate": 1e-3, "train.muon_learning_rate": 2e-3}
    params = make_params({"train.warmup_steps": 4, "model.width": 32, **rates, **ALL_LOSSES})
    run = Trainer(params)
    assert run.step(batch, 0.0).keys() == LOSS_FUNCTIONS.keys()
    assert [optimizer.param_groups[0]["lr"] for optimizer in run.optimizers] == pytest.approx([1e-3 / 4, 2e-3 / 4])
    run.step(batch, 0.0)
    assert [optimizer.param_groups[0]["lr"] for optimizer in run.optimizers] == pytest.approx([1e-3 / 2, 2e-3 / 2])
    assert run.steps == 2


def test_the_first_share_of_a_training_sees_faces_of_half_the_size(
    batch: FaceBatch, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, seen = Trainer(make_params({"train.half_size": 0.5})), list[tuple[int, ...]]()
    draw = step.draw_pair
    monkeypatch.setattr(step, "draw_pair", lambda shown, *rest: seen.append(shown.images.shape) or draw(shown, *rest))
    for progress in (0.0, 0.49, 0.5):
        run.step(batch, progress)
    size = batch.images.shape[-1]
    assert [shape[-1] for shape in seen] == [size // 2, size // 2, size]
