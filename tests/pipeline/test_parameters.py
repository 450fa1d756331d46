"""Parameters of a notebook are typed, and checked before a kernel starts."""

from pathlib import Path

import pytest

from l2sae.params import ParamsError
from l2sae.pipeline.notebooks import NotebookError, read_notebook
from l2sae.pipeline.parameters import declared_parameters, resolve_parameters
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
