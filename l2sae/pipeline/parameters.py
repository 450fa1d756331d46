"""Parameters of a notebook: what its cell tagged ``parameters`` declares, and what a run may pass."""

import ast
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Optional, Union

from nbformat import NotebookNode
from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from l2sae.params import load_params
from l2sae.pipeline.notebooks import NotebookError, code_tree

_TYPES = {kind.__name__: kind for kind in (bool, int, float, str, list, dict)}
_NAMES = _TYPES | {"Any": Any, "Literal": Literal, "Optional": Optional, "Union": Union}


@dataclass(frozen=True)
class Parameter:
    """One declared parameter; ``required`` if it has no default, or None where its type does not allow None."""

    name: str
    type: Any
    default: Any
    required: bool


def declared_parameters(notebook: NotebookNode, path: Path) -> dict[str, Parameter]:
    """Parameters declared in the cell tagged ``parameters``, by name; their types are annotated or follow the default.

    Raises:
        NotebookError: the cell holds something else than declarations, or an annotation that is not understood.
    """
    number = _parameters_cell(notebook)
    if number is None:
        return {}
    where = f"{path}: cell {number} (parameters)"
    try:
        statements = code_tree(notebook.cells[number - 1].source).body
    except SyntaxError as error:
        raise NotebookError(f"{where}: not valid Python: {error.msg}") from None
    found = {}
    for statement in statements:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            kind, name, value = _annotation(statement.annotation, where), statement.target.id, statement.value
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            kind, name, value = None, statement.targets[0].id, statement.value
        else:
            raise NotebookError(f"{where}: line {statement.lineno}: only `name: type = default` may stand here")
        found[name] = _parameter(name, kind, value)
    return found


def resolve_parameters(notebook: NotebookNode, path: Path, given: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Check the ``-p KEY VALUE`` pairs of a run, and return what to inject into the notebook.

    A key is a parameter that the notebook declares or, where it declares ``overrides``, a dotted key of its parameter
    file. Values are YAML and must have the declared type exactly (an int may serve as float).

    Raises:
        NotebookError: a parameter is unknown, missing or mistyped.
        ParamsError: the parameter file, with the overrides applied, is not valid.
    """
    declared = declared_parameters(notebook, path)
    where = f"{path}: cell {_parameters_cell(notebook)} (parameters)" if declared else f"{path} (no parameters cell)"
    values: dict[str, Any] = {}
    overrides: dict[str, Any] = {}
    for key, text in given:
        value = _parse(key, text)
        if key in declared:
            values[key] = _checked(declared[key], value, where)
        elif "overrides" in declared:
            overrides[key] = value
        else:
            raise NotebookError(f"{where}: unknown parameter {key!r}; declared: {', '.join(declared) or 'none'}")
    if missing := [name for name, one in declared.items() if one.required and name not in values]:
        raise NotebookError(f"{where}: missing parameter {', '.join(missing)}: pass it with -p {missing[0]} VALUE")
    if overrides:
        values["overrides"] = values.get("overrides", {}) | overrides
    _check_params_file(declared, values)
    return values


def typed_parameters(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The annotated parameters of a notebook that papermill itself runs, checked and of the types they declare.

    Papermill makes a number of ``-p photos 2024``, and text of ``-p align false``. Called by the cell behind the
    parameters: ``globals().update(typed_parameters(globals()))``.

    Args:
        variables: the notebook's globals; IPython keeps the cells that have run in their ``In``, whose annotated
            assignments declare the parameters. No variable holds the annotations since Python 3.14.

    Raises:
        NotebookError: a value is not of its parameter's type; the message says how to pass it.
    """
    declared = {
        statement.target.id: _annotation(statement.annotation, "parameters")
        for source in variables["In"]
        for statement in _statements(source)
        if isinstance(statement, ast.AnnAssign)
        and isinstance(statement.target, ast.Name)
        and statement.target.id in variables
    }
    return {name: _as_declared(Parameter(name, kind, None, False), variables[name]) for name, kind in declared.items()}


def _statements(source: str) -> list[ast.stmt]:
    try:
        return code_tree(source).body
    except SyntaxError:  # it has not run either
        return []


def _as_declared(parameter: Parameter, value: Any) -> Any:
    if parameter.type is str and isinstance(value, int) and not isinstance(value, bool):
        return str(value)  # a name of digits
    if isinstance(value, str) and parameter.type is not str:
        value = _parse(parameter.name, value)
    where = "parameters" if parameter.type is not str else "parameters (pass text with papermill's -r)"
    return _checked(parameter, value, where)


def _parameters_cell(notebook: NotebookNode) -> int | None:
    """Number, from 1, of the cell tagged ``parameters``."""
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code" and "parameters" in cell.metadata.get("tags", []):
            return number
    return None


def _annotation(node: ast.expr, where: str) -> Any:
    try:  # the text comes from the notebook, whose code is about to run anyway
        return eval(compile(ast.Expression(node), where, "eval"), {"__builtins__": {}}, _NAMES)  # noqa: S307
    except (NameError, TypeError, SyntaxError, AttributeError):
        raise NotebookError(f"{where}: type {ast.unparse(node)} is not understood; use {', '.join(_NAMES)}") from None


def _parameter(name: str, kind: Any, value: ast.expr | None) -> Parameter:
    try:
        default = None if value is None else ast.literal_eval(value)
    except ValueError:  # computed in the cell: nothing to compare with
        return Parameter(name, Any if kind is None else kind, None, required=False)
    if kind is None:
        return Parameter(name, Any if default is None else type(default), default, required=False)
    return Parameter(name, kind, default, required=value is None or (default is None and not _accepts(kind, None)))


def _accepts(kind: Any, value: Any) -> bool:
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


def _parse(key: str, text: str) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(io.StringIO(text))
    except YAMLError as error:
        raise NotebookError(f"-p {key}: not a YAML value: {text!r} ({type(error).__name__})") from None


def _checked(parameter: Parameter, value: Any, where: str) -> Any:
    try:
        return TypeAdapter(parameter.type).validate_python(value, strict=True)
    except ValidationError as error:
        raise NotebookError(f"{where}: {parameter.name}: {error.errors()[0]['msg']} (got {value!r})") from None


def _check_params_file(declared: Mapping[str, Parameter], values: Mapping[str, Any]) -> None:
    """Refuse a bad parameter file before a kernel starts."""
    if "params_file" in declared:
        file = values.get("params_file", declared["params_file"].default)
        load_params(file, values.get("overrides", declared["overrides"].default if "overrides" in declared else None))
