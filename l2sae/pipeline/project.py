"""Finds the project's folder. Every notebook asks for it first, so this module imports nothing slow."""

import os
from pathlib import Path


def project_root(start: Path | None = None) -> Path:
    """Folder that holds ``params.yaml``: ``start`` (default: the working directory) or its nearest parent.

    Raises:
        FileNotFoundError: there is none.
    """
    start = (start or Path.cwd()).resolve()
    for folder in (start, *start.parents):
        if (folder / "params.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no params.yaml in {start} or any parent: open the notebook inside the project's folder")


def enter_project() -> Path:
    """Make the project's root the working directory, and return it; called by the first cell of every notebook."""
    root = project_root()
    os.chdir(root)
    return root
