"""Serves the editors as pages with Voila: ``python -m l2sae.pipeline.app``, or ``make app``.

Each visitor gets a kernel of their own. The server listens on this machine alone and asks for a token, which it prints
with its address; idle kernels are stopped, and there are never more than a few at a time.
"""

import shutil
from pathlib import Path
from typing import Any

import click
import nbformat
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado import web
from traitlets import Int
from voila.app import Voila

from l2sae.pipeline.project import enter_project

EDITORS = ("explore_latent_swap", "explore_roi_masks")
PAGES = Path("reports/app")  # holds only what visitors may open; the pipeline's notebooks stay out of reach


class CappedKernelManager(AsyncMappingKernelManager):
    """Refuses to start more kernels than ``max_kernels``, since each holds a model in memory."""

    max_kernels = Int(4, config=True, help="Kernels at a time.")

    async def start_kernel(self, **kwargs: Any) -> str:  # type: ignore[override]
        """Start a kernel, or answer 503 where there are too many."""
        if len(self.list_kernel_ids()) >= self.max_kernels:
            raise web.HTTPError(503, f"All {self.max_kernels} kernels are in use: try again in a few minutes")
        return str(await super().start_kernel(**kwargs))


def publish_editors() -> Path:
    """Copy the editors' notebooks to where the server looks, the editor before the prose; run in the project's root."""
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir(parents=True)
    for name in EDITORS:
        page = nbformat.read(Path("notebooks") / f"{name}.ipynb", as_version=4)
        page.cells.sort(key=lambda cell: cell.cell_type != "code")  # stable: both kinds keep their order
        nbformat.write(page, PAGES / f"{name}.ipynb")
    return PAGES


def server_arguments(port: int, kernels: int, idle: int, token: str | None, browser: bool) -> list[str]:
    """Voila's command line."""
    return [
        str(PAGES),
        f"--port={port}",
        "--Voila.ip=127.0.0.1",
        f"--token={token}" if token else "--Voila.auto_token=True",
        "--VoilaConfiguration.multi_kernel_manager_class=l2sae.pipeline.app.CappedKernelManager",
        f"--CappedKernelManager.max_kernels={kernels}",
        f"--MappingKernelManager.cull_idle_timeout={idle}",
        "--MappingKernelManager.cull_interval=30",
        "--MappingKernelManager.cull_connected=True",
        "--VoilaConfiguration.show_tracebacks=False",
        *([] if browser else ["--no-browser"]),
    ]


@click.command()
@click.option("--port", default=8866, show_default=True)
@click.option("--kernels", default=4, show_default=True, help="Visitors at a time.")
@click.option("--idle", default=900, show_default=True, help="Seconds after which an unused kernel is stopped.")
@click.option("--token", help="To be asked of visitors; a new one each time by default.")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open a page at once.")
def main(port: int, kernels: int, idle: int, token: str | None, browser: bool) -> None:
    """Serve the editors on this machine."""
    enter_project()
    publish_editors()
    Voila.launch_instance(server_arguments(port, kernels, idle, token, browser))


if __name__ == "__main__":
    main()
