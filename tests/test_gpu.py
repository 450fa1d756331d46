"""What only a CUDA device can show: training and editing there, against the same on the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from l2sae import Swap, edit, edit_folder, load_model
from l2sae.data import FaceBatch, open_split, prepare, render_faces
from l2sae.params import Params, load_params
from l2sae.pictures.display import as_pictures
from l2sae.training import Trainer, train
from l2sae.training.launch import MODEL, PARAMS

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
ROOT = Path(__file__).parents[1]
SMALL = {
    "preset": "quickstart", "data.count": 48, "data.image_size": 64, "model.structure_width": 12,
    "model.width": 32, "model.style_dim": 16,
    "data.split": {"train": 0.5, "val": 0.25, "test": 0.25}, "train.steps": 6, "train.batch_size": 8,
    "train.init": "random",
}  # fmt: skip
ADVERSARIAL = {f"train.loss.{name}": 1.0 for name in ("gan", "noise_gan", "cooccurrence", "r1", "cooccurrence_r1")} | {
    "train.adversary.width": 32, "train.adversary.patch_width": 24, "train.adversary.crops": 4,
    "train.adversary.r1_interval": 2,
}  # fmt: skip


def make(**changes: object) -> Params:
    return load_params(ROOT / "params.yaml", SMALL | changes)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gpu") / "prepared"
    prepare(make(), out, progress=lambda line: None)
    return out


@pytest.fixture(scope="module")
def batch(prepared: Path) -> FaceBatch:
    return open_split(prepared, "train").batch(range(8))


def weights(params: Params, prepared: Path) -> Tensor:
    model = train(params, prepared, lambda *_: None).model
    return torch.cat([weight.detach().flatten().cpu() for weight in model.parameters()])


@pytest.mark.parametrize("losses", [{}, ADVERSARIAL], ids=["default", "adversarial"])
def test_a_strict_training_repeats_bit_for_bit(prepared: Path, losses: dict[str, object]) -> None:
    params = make(device="cuda", **losses)
    assert params.determinism == "strict"
    assert torch.equal(weights(params, prepared), weights(params, prepared))


def test_losses_equal_those_on_the_cpu(batch: FaceBatch) -> None:
    found = Trainer(make(device="cuda")).step(batch, 0.0)
    assert found == pytest.approx(Trainer(make(device="cpu")).step(batch, 0.0), rel=1e-3)


@pytest.mark.parametrize("changes", [{"train.precision": "bf16"}, {"train.precision": "tf32"}, {"train.compile": True}])
def test_faster_ways_of_training_stay_near_the_exact_one(batch: FaceBatch, changes: dict[str, object]) -> None:
    base = {"device": "cuda", "determinism": "fast"} | ADVERSARIAL
    exact, fast = (Trainer(make(**(base | more))) for more in ({}, changes))
    for _ in range(3):
        expected, found = exact.step(batch, 0.0), fast.step(batch, 0.0)
    assert found == pytest.approx(expected, rel=0.1, abs=0.05)


def test_a_worker_that_reduces_with_nccl_ends_as_a_training_without(prepared: Path, tmp_path: Path) -> None:
    params = make(device="cuda")
    (tmp_path / PARAMS).write_text(params.model_dump_json(), encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=1"]
    worker = ["-m", "l2sae.training.worker", str(tmp_path), str(prepared), "-", "-", str(os.getpid())]
    done = subprocess.run(launcher + worker, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    found = load_model(tmp_path / MODEL, device="cpu")
    together = torch.cat([weight.detach().flatten() for weight in found.parameters()])
    assert torch.equal(together, weights(params, prepared))


def test_an_edit_differs_from_that_on_the_cpu_by_one_level_at_most() -> None:
    faces = as_pictures(render_faces(6, size=200, seed=3).images)
    on_cpu, on_cuda = (load_model(device=device) for device in ("cpu", "cuda"))
    for photo, reference in zip(faces[:3], faces[3:], strict=True):
        for compose in ("detail", "replace"):
            first, second = (
                edit(model, photo, rois=("hair", "skin", "lips"), style=Swap(reference), compose=compose)
                for model in (on_cpu, on_cuda)
            )
            assert first.shape == photo.shape
            assert np.abs(first.astype(int) - second).max() <= 1


def test_a_folder_is_edited_on_the_gpu(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    faces = as_pictures(render_faces(5, size=200, seed=4).images)
    for index, face in enumerate(faces):
        Image.fromarray(face).save(tmp_path / "photos" / f"{index}.png")
    table = edit_folder(
        load_model(device="cuda"), tmp_path / "photos", tmp_path / "edited", rois=("hair",), style=Swap(faces[0])
    )
    assert len(list((tmp_path / "edited").glob("*.png"))) == 5, table


def test_rendered_faces_are_those_of_the_cpu() -> None:
    first, second = (render_faces(16, size=128, seed=9, device=device) for device in ("cpu", "cuda"))
    assert second.images.device.type == "cuda"
    assert (first.images - second.images.cpu()).abs().mean() < 1e-3
    assert (first.labels != second.labels.cpu()).float().mean() < 1e-3
    assert json.dumps({k: v.tolist() for k, v in first.factors.items()}) == json.dumps(
        {k: v.tolist() for k, v in second.factors.items()}
    )
