"""Notebooks of a few cells, and what became of their runs."""

from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from l2sae.pipeline.notebooks import read_notebook
from l2sae.pipeline.stage import StageError, run_stage

TYPED = 'epochs: int\nname: str = None\nrate: float = 0.5\nmode: Literal["a", "b"] = "a"\nnote: str | None = None'


def notebook(path: Path, *sources: str, parameters: str | None = None, live: bool = False) -> Path:
    cells = [v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(sources)]
    if parameters is not None:
        cells.insert(0, v4.new_code_cell(parameters, id="params", metadata={"tags": ["parameters"]}))
    if live:
        cells[-1].metadata["tags"] = ["live"]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def texts(path: Path) -> str:
    return "".join(output.get("text", "") for cell in read_notebook(path).cells for output in cell.get("outputs", []))


def earlier_report(folder: Path) -> Path:
    report = folder / "reports" / "demo.ipynb"
    report.parent.mkdir()
    report.write_text("earlier")
    return report


def failed_run(folder: Path, *sources: str, **limits: float) -> tuple[str, nbformat.NotebookNode]:
    """Run a notebook that fails; check that the earlier report survives; return the message and the kept notebook."""
    report = earlier_report(folder)
    with pytest.raises(StageError) as caught:
        run_stage(notebook(folder / "demo.ipynb", *sources), [], **limits)
    assert report.read_text() == "earlier"
    assert not (folder / "reports" / "run").exists()
    return str(caught.value), read_notebook(folder / "reports" / "failed" / "demo.ipynb")


def statuses(executed: nbformat.NotebookNode) -> list[str | None]:
    return [cell.metadata.get("l2sae", {}).get("status") for cell in executed.cells]
