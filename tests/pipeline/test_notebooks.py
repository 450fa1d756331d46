"""Notebooks are clean: no outputs, stable ids, and no code that belongs in the package."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from l2sae.pipeline.notebooks import clean, problems, read_notebook, write_notebook

REPOSITORY = Path(__file__).parents[1]


def test_clean_strips_what_is_volatile_and_keeps_ids_and_tags(tmp_path: Path) -> None:
    cell = v4.new_code_cell("1", id="keep", metadata={"tags": ["live"], "trusted": True}, execution_count=4)
    cell.outputs = [v4.new_output("stream", text="x")]
    notebook = v4.new_notebook(cells=[cell, v4.new_markdown_cell("a")], metadata={"widgets": {}})
    path = tmp_path / "demo.ipynb"
    nbformat.write(notebook, path)
    assert "holds outputs" in problems(path)[0]
    write_notebook(clean(read_notebook(path)), path)
    assert problems(path) == []
    first = read_notebook(path).cells[0]
    assert (first.id, first.metadata, first.outputs, first.execution_count) == ("keep", {"tags": ["live"]}, [], None)


@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
def test_clean_gives_missing_and_repeated_ids_a_stable_value() -> None:
    cells = [v4.new_code_cell("1", id="same"), v4.new_code_cell("1", id="same"), v4.new_code_cell("2", id="other")]
    first, second = (clean(v4.new_notebook(cells=cells)) for _ in range(2))
    assert [cell.id for cell in first.cells] == [cell.id for cell in second.cells]
    assert len({cell.id for cell in first.cells}) == 3
    assert (first.cells[0].id, first.cells[2].id) == ("same", "other")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class A:\n    pass", "cell 1: class A"),
        ("def f():\n" + "    x = 1\n" * 9, "cell 1: function f has 10 lines"),
        ("%matplotlib inline\n!ls\nx = 1", None),
    ],
)
def test_code_that_belongs_in_the_package_is_found(tmp_path: Path, source: str, expected: str | None) -> None:
    path = tmp_path / "demo.ipynb"
    write_notebook(clean(v4.new_notebook(cells=[v4.new_code_cell(source)])), path)
    assert (expected is None and problems(path) == []) or (expected is not None and expected in problems(path)[0])


def test_check_command_fails_on_a_dirty_notebook(tmp_path: Path) -> None:
    path = tmp_path / "demo.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1", execution_count=3)]), path)
    command = [sys.executable, "-m", "l2sae.pipeline.notebooks"]
    check = subprocess.run([*command, "check", path], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert check.returncode == 1
    assert str(path) in check.stderr
    subprocess.run([*command, "clean", path], cwd=REPOSITORY, check=True)
    assert subprocess.run([*command, "check", path], cwd=REPOSITORY, check=False).returncode == 0
