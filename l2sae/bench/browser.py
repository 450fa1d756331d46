"""The editors in a real browser: servers on this machine, and headless Chromium, for tests and measurements."""

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from l2sae.training.launch import free_port

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking")
LAPTOP = {"width": 1366, "height": 768}
TOKEN = secrets.token_urlsafe(16)  # of every server that this process starts
ROOT = Path(__file__).parents[2]

Page = Any  # Playwright comes with the extra dev only


def missing_part() -> str:
    """What keeps a browser from being started, with the command that brings it; empty if nothing does."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed: pip install -e .[dev]"
    return "" if CHROMIUM.exists() else f"no {CHROMIUM}: apt-get install chromium"


def make_workspace(folder: Path) -> Path:
    """Fill a folder with the notebooks and settings of a quiet JupyterLab, and nothing trained."""
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    shutil.copy(ROOT / "params.yaml", folder)
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension"
    settings.mkdir(parents=True)
    quiet = {"fetchNews": "false", "checkForUpdates": False}
    (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
    return folder


@contextmanager
def served(workspace: Path, *command: str, **environment: str) -> Iterator[str]:
    """Run a server of this environment on a free port; yields its address, and stops it afterwards.

    Args:
        workspace: where it runs; its output goes to a file there.
        command: the module and its arguments.
        environment: variables beside those of this process.

    Raises:
        RuntimeError: it ends by itself.
        TimeoutError: it does not answer.
    """
    port = free_port()
    variables = os.environ | {
        "PYTHONPATH": str(ROOT),
        "JUPYTERLAB_SETTINGS_DIR": str(workspace / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(workspace / "workspaces"),
        **environment,
    }
    with (workspace / f"{command[0]}.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command, f"--port={port}", "--no-browser"],
            cwd=workspace, env=variables, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        try:
            _wait_for(address, server, Path(log.name))
            yield address
        finally:
            server.terminate()
            try:
                server.wait(10)
            except subprocess.TimeoutExpired:
                server.kill()


@contextmanager
def served_lab(workspace: Path, **environment: str) -> Iterator[str]:
    """JupyterLab on this machine, for who has ``TOKEN``."""
    root = [] if os.geteuid() else ["--allow-root"]
    arguments = [f"--IdentityProvider.token={TOKEN}", "--ServerApp.ip=127.0.0.1", "--expose-app-in-browser", *root]
    with served(workspace, "jupyterlab", *arguments, **environment) as address:
        yield address


@contextmanager
def opened_browser() -> Iterator[Any]:
    """Headless Chromium, driven by Playwright."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


@contextmanager
def opened_page(browser: Any) -> Iterator[Page]:
    """A page of a laptop's size."""
    context = browser.new_context(viewport=LAPTOP, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(30_000)
    yield page
    context.close()


def load_notebook(page: Page, lab: str, name: str) -> None:
    """Open a notebook in JupyterLab, and wait for its kernel."""
    page.goto(f"{lab}/lab/tree/notebooks/{name}.ipynb?token={TOKEN}&reset")
    page.get_by_text("Python 3 (ipykernel) | Idle").first.wait_for(timeout=60_000)


def run_notebook(page: Page) -> Any:
    """Run all of the notebook, and return its editor with a picture in it."""
    page.evaluate("void window.jupyterapp.commands.execute('notebook:run-all-cells')")
    editor = page.locator(".l2sae.loaded[data-generation]").first
    editor.wait_for(timeout=60_000)
    page.evaluate("document.querySelector('.l2sae').scrollIntoView()")
    return editor


def after(page: Page, action: Any) -> None:
    """Do something, and wait until the picture that answers it is drawn."""
    generation = int(page.evaluate("document.querySelector('.l2sae').dataset.generation"))
    action()
    page.wait_for_function("g => Number(document.querySelector('.l2sae').dataset.generation) > g", arg=generation)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the server has ended; it said: {log.read_text(errors='replace')[-500:]}")
        try:
            urllib.request.urlopen(f"{address}/?token={TOKEN}", timeout=2).close()  # noqa: S310 # of this machine
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"{address} does not answer")
