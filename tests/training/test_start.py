"""What a training starts from: random weights, the shipped model, or a checkpoint, of other ROIs too."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from l2sae.model import CheckpointError, save_model
from l2sae.training import build_model, starting_point, states
from tests.training.conftest import MakeParams


def equal_weights(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def test_init_starts_from_the_weights_of_a_checkpoint(make_params: MakeParams, tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    start = build_model(make_params({"seed": 7}))
    save_model(start, path, make_params({"seed": 7}))
    assert equal_weights(build_model(make_params({"train.init": str(path)})).state_dict(), start.state_dict())
    assert not equal_weights(build_model(make_params()).state_dict(), start.state_dict())


def test_init_shipped_starts_from_the_shipped_model(
    make_params: MakeParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shipped.safetensors"
    start = build_model(make_params({"seed": 7}))
    save_model(start, path, make_params())
    monkeypatch.setattr(states, "shipped_model_path", lambda: path)
    assert equal_weights(build_model(make_params({"train.init": "shipped"})).state_dict(), start.state_dict())


EARS = [
    {"name": "lips", "channels": 4, "parts": ["u_lip", "l_lip"]},
    {"name": "ears", "channels": 2, "parts": ["l_ear", "r_ear"]},
    {"name": "eyes", "channels": 2, "parts": ["l_eye", "r_eye"]},
    {"name": "hair", "channels": 4, "parts": ["hair"]},
]


@pytest.mark.parametrize("moments", [False, True])
def test_init_takes_over_the_slices_that_both_models_have(
    make_params: MakeParams, tmp_path: Path, moments: bool
) -> None:
    path, layout = tmp_path / "start.safetensors", {"model.moments": moments, "model.relief": moments}
    before = build_model(make_params(layout | {"seed": 7}))
    before.style_scale.uniform_(generator=torch.Generator().manual_seed(0))
    save_model(before, path, make_params(layout | {"seed": 7}))
    # lips, hair as before; eyes narrower; ears are new
    params = make_params(layout | {"rois": EARS, "train.init": str(path)})
    after, fresh = build_model(params), build_model(make_params(layout | {"rois": EARS}))
    if moments:
        look = before.params.style_dim
        colours = [model.style_scale[look:].view(-1, 3) for model in (before, after, fresh)]
        assert torch.equal(colours[1][0], colours[0][before.roi_names.index("lips")])
        assert torch.equal(colours[1][1], colours[2][1]), "ears begin anew"
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        old, new = before.encode_structure(images), after.encode_structure(images)
        for roi in ("lips", "hair"):
            torch.testing.assert_close(new[:, after.slices[roi]], old[:, before.slices[roi]])
            torch.testing.assert_close(after.masks(new)[roi], before.masks(old)[roi])
        torch.testing.assert_close(new[:, after.slices["context"]], old[:, before.slices["context"]])
    layers = [model.generator.to_layers.conv.weight.unflatten(0, (-1, 3)) for model in (before, after, fresh)]
    assert torch.equal(layers[1][0], layers[0][before.roi_names.index("lips")])
    assert torch.equal(layers[1][2], layers[0][before.roi_names.index("eyes")]), "a colour layer has no slice's width"
    assert torch.equal(layers[1][1], layers[2][1]), "ears begin anew"
    assert torch.equal(layers[1][-1], layers[0][-1]), "the rest"
    assert starting_point(params) == f"{path}, and random weights for ears, eyes"


def test_init_from_random_weights_or_from_the_same_rois_is_said(make_params: MakeParams, tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    save_model(build_model(make_params()), path, make_params())
    assert starting_point(make_params()) == "random weights"
    assert starting_point(make_params({"train.init": str(path)})) == str(path)


@pytest.mark.parametrize(
    "changes", [{"model.width": 16}, {"model.sliced": False}, {"model.structure_stride": 4}], ids=str
)
def test_init_from_a_model_of_another_size_is_refused_with_other_rois_too(
    changes: dict[str, Any], make_params: MakeParams, tmp_path: Path
) -> None:
    path = tmp_path / "start.safetensors"
    save_model(build_model(make_params()), path, make_params())
    for rois in ({}, {"rois": EARS}):
        with pytest.raises(CheckpointError, match=r"start\.safetensors: .* do not fit .*random weights: train"):
            build_model(make_params(changes | rois | {"train.init": str(path)}))
