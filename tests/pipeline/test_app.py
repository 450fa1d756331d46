import asyncio
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from tornado.web import HTTPError
from voila.app import Voila

from l2sae.pipeline.app import CappedKernelManager, publish_editors, server_arguments


def test_visitors_may_open_the_editors_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notebooks").mkdir()
    for name in ("explore_latent_swap", "explore_roi_masks", "train"):
        cells = [new_markdown_cell("prose"), new_code_cell("1"), new_code_cell("2")]
        nbformat.write(new_notebook(cells=cells), tmp_path / f"notebooks/{name}.ipynb")
    monkeypatch.chdir(tmp_path)
    published = publish_editors()
    assert sorted(p.name for p in published.iterdir()) == ["explore_latent_swap.ipynb", "explore_roi_masks.ipynb"]
    page = nbformat.read(published / "explore_roi_masks.ipynb", as_version=4)
    assert [cell.source for cell in page.cells] == ["1", "2", "prose"]  # the editor comes first


def test_the_server_asks_for_a_token_stays_local_and_culls() -> None:
    app = Voila()
    app.parse_command_line(server_arguments(8866, 3, 60, None, browser=False))
    assert app.ip == "127.0.0.1"
    assert app.auto_token is True
    assert str(app.config.MappingKernelManager.cull_idle_timeout) == "60"
    assert str(app.config.CappedKernelManager.max_kernels) == "3"


def test_no_more_kernels_than_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = CappedKernelManager(max_kernels=2)
    monkeypatch.setattr(manager, "list_kernel_ids", lambda: ["a", "b"])
    with pytest.raises(HTTPError, match="All 2 kernels are in use"):
        asyncio.run(manager.start_kernel())
