"""Weights made for some regions fit a model with others: what both have moves, what is new stays."""

from typing import Any

import torch

from l2sae.model import L2SAE
from l2sae.model.adaptation import adapt_weights, new_slices
from l2sae.rois import Roi

SLICES = {"hair": slice(0, 3), "skin": slice(3, 5), "context": slice(5, 8)}


def test_new_and_wider_slices_are_named() -> None:
    assert new_slices(SLICES, SLICES) == []
    assert new_slices(SLICES, {"skin": slice(0, 2), "beard": slice(2, 4), "context": slice(4, 8)}) == [
        "beard",
        "context",
    ]


def model_of(make_params: Any, names: tuple[str, ...], seed: int) -> L2SAE:
    params = make_params()
    rois = tuple(Roi(name=name, channels=2, parts=(name,)) for name in names)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return L2SAE(params.model, rois, params.data.image_size).eval()


def test_regions_take_their_weights_along_in_another_order(make_params: Any, images: torch.Tensor) -> None:
    old, new = model_of(make_params, ("hair", "skin"), 0), model_of(make_params, ("skin", "hair"), 1)
    new.load_state_dict(adapt_weights(old.state_dict(), old.slices, new.state_dict(), new.slices), strict=False)
    with torch.no_grad():
        before, after = old.encode(images).mattes, new.encode(images).mattes
    torch.testing.assert_close(after, before.flip(1), atol=1e-5, rtol=1e-4)


def test_a_new_region_keeps_the_models_own_weights(make_params: Any) -> None:
    old, new = model_of(make_params, ("hair",), 0), model_of(make_params, ("hair", "beard"), 1)
    own = {name: value.clone() for name, value in new.state_dict().items()}
    adapted = adapt_weights(old.state_dict(), old.slices, own, new.slices)
    assert torch.equal(adapted["mask_predictor.stems.0.weight"], old.state_dict()["mask_predictor.stems.0.weight"])
    assert torch.equal(adapted["mask_predictor.stems.1.weight"], own["mask_predictor.stems.1.weight"])
    head = adapted["structure_encoder.head.weight"]
    assert torch.equal(head[:2], old.state_dict()["structure_encoder.head.weight"][:2])
    assert torch.equal(head[2:4], own["structure_encoder.head.weight"][2:4])
