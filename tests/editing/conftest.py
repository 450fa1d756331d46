"""Sessions, recipes and named styles of the tiny model."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file

from l2sae.editing import Blend, EditSession, FaceWarning, Noise, Swap, named_styles
from l2sae.editing.named_styles import NamedStyle, pack_styles
from l2sae.editing.recipe_fields import digest_model
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


@pytest.fixture(autouse=True)
def _untrained_models_see_no_faces() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FaceWarning)
        yield


@pytest.fixture
def session(tiny_model: L2SAE, photos: Photos) -> EditSession:
    session = EditSession(tiny_model)
    session.load(photos[0])
    return session


@pytest.fixture
def files(photos: Photos, tmp_path: Path) -> Path:
    for name, photo in zip(("photo", "ref", "other"), photos, strict=True):
        Image.fromarray(photo).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.fixture
def layered(tiny_model: L2SAE, files: Path, photos: Photos) -> EditSession:
    """Every kind of style and reference, in layers."""
    layered = EditSession(tiny_model)
    layered.load(files / "photo.png")
    layered.add_layer("hair", Swap(files / "ref.png"), strength=0.8)
    layered.add_layer("skin", Blend([(photos[1], 0.3), (photos[2], 1.1)]), matte=np.eye(97, 131) * 0.7)
    layered.add_layer(("eyes", "lips"), Noise(1.3), seed=11)
    return layered


@pytest.fixture
def styles(tiny_model: L2SAE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[NamedStyle]:
    """Three styles of the tiny model, in the only folder that is looked at."""
    made = [
        NamedStyle("hair", "copper", torch.full((tiny_model.style_size,), 0.5), torch.tensor([50.0, 30.0, 40.0])),
        NamedStyle("hair", "silver", torch.full((tiny_model.style_size,), -0.5), torch.tensor([70.0, 0.0, 0.0])),
        NamedStyle("lips", "copper", torch.full((tiny_model.style_size,), 0.9), torch.tensor([40.0, 40.0, 20.0])),
    ]
    tensors, metadata = pack_styles(made, digest_model(tiny_model))
    save_file(tensors, tmp_path / named_styles.FILE, metadata)
    monkeypatch.setattr(named_styles, "FOLDERS", (tmp_path,))
    monkeypatch.setattr(named_styles, "_known", type(named_styles._known)())
    return made
