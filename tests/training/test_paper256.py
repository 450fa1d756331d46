"""The preset of the paper's size: every part of it exists, and its losses and optimiser take a step, scaled down."""

from pathlib import Path

import pytest
import torch

from l2sae.data import FaceBatch, render_faces
from l2sae.model import L2SAE
from l2sae.model.discriminators import ImageDiscriminator, PatchDiscriminator
from l2sae.params import Params, load_params
from l2sae.training import Trainer

PARAMS_FILE = Path(__file__).parents[2] / "params.yaml"
SCALED_DOWN = {
    "device": "cpu",
    "data.image_size": 64,
    "model.style_dim": 32,
    "model.width": 16,
    "train.batch_size": 4,
    "train.adversary.width": 16,
    "train.adversary.patch_width": 12,
    "train.adversary.crops": 2,
}


def paper256(overrides: dict[str, object] | None = None) -> Params:
    return load_params(PARAMS_FILE, {"preset": "paper256"} | (overrides or {}))


def test_the_model_has_the_papers_codes() -> None:
    params = paper256()
    with torch.device("meta"), torch.no_grad():
        model = L2SAE(params.model, params.rois, params.data.image_size)
        latents = model.encode(torch.empty(2, 3, 256, 256))
        assert latents.structure.shape == (2, 8, 16, 16)
        assert latents.style.shape == (2, 2048)
        assert model.decode(latents.structure, latents.style, latents.mattes).shape == (2, 3, 256, 256)
    assert model.roi_names == ("hair", "skin", "eyes", "nose", "lips")
    assert [roi.channels for roi in params.rois] == [2, 2, 1, 2, 1]


def test_the_discriminators_fit_its_images() -> None:
    train = paper256().train
    with torch.device("meta"), torch.no_grad():
        assert ImageDiscriminator(256, train.adversary.width)(torch.empty(4, 3, 256, 256)).shape == (4,)
        patches = torch.empty(1, train.adversary.crops, 3, 64, 64)
        assert PatchDiscriminator(64, train.adversary.patch_width)(patches, patches).shape == (1, 8)


def test_every_loss_of_the_paper_family_is_on_and_adam_is_the_swapping_autoencoders() -> None:
    train = paper256().train
    assert min(train.loss.l1, train.loss.gan, train.loss.noise_gan, train.loss.cooccurrence, train.loss.matte) > 0
    assert (train.loss.r1, train.loss.cooccurrence_r1) == (10, 1)
    assert (train.betas, train.weight_decay, train.muon_learning_rate, train.final_rate) == ((0, 0.99), 0, 0, 1)
    assert train.precision == "bf16"
    for devices in (1, 2, 4, 8):
        assert paper256({"train.devices": devices}).train.batch_size % devices == 0


@pytest.mark.parametrize("accumulate", [1, 2])
def test_steps_with_the_same_losses_change_every_network(accumulate: int) -> None:
    run = Trainer(paper256(SCALED_DOWN | {"train.accumulate": accumulate}))
    assert run.adversary is not None
    modules = {**dict(run.model.named_children()), **dict(run.adversary.networks.items())}
    before = {name: [w.detach().clone() for w in module.parameters()] for name, module in modules.items()}
    faces = render_faces(4, 64, seed=0, rois=run.params.rois)
    first, second = (run.step(FaceBatch(faces.images, faces.labels), 0.0) for _ in range(2))
    losses = {"l1", "roi", "matte", "gan", "noise_gan", "cooccurrence"}
    adversarial = {"discriminator", "cooccurrence_discriminator"}
    assert first.keys() == losses | adversarial | {"r1", "cooccurrence_r1"}
    assert second.keys() == losses | adversarial
    for name, module in modules.items():
        moved = [not torch.equal(a, b) for a, b in zip(before[name], module.parameters(), strict=True)]
        assert sum(moved) > 0.9 * len(moved), name
