"""Small models and their parameters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from l2sae.model import L2SAE
from l2sae.params import Params, load_params

PARAMS_FILE = Path(__file__).parents[2] / "params.yaml"
TINY = {
    "preset": "quickstart",
    "device": "cpu",
    "data.image_size": 32,
    "model.structure_stride": 8,
    "model.structure_width": 4,
    "model.context_channels": 3,
    "model.style_dim": 12,
    "model.width": 8,
    "train.half_size": 0.0,
}

MakeParams = Callable[..., Params]
MakeModel = Callable[..., L2SAE]


def _make_params(overrides: dict[str, Any] | None = None) -> Params:
    return load_params(PARAMS_FILE, TINY | (overrides or {}))


def _make_model(overrides: dict[str, Any] | None = None, seed: int = 0) -> L2SAE:
    params = _make_params(overrides)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return L2SAE(params.model, params.rois, params.data.image_size).eval()


@pytest.fixture(scope="session")
def make_params() -> MakeParams:
    """Resolved parameters of a tiny model; takes dotted overrides."""
    return _make_params


@pytest.fixture(scope="session")
def make_model() -> MakeModel:
    """A tiny, freshly initialised model; takes dotted overrides and a seed."""
    return _make_model


@pytest.fixture
def images() -> torch.Tensor:
    """Four pictures of noise, (4, 3, 32, 32) in [-1, 1]."""
    return torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
