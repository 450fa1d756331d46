"""Fixtures that several parts of the package test with."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # set before torch comes: workers and their kernels take one core each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import skimage.data
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.data import FaceDataset, open_split, prepare, render_faces
from l2sae.editing import align
from l2sae.model import L2SAE, save_model
from l2sae.params import Params, load_params
from l2sae.pictures.crops import CropTransform
from l2sae.training import build_model

PARAMS_FILE = Path(__file__).parents[1] / "params.yaml"
TINY = {"data.image_size": 64, "model.structure_width": 8, "model.width": 16, "model.style_dim": 8}
SMALL = {
    "preset": "smoke",
    "data.count": 24,
    "data.image_size": 32,
    "data.split": {"train": 0.5, "val": 0.0, "test": 0.5},
    "model.width": 16,
    "model.style_dim": 8,
    "evaluate.bootstrap": 20,
    "evaluate.pairs_per_image": 2,
    "train.batch_size": 2,
    "figures.faces": 3,
}


@pytest.fixture(scope="session", autouse=True)
def _home_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keys and audit log of the tests, instead of the user's."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("L2SAE_HOME", str(home))
        for name in ("L2SAE_CERTIFICATE", "L2SAE_PRIVATE_KEY", "L2SAE_TRUST_ANCHORS"):
            patch.delenv(name, raising=False)
        yield home


@pytest.fixture(autouse=True)
def _pictures_are_face_crops(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of models without training take pictures as face crops, but those that are marked ``finds_faces``."""
    if "finds_faces" not in request.keywords:
        monkeypatch.setattr(align, "find_faces", lambda picture: [_whole(*picture.shape[:2])])
        monkeypatch.setattr(align, "without_cast", lambda picture, points: picture)


def _whole(height: int, width: int) -> SimpleNamespace:
    """A face that fills a picture."""
    crop = CropTransform(width / 2, height / 2, float(max(height, width)))
    return SimpleNamespace(crop_transform=lambda: crop, landmarks=np.zeros((478, 2)))


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Tensors as small as the tests' gain nothing from threads, which wait for each other on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_params() -> Params:
    return load_params(PARAMS_FILE, TINY)


@pytest.fixture(scope="session")
def tiny_model(tiny_params: Params) -> L2SAE:
    """A seeded, untrained model of 64 x 64 images whose mattes are sharp, and so are 0 in places."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        model = L2SAE(tiny_params.model, tiny_params.rois, tiny_params.data.image_size).eval()
    with torch.no_grad():
        model.mask_predictor.trunk[-1].weight.mul_(60)
    return model


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_model: L2SAE, tiny_params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(tiny_model, path, tiny_params)
    return path


@pytest.fixture(scope="session")
def faces() -> torch.Tensor:
    """Three rendered faces (3, 3, 64, 64) in [-1, 1]."""
    return render_faces(3, size=64, seed=5).images


@pytest.fixture(scope="session")
def photos(faces: torch.Tensor) -> list[NDArray[np.uint8]]:
    """The same faces as photos of odd sizes, larger than the model's; the first is (97, 131, 3) uint8."""
    squares = [((face + 1) * 127.5).round().byte().permute(1, 2, 0).numpy() for face in faces]
    sizes = [(131, 97), (64, 64), (80, 151)]
    return [np.array(Image.fromarray(face).resize(size)) for face, size in zip(squares, sizes, strict=True)]


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """A public-domain photo of a face, (256, 256, 3) uint8."""
    return np.array(Image.fromarray(skimage.data.astronaut()[:280, 90:370]).resize((256, 256)))


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(PARAMS_FILE, SMALL)


@pytest.fixture(scope="session")
def prepared(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluation") / "prepared"
    prepare(params, folder, progress=lambda line: None)
    return folder


@pytest.fixture(scope="session")
def test_split(prepared: Path) -> FaceDataset:
    return open_split(prepared, "test")


@pytest.fixture(scope="session")
def train_split(prepared: Path) -> FaceDataset:
    return open_split(prepared, "train")


@pytest.fixture(scope="session")
def model(params: Params) -> L2SAE:
    """A model with random weights whose mattes are half on, so that every ROI counts as found."""
    model = build_model(params).eval()
    with torch.no_grad():
        model.style_scale.fill_(0.5)
    return model
