"""Stages depend on exactly the files that they import."""

from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat import v4

from l2sae.pipeline.dependencies import (
    PIPELINES,
    expected_dependencies,
    imported_modules,
    stage_sources,
    write_dependencies,
)

REPOSITORY = Path(__file__).parents[2]
PIPELINE = """\
# a comment that stays
stages:
  demo:
    cmd: python -m l2sae.pipeline.stage demo
    deps:
      - notebooks/demo.ipynb
      - l2sae/gone.py
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A miniature package: ``a`` imports ``b`` inside a function, and ``b`` reads an asset; nobody imports ``c``."""
    files = {
        "l2sae/__init__.py": "",
        "l2sae/pipeline/__init__.py": "",
        "l2sae/pipeline/stage.py": "",
        "l2sae/lazy/__init__.py": "",
        "l2sae/lazy/__init__.pyi": "from .inner import Name",
        "l2sae/lazy/inner.py": "",
        "l2sae/lazy/other.py": "",
        "l2sae/a.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import l2sae.c\n"
        "def f():\n    from l2sae.b import g\n",
        "l2sae/b.py": "from l2sae.lazy import Name\nWEIGHTS = 'weights.safetensors'\n",
        "l2sae/c.py": "",
        "l2sae/assets/weights.safetensors": "",
        "dvc.yaml": PIPELINE,
        "params.yaml": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "notebooks").mkdir()
    cell = v4.new_code_cell("%matplotlib inline\nfrom l2sae.a import f")
    nbformat.write(v4.new_notebook(cells=[cell]), tmp_path / "notebooks/demo.ipynb")
    return tmp_path


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_committed_pipelines_name_exactly_what_their_stages_import(pipeline: str) -> None:
    for name, stage in yaml.safe_load((REPOSITORY / pipeline).read_text())["stages"].items():
        expected = expected_dependencies(name, stage, REPOSITORY)
        assert stage["deps"] == expected, f"{name}: run python -m l2sae.pipeline.dependencies"


def test_only_figures_depends_on_how_figures_are_captioned() -> None:
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    assert [name for name, stage in stages.items() if "l2sae/figures/gallery.py" in stage["deps"]] == ["figures"]
    assert not [name for name, stage in stages.items() if "l2sae/bench/commands.py" in stage["deps"]]


def test_closure_follows_late_imports_stubs_and_files_but_not_types(project: Path) -> None:
    sources = set(stage_sources(project / "notebooks/demo.ipynb", project))
    assert {"l2sae/a.py", "l2sae/b.py", "l2sae/lazy/inner.py", "l2sae/assets/weights.safetensors"} <= sources
    assert not {"l2sae/c.py", "l2sae/lazy/other.py"} & sources


def test_writing_dependencies_keeps_comments_and_what_is_outside_the_package(project: Path) -> None:
    assert write_dependencies(project / "dvc.yaml", project)
    text = (project / "dvc.yaml").read_text()
    assert "# a comment that stays" in text
    assert "l2sae/gone.py" not in text
    assert yaml.safe_load(text)["stages"]["demo"]["deps"][0] == "notebooks/demo.ipynb"
    assert not write_dependencies(project / "dvc.yaml", project)


def test_relative_imports_are_resolved(project: Path) -> None:
    assert imported_modules("from .inner import Name", "l2sae.lazy", project) == {"l2sae.lazy.inner"}
    assert imported_modules("from . import inner", "l2sae.lazy", project) == {"l2sae.lazy.inner"}
