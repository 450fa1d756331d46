"""The editors in JupyterLab, as a person uses them."""

from typing import Any

from tests.browser.conftest import TOKEN


def open_notebook(page: Any, lab: str, name: str) -> Any:
    """Open a notebook, run all of it, and return its editor with a picture in it."""
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?token={TOKEN}&reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for(timeout=60_000)
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    editor = page.locator(".l2sae.loaded[data-generation]").first
    editor.wait_for(timeout=60_000)
    return editor
