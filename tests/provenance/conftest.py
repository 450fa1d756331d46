from pathlib import Path

import pytest


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of keys and log."""
    folder = tmp_path / "home"
    monkeypatch.setenv("L2SAE_HOME", str(folder))
    return folder
