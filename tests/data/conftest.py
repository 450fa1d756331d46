"""Makes ``trees``, the writer of miniature data sets, importable from the tests beside it."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from trees import lapa_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return lapa_folder(tmp_path / "source", {"train": 12, "test": 4})
