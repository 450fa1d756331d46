"""Conventions for the notebooks, and the check that keeps them.

A notebook in ``notebooks/`` imports, calls, plots and narrates. In the working tree and in git it is *clean*: no
outputs, no execution counts, no metadata beyond the kernel's name and cell tags, and a stable id on every cell, so that
a run never makes a clone differ from its commit. It holds no class and no function over a few lines.

Its first code cell imports and calls :func:`l2sae.pipeline.project.enter_project`. Relative paths then mean the same in
JupyterLab, whose kernels start in the notebook's folder, as in a pipeline run. One cell tagged ``parameters`` declares
the typed parameters (see :mod:`l2sae.pipeline.stage`). A cell tagged ``live`` prints what belongs in the terminal only,
such as training speed: it differs between equal runs, so its text stays out of the saved report.

Command line: ``python -m l2sae.pipeline.notebooks check [FILES]``, and ``clean [FILES]`` likewise.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

CLEAN = "python -m l2sae.pipeline.notebooks clean"

MAX_FUNCTION_LINES = 8
_METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_CELL_METADATA = ("tags",)
_CELL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class NotebookError(ValueError):
    """A notebook is unreadable or breaks a rule; the message names the file and, where it applies, the cell."""


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook, upgraded to nbformat 4.5.

    Raises:
        NotebookError: the file is absent or no notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except FileNotFoundError:
        raise NotebookError(f"{path}: no such notebook") from None
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, AttributeError) as error:
        raise NotebookError(f"{path}: not a readable notebook: {str(error).splitlines()[0]}") from None


def write_notebook(notebook: NotebookNode, path: Path) -> None:
    """Write a notebook so that equal content gives equal bytes."""
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")


def clean(notebook: NotebookNode) -> NotebookNode:
    """A copy without outputs, counts and volatile metadata; a cell without an id of its own gets one from its text."""
    cleaned = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": _METADATA, "cells": []})
    seen: set[str] = set()
    for index, source in enumerate(notebook.cells):
        cell = nbformat.from_dict(dict(source))
        kept = source.get("id", "")
        cell["id"] = kept if _CELL_ID.fullmatch(kept) and kept not in seen else _stable_id(index, source)
        seen.add(cell["id"])
        cell["metadata"] = {key: source.metadata[key] for key in _CELL_METADATA if source.metadata.get(key)}
        if cell.cell_type == "code":
            cell["outputs"], cell["execution_count"] = [], None
        cleaned.cells.append(cell)
    return nbformat.from_dict(cleaned)


def problems(path: Path) -> list[str]:
    """What breaks the conventions in the notebook at ``path``; empty when it is fine."""
    raw = nbformat.read(path, as_version=nbformat.NO_CONVERT) if path.is_file() else None
    notebook = read_notebook(path)
    found = []
    ids = [cell.get("id") for cell in raw.cells] if raw is not None else []
    if None in ids or len(set(ids)) < len(ids):
        found.append(f"{path}: a cell lacks an id of its own: run {CLEAN} {path}")
    elif path.read_text(encoding="utf-8") != nbformat.writes(clean(notebook)) + "\n":
        found.append(f"{path}: holds outputs, counts or other metadata: run {CLEAN} {path}")
    if sum("parameters" in cell.metadata.get("tags", []) for cell in notebook.cells) > 1:
        found.append(f"{path}: more than one cell is tagged parameters")
    for number, tree in _syntax_trees(notebook, path):
        found += [f"{path}: cell {number}: {problem}" for problem in _long_code(tree)]
    return found


def code_tree(source: str) -> ast.Module:
    """Syntax tree of a code cell; IPython's magics are translated first."""
    return ast.parse(TransformerManager().transform_cell(source))


def _stable_id(index: int, cell: NotebookNode) -> str:
    return hashlib.sha256(f"{index}\n{cell.source}".encode()).hexdigest()[:8]


def _syntax_trees(notebook: NotebookNode, path: Path) -> Iterator[tuple[int, ast.Module]]:
    for number, cell in enumerate(notebook.cells, start=1):
        if cell.cell_type == "code":
            try:
                yield number, code_tree(cell.source)
            except SyntaxError as error:
                raise NotebookError(f"{path}: cell {number}: not valid Python: {error.msg}") from None


def _long_code(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            yield f"class {node.name}: move it to the package"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > MAX_FUNCTION_LINES:
                yield f"function {node.name} has {lines} lines, over {MAX_FUNCTION_LINES}: move it to the package"


@click.group(help=__doc__.split("\n", 1)[0])
def main() -> None:
    """Command line of this module."""


def _chosen(files: tuple[Path, ...]) -> list[Path]:
    return list(files) or sorted(Path("notebooks").glob("*.ipynb"))


@main.command("check")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def check_command(files: tuple[Path, ...]) -> None:
    """Say what breaks the conventions; exit 1 if anything does."""
    try:
        found = [problem for path in _chosen(files) for problem in problems(path)]
    except NotebookError as error:
        found = [str(error)]
    for problem in found:
        click.echo(problem, err=True)
    sys.exit(1 if found else 0)


@main.command("clean")
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
def clean_command(files: tuple[Path, ...]) -> None:
    """Clean notebooks in place (all of notebooks/ by default)."""
    for path in _chosen(files):
        try:
            write_notebook(clean(read_notebook(path)), path)
        except NotebookError as error:
            raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
