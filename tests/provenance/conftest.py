from pathlib import Path

import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray
from PIL import Image


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """A public-domain photo of a face, (256, 256, 3) uint8."""
    return np.array(Image.fromarray(skimage.data.astronaut()[:280, 90:370]).resize((256, 256)))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of keys and log."""
    folder = tmp_path / "home"
    monkeypatch.setenv("L2SAE_HOME", str(folder))
    return folder
