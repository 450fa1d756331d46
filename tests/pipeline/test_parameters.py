"""Parameters of a notebook are typed, and checked before a kernel starts."""

from pathlib import Path

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from l2sae.params import ParamsError
from l2sae.pipeline.notebooks import NotebookError, read_notebook
from l2sae.pipeline.parameters import declared_parameters, resolve_parameters, typed_parameters
from tests.pipeline.demo import TYPED, notebook

REPOSITORY = Path(__file__).parents[2]


def test_values_are_yaml_of_the_declared_type(folder: Path) -> None:
    path = notebook(folder / "demo.ipynb", parameters=TYPED)
    given = [("epochs", "3"), ("name", "n"), ("rate", "1e-3"), ("note", "null")]
    values = resolve_parameters(read_notebook(path), path, given)
    assert values == {"epochs": 3, "name": "n", "rate": 0.001, "note": None}


def test_untyped_parameter_takes_the_type_of_its_default(folder: Path) -> None:
    path = notebook(folder / "demo.ipynb", parameters="n = 3\nanything = None")
    declared = declared_parameters(read_notebook(path), path)
    assert declared["n"].type is int
    assert not declared["anything"].required
    with pytest.raises(NotebookError, match=r"n: .*integer"):
        resolve_parameters(read_notebook(path), path, [("n", "x")])


@pytest.mark.parametrize(
    ("cell", "expected"), [("import os", "line 1"), ("n: Foo = 1", "type Foo"), ("n: int =", "Pyth")]
)
def test_parameters_cell_holds_typed_declarations_only(folder: Path, cell: str, expected: str) -> None:
    path = notebook(folder / "demo.ipynb", parameters=cell)
    with pytest.raises(NotebookError, match=rf"cell 1 \(parameters\): .*{expected}"):
        resolve_parameters(read_notebook(path), path, [])


def test_dotted_keys_become_checked_overrides(folder: Path) -> None:
    file = REPOSITORY / "params.yaml"
    cell = f"params_file: str = {str(file)!r}\noverrides: dict = {{}}"
    path = notebook(folder / "demo.ipynb", parameters=cell)
    values = resolve_parameters(read_notebook(path), path, [("train.steps", "50"), ("preset", "smoke")])
    assert values == {"overrides": {"train.steps": 50, "preset": "smoke"}}
    with pytest.raises(ParamsError, match=r"unknown key train\.epohcs"):
        resolve_parameters(read_notebook(path), path, [("train.epohcs", "50")])
    with pytest.raises(ParamsError, match=r"train\.steps: .*integer \(got 'abc'\)"):
        resolve_parameters(read_notebook(path), path, [("train.steps", "abc")])


def test_what_papermill_guesses_gets_the_declared_types_in_a_kernel() -> None:
    cells = (
        'photos: str = "a"\nsize: int | None = 3\nalign: bool = True',
        'photos = 2024\nalign = "false"',  # what papermill puts behind the parameters
        "import l2sae.pipeline.parameters as p\nglobals().update(p.typed_parameters(globals()))",
        "print([photos, size, align])",
    )
    book = new_notebook(cells=[new_code_cell(cell) for cell in cells])
    NotebookClient(book, kernel_name="python3", timeout=120).execute()
    assert book.cells[-1].outputs[0].text == "['2024', 3, False]\n"


def test_cells_that_are_not_python_declare_nothing() -> None:
    assert typed_parameters({"In": ["one: int =", "%time two: str = 1"], "one": 1}) == {}
