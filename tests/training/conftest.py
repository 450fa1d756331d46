"""A tiny prepared data set of rendered faces, and the parameters to train on it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from l2sae.data import FaceBatch, FaceDataset, open_split, prepare
from l2sae.params import Params, load_params

PARAMS_FILE = Path(__file__).parents[2] / "params.yaml"
TINY = {
    "preset": "quickstart",
    "device": "cpu",
    "data.image_size": 32,
    "data.count": 24,
    "data.split": {"train": 0.5, "val": 0.25, "test": 0.25},
    "model.structure_stride": 8,
    "model.structure_width": 4,
    "model.style_dim": 8,
    "model.width": 8,
    "train.steps": 4,
    "train.half_size": 0.0,
    "train.batch_size": 5,
    "train.warmup_steps": 0,
    "train.learning_rate": 2e-3,
    "train.ema_half_life": 2.0,
    "train.init": "random",
    "train.rendered_share": 0.0,
    "train.damage": 0.0,
}

MakeParams = Callable[..., Params]
LOSS_FUNCTIONS = {
    "l1": "reconstruction_loss",
    "roi": "roi_reconstruction_loss",
    "ssim": "structural_loss",
    "matte": "matte_loss",
    "statistics": "statistics_loss",
    "patches": "patch_loss",
}
ALL_LOSSES = {f"train.loss.{name}": 1.0 for name in LOSS_FUNCTIONS}


def _make_params(overrides: dict[str, Any] | None = None) -> Params:
    return load_params(PARAMS_FILE, TINY | (overrides or {}))


@pytest.fixture(scope="session")
def make_params() -> MakeParams:
    """Resolved parameters of a tiny training run; takes dotted overrides."""
    return _make_params


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prepared faces: 12 to train on, 6 to validate, 32 x 32 pixels."""
    out = tmp_path_factory.mktemp("data") / "prepared"
    prepare(_make_params(), out, progress=lambda line: None)
    return out


@pytest.fixture(scope="session")
def dataset(prepared: Path) -> FaceDataset:
    """The training split."""
    return open_split(prepared, "train")


@pytest.fixture(scope="session")
def batch(dataset: FaceDataset) -> FaceBatch:
    """The first eight faces of the training split."""
    return dataset.batch(range(8))
