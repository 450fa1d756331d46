"""The notebooks of the editors run from top to bottom without a browser."""

from pathlib import Path

import numpy as np
import papermill
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from numpy.typing import NDArray
from PIL import Image

from l2sae import EditSession
from l2sae.editing import Noise
from l2sae.model import L2SAE
from l2sae.pipeline.notebooks import read_notebook
from tests.marks import same_but_for_the_mark

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["explore_latent_swap", "explore_roi_masks"])
def test_editors_open(name: str) -> None:
    notebook: NotebookNode = read_notebook(NOTEBOOKS / f"{name}.ipynb")
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(NOTEBOOKS)}}).execute()
    [output] = notebook.cells[-1].outputs
    assert "application/vnd.jupyter.widget-view+json" in output.data


@pytest.mark.slow
def test_a_recipe_is_applied_to_a_folder(
    tiny_model: L2SAE,
    tiny_checkpoint: Path,
    photos: list[NDArray[np.uint8]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # as here: edits are equal to the bit at equal thread counts
    for name, photo in zip("ab", photos, strict=False):
        large = photo.repeat(3, axis=0).repeat(3, axis=1)  # small pictures do not hold the mark
        Image.fromarray(large).save(tmp_path / f"{name}.png")
    session = EditSession(tiny_model)
    session.load(tmp_path / "a.png")
    session.add_layer("hair", Noise(2.0), seed=1)
    session.recipe().save(tmp_path / "edit.json")
    parameters = {
        "recipe": str(tmp_path / "edit.json"),
        "photo": str(tmp_path),
        "output": str(tmp_path / "out"),
        "model": str(tiny_checkpoint),
    }
    executed = papermill.execute_notebook(
        NOTEBOOKS / "apply_recipe.ipynb", None, parameters, cwd=str(NOTEBOOKS), progress_bar=False
    )
    exported = np.asarray(Image.open(tmp_path / "out/a.png").convert("RGB"))
    assert same_but_for_the_mark(exported, session.render())
    shown = executed.cells[-2].outputs[-1].data["text/plain"]
    assert "as recorded" in shown
    assert "applied afresh" in shown
