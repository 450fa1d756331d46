"""LPIPS, FID and identity: computed where package and weights are present, None with a command where not."""

import sys
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import nn

from l2sae.measures import optional_figures as perceptual
from l2sae.measures.evaluate import TestFaces as Faces
from l2sae.measures.identity import FILES
from l2sae.measures.metric_files import get

KEYS = ("reconstruction.lpips", "realism.fid", "identity.cosine")


@pytest.fixture
def split(model, test_split):
    return Faces(test_split, 5, len(model.rois), model.device)


def install(monkeypatch, name, **contents):
    module = ModuleType(name)
    module.__dict__.update(contents)
    module.__spec__ = sys.__spec__
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda asked: module if asked == name else None)


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


def test_what_is_not_installed_is_none_with_the_command_that_brings_it(model, split, monkeypatch):
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: None)
    figures = perceptual.optional_figures(model, split, "detail")
    assert [get(figures, key) for key in KEYS] == [None] * 3
    reasons = [get(figures, f"{key}_reason") for key in KEYS]
    for reason, extra in zip(reasons, ("lpips", "fid", "faces"), strict=True):
        assert f"pip install 'l2sae[{extra}]'" in reason


def test_absent_weights_are_named_with_the_command_that_fetches_them(tmp_path):
    with pytest.raises(perceptual.MissingPartError, match=f"curl -L .*{perceptual.ALEXNET} https://.*evaluate.weights"):
        perceptual.find_weights(perceptual.ALEXNET, None)
    with pytest.raises(perceptual.MissingPartError, match=f"-o {tmp_path}/"):
        perceptual.find_weights(perceptual.ALEXNET, tmp_path)


def test_weights_are_found_in_the_folder_and_in_the_cache(tmp_path):
    cached = tmp_path / "hub/checkpoints" / perceptual.INCEPTION
    cached.parent.mkdir(parents=True)
    cached.touch()
    assert perceptual.find_weights(perceptual.INCEPTION, None) == cached
    given = tmp_path / "mine" / perceptual.INCEPTION
    given.parent.mkdir()
    given.touch()
    assert perceptual.find_weights(perceptual.INCEPTION, given.parent) == given


def test_a_package_that_does_not_load_is_a_reason_not_a_crash(monkeypatch):
    monkeypatch.setattr(perceptual.importlib.util, "find_spec", lambda name: object())

    def broken(name):
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(perceptual.importlib, "import_module", broken)
    with pytest.raises(perceptual.MissingPartError, match=r"torchvision::nms.*l2sae\[lpips\]"):
        perceptual.import_extra("lpips", "lpips")


class FakeLPIPS(nn.Module):
    """Like ``lpips.LPIPS``: a network in slices that keep AlexNet's layer numbers; the distance is a weighted error."""

    def __init__(self, net, pnet_rand, verbose):
        super().__init__()
        assert (net, pnet_rand, verbose) == ("alex", True, False)
        self.net = nn.Module()
        self.net.slice2 = nn.Sequential()
        self.net.slice2.add_module("3", nn.Linear(1, 1))

    def forward(self, a, b):
        return self.net.slice2[0].weight.flatten()[0] * (a - b).abs().mean(dim=(1, 2, 3), keepdim=True)


def test_lpips_is_computed_with_the_weights_of_the_folder(model, split, monkeypatch, tmp_path):
    install(monkeypatch, "lpips", LPIPS=FakeLPIPS)
    values = []
    for scale in (1.0, 2.0):
        state = {"features.3.weight": torch.full((1, 1), scale), "features.3.bias": torch.zeros(1), "classifier": None}
        torch.save(state, tmp_path / perceptual.ALEXNET)
        values.append(get(perceptual.optional_figures(model, split, "detail", tmp_path), "reconstruction.lpips"))
    assert values[0] > 0
    assert values[1] == pytest.approx(2 * values[0])


def test_fid_compares_8_bit_edits_with_photos(model, split, monkeypatch, tmp_path):
    (tmp_path / perceptual.INCEPTION).touch()

    def calculate_metrics(input1, input2, feature_extractor_weights_path, **_):
        assert feature_extractor_weights_path == str(tmp_path / perceptual.INCEPTION)
        assert input1[0].dtype == torch.uint8
        assert len(input1) == len(input2) == 5
        different = sum(float((input1[i] != input2[i]).any()) for i in range(5))
        return {"frechet_inception_distance": different}

    install(monkeypatch, "torch_fidelity", calculate_metrics=calculate_metrics)
    assert get(perceptual.optional_figures(model, split, "detail", tmp_path), "realism.fid") > 0


def test_identity_of_unchanged_pictures_is_1_and_others_are_further_away(model, split, monkeypatch):
    pytest.importorskip("dlib")
    if perceptual.identity_files(None) is None:
        pytest.skip(f"{FILES[1]} is not installed")
    monkeypatch.setattr(perceptual, "MOST_FACES", 3)
    monkeypatch.setattr(
        perceptual, "edited_batches", lambda model, faces, compose: [(one[1], one[1]) for one in split.batches()]
    )
    figures = perceptual.optional_figures(model, split, "detail")
    assert get(figures, "identity.cosine") == pytest.approx(1)
    assert get(figures, "baseline.other_face.identity") < 0.999


def test_identity_reads_no_more_batches_than_it_needs(model, split, monkeypatch):
    read = []

    def batches(model, faces, compose):
        for photos in torch.zeros(3, 2, 3, 8, 8):
            read.append(len(photos))
            yield photos, photos

    monkeypatch.setattr(perceptual, "MOST_FACES", 1)
    monkeypatch.setattr(perceptual, "edited_batches", batches)
    monkeypatch.setattr(perceptual, "identity_files", lambda folder: [])
    monkeypatch.setattr(perceptual, "import_extra", lambda package, extra: None)
    monkeypatch.setattr(perceptual, "FaceEmbedding", lambda files: lambda picture, like=None: np.ones(2))
    assert get(perceptual.optional_figures(model, split, "detail"), "identity.cosine") == pytest.approx(1)
    assert len(read) == 1
