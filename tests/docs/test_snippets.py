"""What README and tutorials show runs as it stands there: every Python block, and every ``l2sae`` command line."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from PIL import Image
from skimage.data import astronaut

from l2sae.cli import main
from l2sae.data import render_faces
from l2sae.model import shipped_model_path
from l2sae.params import load_params
from l2sae.pictures.display import as_pictures
from tests.docs.pages import REPOSITORY, Block, blocks

PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "docs/start.md",
    *sorted((REPOSITORY / "docs/tutorials").glob("*.md")),
]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of a reader of the tutorials: photos, a trained model, and the metrics of two runs."""
    faces = [Image.fromarray(face) for face in as_pictures(render_faces(3, size=256, seed=77).images)]
    for folder in ("photos", "models", "other"):
        (tmp_path / folder).mkdir()
    portrait = Image.fromarray(astronaut())
    for name in ("photo.jpg", "photos/anna.jpg"):
        portrait.save(tmp_path / name, quality=95)
    for name, face in zip(("other.jpg", "reference.jpg", "crop.jpg"), faces, strict=True):
        face.save(tmp_path / name, quality=95)
    shutil.copy(tmp_path / "crop.jpg", tmp_path / "photos/berta.jpg")
    shutil.copy(shipped_model_path(), tmp_path / "models/l2sae.safetensors")
    for name in ("metrics", "other/metrics", "benchmarks"):
        shutil.copytree(REPOSITORY / name.removeprefix("other/"), tmp_path / name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("L2SAE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.mark.slow
@pytest.mark.finds_faces
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_runs_from_top_to_bottom(page: Path, desk: Path) -> None:
    names: dict[str, Any] = {}
    for block in blocks(page):
        if block.note.startswith("not run:"):
            continue
        if block.kind == "python":
            code = "\n" * block.line + block.code  # so that a traceback names the page's own line
            exec(compile(code, page, "exec"), names)
        elif block.kind == "sh":
            _run_commands(block, page)
        elif block.kind == "yaml":
            _use_yaml(block, desk)


def _run_commands(block: Block, page: Path) -> None:
    for words in block.commands():
        if words[0] == "l2sae":
            done = CliRunner().invoke(main, words[1:])
            assert done.exit_code == 0, f"{page}, line {block.line}: {' '.join(words)}\n{done.output}"


def _use_yaml(block: Block, desk: Path) -> None:
    """A policy becomes the working folder's; anything else has to be a part of ``params.yaml`` that loads."""
    content = yaml.safe_load(block.code)
    if "purposes" in content:
        (desk / "policy.yaml").write_text(block.code)
    else:
        load_params(REPOSITORY / "params.yaml", dict(_dotted(content)))


def _dotted(tree: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for group, values in tree.items():
        found += (
            [(f"{group}.{key}", value) for key, value in values.items()]
            if isinstance(values, dict)
            else [(group, values)]
        )
    return found
