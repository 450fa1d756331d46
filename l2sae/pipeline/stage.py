"""Runs one notebook as one DVC stage: ``python -m l2sae.pipeline.stage train -p train.steps 50``.

The parameters are checked before a kernel starts. The notebook is executed in memory; only when it has finished, its
report replaces ``reports/<stage>.ipynb`` and ``.html``. When it fails, earlier reports stay as they were and the failed
notebook, with the failure marked in it, is ``reports/failed/<stage>.ipynb``. ``reports/run/<stage>.json`` says how long
it took, where, and with which versions.
"""

import json
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import click
from nbformat import NotebookNode

from l2sae.params import ParamsError
from l2sae.pipeline.execution import Execution, execute
from l2sae.pipeline.notebooks import NotebookError, read_notebook, write_notebook
from l2sae.pipeline.parameters import resolve_parameters
from l2sae.pipeline.project import project_root
from l2sae.pipeline.report import INJECTED_TAG, mark_failure, normalise, publish

DEFAULT_LIMIT = 24 * 3600.0
INTERRUPTED = 130
_VERSIONS = ("l2sae", "torch", "numpy", "kornia", "papermill", "dvc")


def find_notebook(name: str) -> Path:
    """Path of a notebook given by its path or, for one in ``notebooks/``, by its name.

    Raises:
        NotebookError: there is none; the message lists those that exist.
    """
    path = Path(name) if name.endswith(".ipynb") else Path("notebooks") / f"{name}.ipynb"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.ipynb"))) or "none"
        raise NotebookError(f"{path}: no such notebook; {path.parent} holds: {known}")
    return path


class StageError(RuntimeError):
    """A stage did not finish; the message names the notebook and the cell (number, id and first line)."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


def run_stage(
    path: Path, given: list[tuple[str, str]], limit: float = DEFAULT_LIMIT, cell_limit: float | None = None
) -> None:
    """Run the notebook at ``path`` and write its report, or keep the failed notebook beside the earlier report.

    Args:
        path: the notebook; its name without ending is the stage's name.
        given: parameters as texts, see :func:`l2sae.pipeline.parameters.resolve_parameters`.
        limit: wall-clock limit in seconds for the whole notebook.
        cell_limit: wall-clock limit in seconds for each cell.

    Raises:
        NotebookError, ParamsError: the notebook or a parameter is not valid; nothing has been run.
        StageError: the notebook failed, ran past a limit or was interrupted.
    """
    parameters = resolve_parameters(read_notebook(path), path, given)
    reports = Path("reports")
    failed = reports / "failed" / f"{path.stem}.ipynb"
    result = execute(path, parameters, limit, cell_limit)
    normalise(result.notebook)
    if result.failure:
        where = _cell_name(result.notebook, result.failure.index)
        mark_failure(result.notebook, result.failure)
        failed.parent.mkdir(parents=True, exist_ok=True)
        write_notebook(result.notebook, failed)
        message = f"{path}: {where}: {result.failure.name}: {result.failure.reason}"
        advice = f"Earlier outputs are as they were; the failed notebook is {failed}"
        raise StageError(f"{message}\n{advice}", INTERRUPTED if result.failure.name == "Interrupted" else 1)
    publish(result.notebook, reports / f"{path.stem}.ipynb")
    failed.unlink(missing_ok=True)
    _write_record(reports / "run" / f"{path.stem}.json", path, parameters, result)


def _cell_name(executed: NotebookNode, index: int | None) -> str:
    """Name of a cell; its number counts from 1 as in the notebook on disk, which has no injected cell."""
    if index is None:
        return "before its first cell"
    cell, before = executed.cells[index], executed.cells[: index + 1]
    number = sum(INJECTED_TAG not in one.metadata.get("tags", []) for one in before)
    first_line = next((line.strip() for line in cell.source.splitlines() if line.strip()), "")
    return f"cell {number} (id {cell.id}, {first_line!r})"


def _write_record(file: Path, path: Path, parameters: dict[str, Any], result: Execution) -> None:
    record = {
        "stage": path.stem,
        "notebook": path.as_posix(),
        "parameters": parameters,
        "finished": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "seconds": round(result.seconds, 3),
        "cell_seconds": {result.notebook.cells[i].id: round(s, 3) for i, s in result.cell_seconds.items()},
        "peak_rss_mb": round(result.peak_rss_mb, 1),
        "device": result.device,
        "host": {"name": platform.node(), "system": platform.platform(), "cpus": os.cpu_count()},
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _VERSIONS},
        "git_commit": _git("rev-parse", "HEAD"),
        "git_modified": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """Output of a git command; None outside a repository or without git."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


@click.command()
@click.argument("notebook", metavar="NAME_OR_NOTEBOOK")
@click.option("-p", "given", nargs=2, multiple=True, metavar="KEY VALUE", help="A parameter; the value is YAML.")
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), default=DEFAULT_LIMIT, show_default=True,
    envvar="L2SAE_STAGE_TIMEOUT", metavar="SECONDS", help="Wall-clock limit of the whole notebook.",
)  # fmt: skip
@click.option(
    "--cell-timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS",
    help="Wall-clock limit of each cell; none by default.",
)  # fmt: skip
def main(notebook: str, given: tuple[tuple[str, str], ...], timeout: float, cell_timeout: float | None) -> None:
    """Run one notebook as a pipeline stage and write its report to reports/."""
    try:
        if not notebook.endswith(".ipynb"):
            os.chdir(project_root())
        path = find_notebook(notebook)
        run_stage(path, list(given), timeout, cell_timeout)
    except StageError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except (NotebookError, ParamsError, FileNotFoundError) as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
