from pathlib import Path

import pytest
import torch

from l2sae.data import FaceDataset, open_split, prepare
from l2sae.model import L2SAE
from l2sae.params import Params, load_params
from l2sae.training import build_model

ROOT = Path(__file__).parents[2]
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


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(ROOT / "params.yaml", SMALL)


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
