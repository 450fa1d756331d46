"""Checkpoints: exact round trips, no pickle, atomic writes, and one clear error for every unusable file."""

import io
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from l2sae.model import (
    L2SAE,
    CheckpointError,
    checkpoint,
    load_model,
    load_params_of,
    load_weights,
    resolve_device,
    save_model,
)
from l2sae.params import Params

MakeModel = Callable[..., L2SAE]
MakeParams = Callable[..., Params]


@pytest.fixture
def model(make_model: MakeModel) -> L2SAE:
    """A model whose style statistics, too, are not those of a new one."""
    model = make_model(seed=4)
    generator = torch.Generator().manual_seed(6)
    model.style_mean.copy_(torch.randn(model.style_mean.shape, generator=generator))
    model.style_scale.copy_(torch.rand(model.style_scale.shape, generator=generator))
    return model


@pytest.fixture
def saved(model: L2SAE, make_params: MakeParams, tmp_path: Path) -> Path:
    path = tmp_path / "models" / "l2sae.safetensors"
    save_model(model, path, make_params())
    return path


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The JSON header of a safetensors file, and the number of bytes after it."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), len(content) - 8 - length


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("must not be called")


def test_a_round_trip_in_float32_is_bit_identical(model: L2SAE, saved: Path) -> None:
    loaded = load_model(saved, device="cpu")
    expected, found = model.state_dict(), loaded.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert all(value.dtype == torch.float32 for value in found.values())


def test_a_loaded_model_is_ready_for_inference(model: L2SAE, saved: Path, images: torch.Tensor) -> None:
    loaded = load_model(saved, device="cpu")
    assert not loaded.training
    assert (loaded.rois, loaded.image_size, loaded.slices) == (model.rois, model.image_size, model.slices)
    with torch.no_grad():
        found, expected = loaded.encode(images), model.encode(images)
        assert torch.equal(found.style, expected.style)
        decoded = model.decode(expected.structure, expected.style)
        assert torch.equal(loaded.decode(found.structure, found.style), decoded)


def test_float16_takes_half_the_space_and_stays_close(
    model: L2SAE, saved: Path, make_params: MakeParams, tmp_path: Path
) -> None:
    small = tmp_path / "small.safetensors"
    save_model(model, small, make_params(), dtype=torch.float16)
    assert 2 * read_header(small)[1] == read_header(saved)[1]
    loaded = load_model(small, device="cpu")
    for name, value in model.state_dict().items():
        assert loaded.state_dict()[name].dtype == torch.float32
        torch.testing.assert_close(loaded.state_dict()[name], value, rtol=1e-3, atol=1e-6)


def test_metadata_holds_parameters_and_slices(model: L2SAE, saved: Path, make_params: MakeParams) -> None:
    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
    assert Params.model_validate_json(metadata["params"]) == make_params() == load_params_of(saved)
    assert {name: slice(*ends) for name, ends in json.loads(metadata["slices"]).items()} == model.slices


def test_a_checkpoint_is_plain_tensors_and_needs_no_pickle(
    model: L2SAE, make_params: MakeParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in [(pickle, "load"), (pickle, "loads"), (pickle, "dump"), (pickle, "dumps"), (torch, "load")]:
        monkeypatch.setattr(module, name, refuse)
    path = tmp_path / "l2sae.safetensors"
    save_model(model, path, make_params())
    load_model(path, device="cpu")
    header, payload = read_header(path)
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    assert tensors.keys() == model.state_dict().keys()
    assert max(entry["data_offsets"][1] for entry in tensors.values()) == payload


def test_saving_twice_writes_equal_bytes(model: L2SAE, saved: Path, make_params: MakeParams, tmp_path: Path) -> None:
    save_model(model, tmp_path / "again.safetensors", make_params())
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_saving_replaces_an_older_file_and_leaves_nothing_beside_it(
    saved: Path, make_model: MakeModel, make_params: MakeParams
) -> None:
    other = make_model(seed=8)
    save_model(other, saved, make_params())
    assert torch.equal(load_model(saved, device="cpu").style_mean, other.style_mean)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def fail_when_moving(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr(os, "replace", interrupted)


def fail_when_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(tensors: object, path: str | Path, metadata: object) -> None:
        Path(path).write_bytes(b"half a file")
        raise OSError("disk is full")

    monkeypatch.setattr(checkpoint, "save_file", interrupted)


@pytest.mark.parametrize("fail", [fail_when_moving, fail_when_writing])
def test_an_interrupted_write_leaves_the_previous_file(
    fail: Callable[[pytest.MonkeyPatch], None],
    saved: Path,
    make_model: MakeModel,
    make_params: MakeParams,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = saved.read_bytes()
    fail(monkeypatch)
    with pytest.raises(OSError, match="disk is"):
        save_model(make_model(seed=9), saved, make_params())
    assert saved.read_bytes() == before


def make_missing(path: Path) -> None:
    path.unlink()


def make_empty(path: Path) -> None:
    path.write_bytes(b"")


def make_truncated_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def make_truncated_weights(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def make_pickled(path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, buffer)
    path.write_bytes(buffer.getvalue())


def make_foreign(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path)


def make_other_version(path: Path) -> None:
    save_file({"weight": torch.zeros(3)}, path, {"format": "l2sae-0"})


UNUSABLE = [
    pytest.param(make_missing, "no such checkpoint.*train", id="missing"),
    pytest.param(make_empty, "not a .*safetensors file.*train again", id="empty"),
    pytest.param(make_truncated_header, "not a .*safetensors file.*train again", id="truncated header"),
    pytest.param(make_truncated_weights, "not a .*safetensors file.*train again", id="truncated weights"),
    pytest.param(make_pickled, "not a .*safetensors file.*train again", id="pickle"),
    pytest.param(make_foreign, "written as something else, need l2sae-", id="foreign"),
    pytest.param(make_other_version, "written as l2sae-0, need l2sae-", id="other version"),
]


@pytest.mark.parametrize(("damage", "message"), UNUSABLE)
def test_an_unusable_file_is_one_error_that_names_it_and_says_what_to_do(
    damage: Callable[[Path], None], message: str, model: L2SAE, saved: Path
) -> None:
    damage(saved)
    for use in (load_model, load_params_of, lambda path: load_weights(model, path)):
        with pytest.raises(CheckpointError, match=message) as caught:
            use(saved)
        assert str(saved) in str(caught.value)


def test_parameters_of_another_version_are_refused(saved: Path) -> None:
    with safe_open(saved, framework="pt") as file:
        metadata = file.metadata()
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    params = json.loads(metadata["params"])
    params["model"]["unheard_of"] = 1
    save_file(weights, saved, metadata | {"params": json.dumps(params)})
    with pytest.raises(CheckpointError, match=r"l2sae\.safetensors.*not those of this version") as caught:
        load_model(saved)
    assert "unheard_of" in str(caught.value)


OTHER_LAYOUTS = [
    pytest.param({"model.width": 16}, id="width"),
    pytest.param({"model.style_dim": 5}, id="style_dim"),
    pytest.param({"model.structure_stride": 16}, id="stride"),
    pytest.param({"model.context_channels": 4}, id="context"),
    pytest.param({"rois": [{"name": "hair", "channels": 2, "parts": ["hair"]}]}, id="fewer rois"),
    pytest.param(
        {
            "rois": [
                {"name": name, "channels": channels, "parts": ["hair"]}
                for name, channels in [("hat", 2), ("skin", 2), ("eyes", 1), ("nose", 2), ("lips", 1)]
            ]
        },
        id="another roi of the same width",
    ),
]


@pytest.mark.parametrize("overrides", OTHER_LAYOUTS)
def test_weights_of_another_layout_are_refused_and_change_nothing(
    overrides: dict[str, Any], saved: Path, make_model: MakeModel
) -> None:
    other = make_model(overrides, seed=2)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    with pytest.raises(CheckpointError, match="rois and model parameters that the checkpoint was made with") as caught:
        load_weights(other, saved)
    assert str(saved) in str(caught.value)
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())


def test_a_file_whose_parameters_belie_its_weights_is_refused(
    model: L2SAE, make_params: MakeParams, tmp_path: Path
) -> None:
    path = tmp_path / "belied.safetensors"
    save_model(model, path, make_params({"model.width": 16}))
    with pytest.raises(CheckpointError, match=r"belied\.safetensors: .* do not fit"):
        load_model(path)


def test_without_a_path_the_shipped_model_is_loaded(model: L2SAE, saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "shipped_model_path", lambda: saved)
    assert torch.equal(load_model(device="cpu").style_mean, model.style_mean)


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_cuda_then_mps_then_cpu(
    cuda: bool, mps: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert resolve_device("auto") == torch.device(expected)


@pytest.mark.parametrize("name", ["cpu", "cuda:1", "mps"])
def test_a_named_device_is_taken_as_given(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", refuse)
    assert resolve_device(name) == torch.device(name)
