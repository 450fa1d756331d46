from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A copy of the shipped parameter file with its presets, free to be changed."""
    (tmp_path / "presets").mkdir()
    for preset in (REPOSITORY / "presets").glob("*.yaml"):
        (tmp_path / "presets" / preset.name).write_text(preset.read_text())
    path = tmp_path / "params.yaml"
    path.write_text((REPOSITORY / "params.yaml").read_text())
    return path
