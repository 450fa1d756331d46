"""What a browser's measurements need beside the browser: a workspace, and servers that say why they end."""

import subprocess
import sys
from pathlib import Path

import pytest

from l2sae.bench import browser


def test_the_workspace_holds_the_notebooks_and_no_model(tmp_path: Path) -> None:
    folder = browser.make_workspace(tmp_path)
    assert (folder / "notebooks" / "explore_latent_swap.ipynb").is_file()
    assert (folder / "params.yaml").is_file()
    assert not (folder / "models").exists()


def test_a_missing_browser_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("playwright")
    monkeypatch.setattr(browser, "CHROMIUM", Path("/absent/chromium"))
    assert browser.missing_part() == "no /absent/chromium: apt-get install chromium"


def test_a_server_that_ends_by_itself_says_what_it_said(tmp_path: Path) -> None:
    log = tmp_path / "server.log"
    log.write_text("no such option")
    with subprocess.Popen([sys.executable, "-c", ""]) as server:
        server.wait()
        with pytest.raises(RuntimeError, match=r"the server has ended; it said: no such option"):
            browser._wait_for("http://127.0.0.1:1", server, log, seconds=5)
