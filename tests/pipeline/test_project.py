"""The project's root is found from within."""

import os
from pathlib import Path

import pytest

from l2sae.pipeline.project import project_root

REPOSITORY = Path(__file__).parents[2]


def test_project_root_is_found_from_the_notebooks_folder() -> None:
    assert project_root(REPOSITORY / "notebooks") == REPOSITORY
    with pytest.raises(FileNotFoundError, match=r"no params\.yaml"):
        project_root(Path(os.sep))
