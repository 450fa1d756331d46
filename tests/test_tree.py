"""The package's tree stays one that a newcomer can read."""

import ast
from collections import Counter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "l2sae"
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = Path(__file__).parent
MOST_LINES = 60  # of a function without its docstring
MOST_LINES_OF_A_FILE = 400
TESTED_ELSEWHERE = {  # module -> why it has no test file of its name
    "bulk/work.py": "has no code",
    "data/rendered.py": "passes names on",
    "editing/edit_errors.py": "passes names on",
    "provenance/export_errors.py": "has no code",
}


def test_the_top_of_the_package_has_few_doors() -> None:
    assert len([path for path in PACKAGE.iterdir() if path.name != "__pycache__"]) <= 20


def test_no_two_modules_share_a_name() -> None:
    names = Counter(path.name for path in MODULES if not path.name.startswith("__"))
    assert [name for name, count in names.items() if count > 1] == []


def test_every_module_has_its_test_file() -> None:
    modules = [path.relative_to(PACKAGE) for path in MODULES if not path.name.startswith("__")]
    without = {one.as_posix() for one in modules if not (TESTS / one.parent / f"test_{one.name}").is_file()}
    assert without == TESTED_ELSEWHERE.keys()


def test_files_are_short() -> None:
    lengths = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8").count("\n") for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES_OF_A_FILE} == {}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_functions_are_short(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    assert [node.name for node in functions if length(node) > MOST_LINES] == []


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    docstring = ast.get_docstring(function, clean=False) or ""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    return lines - (docstring.count("\n") + 1 if docstring else 0)
