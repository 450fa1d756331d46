"""The adversary: built only where a loss has a weight, learning in turn with the model, and part of a kept state."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from l2sae.data import FaceBatch
from l2sae.params import Params
from l2sae.training import Trainer, adversary, train
from l2sae.training.adversary import LARGEST, SMALLEST, Adversary, crop_patches
from l2sae.training.pairs import draw_pair, neighbours
from l2sae.training.step import decode_pair

MakeParams = Callable[..., Params]
WEIGHTS = {"gan": 1.0, "noise_gan": 0.5, "cooccurrence": 1.0, "r1": 10.0, "cooccurrence_r1": 1.0}
SMALL = {"train.adversary": {"width": 16, "patch_width": 12, "crops": 2, "r1_interval": 2, "learning_rate": 0.002}}


def weighted(**weights: float) -> dict[str, Any]:
    return SMALL | {f"train.loss.{name}": value for name, value in weights.items()}


ALL = weighted(**WEIGHTS)


def copies(module: nn.Module) -> list[Tensor]:
    return [weight.detach().clone() for weight in module.parameters()]


def same(before: list[Tensor], module: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))


def test_without_an_adversarial_weight_no_discriminator_is_built(
    batch: FaceBatch, make_params: MakeParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(adversary, "ImageDiscriminator")
    monkeypatch.delattr(adversary, "PatchDiscriminator")
    run = Trainer(make_params(weighted(r1=10.0, cooccurrence_r1=1.0)))  # penalties alone need no discriminator
    assert run.adversary is None
    assert run.step(batch, 0.0).keys() == {"l1", "roi", "ssim", "matte"}
    with pytest.raises(NameError):
        Trainer(make_params(weighted(gan=1.0)))


@pytest.mark.parametrize(
    ("weights", "networks", "reported"),
    [
        ({"gan": 1.0}, {"image"}, {"gan", "discriminator"}),
        ({"noise_gan": 1.0}, {"image"}, {"noise_gan", "discriminator"}),
        ({"cooccurrence": 1.0}, {"patch"}, {"cooccurrence", "cooccurrence_discriminator"}),
        ({"gan": 1.0, "r1": 10.0}, {"image"}, {"gan", "discriminator", "r1"}),
        (
            WEIGHTS,
            {"image", "patch"},
            set(WEIGHTS) | {"discriminator", "cooccurrence_discriminator"},
        ),
    ],
)
def test_a_loss_costs_only_where_it_has_a_weight(
    batch: FaceBatch, make_params: MakeParams, weights: dict[str, float], networks: set[str], reported: set[str]
) -> None:
    run = Trainer(make_params(weighted(**weights)))
    assert run.adversary is not None
    assert set(run.adversary.networks) == networks
    assert run.step(batch, 0.0).keys() == {"l1", "roi", "ssim", "matte"} | reported
    assert {f"grad/{name}_discriminator" for name in networks} <= run.gradient_norms().keys()


def test_penalties_are_taken_every_few_steps(batch: FaceBatch, make_params: MakeParams) -> None:
    run = Trainer(make_params(ALL))
    taken = ["r1" in run.step(batch, 0.0) for _ in range(4)]
    assert taken == [True, False, True, False]


def test_lazy_penalties_rescale_the_learning_rate_and_the_betas(make_params: MakeParams) -> None:
    run = Trainer(make_params(weighted(gan=1.0, cooccurrence=1.0, r1=10.0)))
    assert run.adversary is not None
    image, patch = run.adversary.optimizer.param_groups
    assert image["lr"] == pytest.approx(0.002 * 2 / 3)
    assert image["betas"] == pytest.approx((0.0, 0.99 ** (2 / 3)))
    assert (patch["lr"], patch["betas"]) == (0.002, (0.0, 0.99))


def test_each_side_learns_in_its_own_phase_alone(batch: FaceBatch, make_params: MakeParams) -> None:
    run = Trainer(make_params(ALL))
    assert run.adversary is not None
    model, networks = copies(run.model), copies(run.adversary.networks)
    _, shown = run._backward(run._draw(batch))
    assert all(weight.grad is None for weight in run.adversary.networks.parameters())
    gradients = [weight.grad.clone() for weight in run.model.parameters() if weight.grad is not None]
    run.adversary.update(shown, 0, 1.0)
    after = [weight.grad for weight in run.model.parameters() if weight.grad is not None]
    assert all(torch.equal(a, b) for a, b in zip(gradients, after, strict=True))
    assert same(model, run.model)
    assert not same(networks, run.adversary.networks)


def test_the_adversarial_losses_alone_reach_the_encoders_and_the_generator(
    batch: FaceBatch, make_params: MakeParams
) -> None:
    off = {f"train.loss.{name}": 0.0 for name in ("l1", "roi", "ssim", "matte")}
    run = Trainer(make_params(ALL | off | {"train.recolour": 0.0}))
    run._backward(run._draw(batch))
    for network in (run.model.structure_encoder, run.model.style_encoder, run.model.generator):
        assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_the_discriminators_learn_to_tell_fixed_images_apart(batch: FaceBatch, make_params: MakeParams) -> None:
    run = Trainer(make_params(weighted(gan=1.0, cooccurrence=1.0) | {"train.recolour": 0.0}))
    assert run.adversary is not None
    _, shown = run._backward(run._draw(batch))
    values = [run.adversary.update(shown, step, 1.0) for step in range(40)]
    for name in ("discriminator", "cooccurrence_discriminator"):
        assert values[-1][name] < 0.7 * values[0][name]


def test_a_recoloured_target_neither_counts_as_real_nor_has_to_look_real(
    batch: FaceBatch, make_params: MakeParams
) -> None:
    params = make_params(weighted(gan=1.0, noise_gan=1.0) | {"train.recolour": 1.0})
    run = Trainer(params)
    values, shown = run._backward(run._draw(batch))
    assert (values["gan"], values["noise_gan"]) == (0, 0)
    assert run.adversary is not None
    assert run.adversary.update(shown, 0, 1.0)["discriminator"] == 0


def test_swaps_take_the_neighbours_style_and_noise_moves_styles(batch: FaceBatch, make_params: MakeParams) -> None:
    params = make_params(ALL)
    run = Trainer(params)
    judge = Adversary.of(params, run.engine)
    assert judge is not None
    pair = judge.draw(draw_pair(batch, params, run.generator, len(run.model.rois)), run.generator)
    with torch.no_grad():
        decoded = decode_pair(run.model, pair, params.train.loss)
        fakes = judge.make_fakes(run.model, decoded, pair)
        swapped = run.model.generator(decoded.structure, decoded.style[[1, 0, 3, 2, 5, 4, 7, 6]], decoded.mattes)
        still = judge.make_fakes(run.model, decoded, replace(pair, noise=torch.zeros_like(decoded.style)))
    torch.testing.assert_close(fakes.swapped, swapped)
    assert torch.equal(fakes.swapped_natural, pair.natural.float()[[1, 0, 3, 2, 5, 4, 7, 6]])
    torch.testing.assert_close(still.noised, decoded.output)
    assert fakes.noised is not None
    assert (fakes.noised - decoded.output).abs().max() > 1e-4


def test_a_killed_adversarial_training_goes_on_bit_for_bit(
    prepared: Path, make_params: MakeParams, tmp_path: Path
) -> None:
    every = {"train.checkpoint": {"steps": 1, "seconds": None}, "train.steps": 5}
    params = make_params(ALL | every)
    whole = train(params, prepared, lambda *_: None)

    def killed(step: int, values: dict[str, float]) -> None:
        if step == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(params, prepared, killed, tmp_path)
    again = train(params, prepared, lambda *_: None, tmp_path)
    assert again.resumed == 3
    first, second = whole.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("recolour", [0.0, 0.5])
def test_two_runs_with_one_seed_stay_bit_equal(prepared: Path, make_params: MakeParams, recolour: float) -> None:
    params = make_params(ALL | {"train.recolour": recolour})
    first, second = (train(params, prepared, lambda *_: None).model.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_neighbours_are_neighbours_whatever_even_share_is_looked_at(count: int) -> None:
    found = neighbours(count, torch.device("cpu"))
    assert found[found].tolist() == list(range(count))
    assert (found == torch.arange(count)).sum() == count % 2
    if count == 8:
        assert torch.equal(found[:4], neighbours(4, torch.device("cpu")))


def box(side: float, top: float, left: float) -> Tensor:
    """The draws that give a patch of this side and place, all as shares of the image."""
    size = (side - SMALLEST) / (LARGEST - SMALLEST)
    return torch.tensor([[[size, top / (1 - side), left / (1 - side)]]])


def test_a_patch_of_its_own_size_is_a_slice() -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    patch = crop_patches(image, box(8 / 32, 12 / 32, 5 / 32), 8)
    assert patch.shape == (1, 1, 3, 8, 8)
    torch.testing.assert_close(patch[0, 0], image[0, :, 12:20, 5:13], rtol=1e-4, atol=1e-5)


def test_a_small_patch_is_enlarged_as_interpolate_does() -> None:
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    patch = crop_patches(image, box(4 / 32, 10 / 32, 20 / 32), 8)[0, 0]
    near = image[:, :, 9:15, 19:25]  # a pixel more on each side, which the border samples reach into
    expected = torch.nn.functional.interpolate(near, scale_factor=2, mode="bilinear", align_corners=False)
    torch.testing.assert_close(patch, expected[0, :, 2:-2, 2:-2], rtol=1e-4, atol=1e-5)


def test_patches_stay_inside_and_pass_gradients_on() -> None:
    generator = torch.Generator().manual_seed(1)
    image = torch.full((2, 3, 32, 32), 0.25, requires_grad=True)
    patches = crop_patches(image, torch.rand(2, 50, 3, generator=generator), 8)
    assert patches.shape == (2, 50, 3, 8, 8)
    torch.testing.assert_close(patches, torch.full_like(patches, 0.25))
    patches.sum().backward()
    assert image.grad is not None
    assert image.grad.any()
