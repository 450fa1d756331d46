"""Executes a notebook through papermill in a kernel of its own, and ends that kernel whatever happens."""

import contextlib
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, cast

import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines

KERNEL_START_SECONDS = 120
_ENGINE = "l2sae"
_DEVICE = (  # evaluated in the notebook's kernel, which has imported torch if it has used it
    "(lambda t: t.cuda.get_device_name() if t and t.cuda.is_available() else 'cpu')"
    "(__import__('sys').modules.get('torch'))"
)


@dataclass(frozen=True)
class Failure:
    """Why a notebook did not finish. ``index`` counts its cells from 0, None before the first one ran."""

    index: int | None
    name: str
    reason: str


@dataclass(frozen=True)
class Execution:
    """An executed notebook, the seconds of each of its cells by index, and what it ran on."""

    notebook: NotebookNode
    failure: Failure | None
    cell_seconds: dict[int, float]
    seconds: float
    device: str | None
    peak_rss_mb: float


def execute(path: Path, parameters: Mapping[str, Any], limit: float, cell_limit: float | None = None) -> Execution:
    """Run the notebook at ``path`` with ``parameters`` injected; its printed text appears in this process's streams.

    Args:
        path: the notebook; it runs in the working directory and is not changed.
        parameters: injected after the cell tagged ``parameters``.
        limit: wall-clock limit in seconds of the whole run; the kernel is killed then, whatever it does.
        cell_limit: the same for each cell; None is no limit.

    Returns:
        The result. A failing cell, a dead kernel, a limit or Ctrl-C is its ``failure``, not an exception.
    """
    outcome: dict[str, Any] = {}
    start = time.monotonic()
    with _signals_to(signal.default_int_handler), contextlib.suppress(_StoppedError):
        papermill.execute_notebook(
            path, None, dict(parameters), engine_name=_ENGINE, kernel_name="python3", language="python",
            progress_bar=False, autosave_cell_every=0, stdout_file=sys.stdout, stderr_file=sys.stderr,
            outcome=outcome, limit=limit, cell_limit=cell_limit,
        )  # fmt: skip
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    return Execution(**outcome, seconds=time.monotonic() - start, peak_rss_mb=peak)


class _StoppedError(Exception):
    """The run ended early; the outcome tells why."""


class _KernelManager(AsyncKernelManager):
    """Starts kernels with this very interpreter, whatever kernels are registered on the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        # a kernel reports the interrupt that begins every shutdown as an error of its own: not worth a line
        return KernelSpec(**get_kernel_dict(extra_arguments=["--log-level=CRITICAL"]))


class _Client(PapermillNotebookClient):
    """Runs the cells one after another under both limits, and knows which one is running."""

    def __init__(self, manager: NotebookExecutionManager, limit: float, folder: Path, **options: Any) -> None:
        super().__init__(manager, **options)
        self.limit = limit
        self.folder = folder
        self.current: int | None = None
        self.cell_seconds: dict[int, float] = {}
        self.device: str | None = None
        self.group: int | None = None
        self.exit_code: int | None = None
        self.expired = False
        self.stopped = False

    def create_kernel_manager(self) -> AsyncKernelManager:
        # sockets in a private folder: nothing listens on the network, and the path stays short enough for them
        self.km = _KernelManager(transport="ipc", connection_file=str(self.folder / "kernel.json"))
        return self.km

    def papermill_execute_cells(self) -> None:
        self.group = self._provisioner().pid  # the kernel leads a session, thus a process group, of its own
        watchdog = threading.Timer(self.limit, self._expire)
        watchdog.daemon = True
        watchdog.start()
        try:
            with _signals_to(self._stop):
                for index, cell in enumerate(self.nb.cells):
                    self.current = index
                    start = time.monotonic()
                    self.execute_cell(cell, index)
                    self.cell_seconds[index] = time.monotonic() - start
            self.device = self._ask(_DEVICE)
        except BaseException:
            process = self._provisioner().process
            self.exit_code = process.poll() if process else None
            self.shutdown_kernel = "immediate"
            self.kill()  # before nbclient's clean-up, which waits for whatever is still running
            raise
        finally:
            watchdog.cancel()

    def kill(self) -> None:
        """End the kernel and the processes that it started."""
        if self.group is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.group, signal.SIGKILL)

    def _provisioner(self) -> LocalProvisioner:
        return cast(LocalProvisioner, self.km.provisioner)

    def _expire(self) -> None:
        self.expired = True
        self.kill()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """End the kernel before raising: what is raised in a callback can get lost, a dead kernel ends the run."""
        self.stopped = True
        self.kill()
        signal.default_int_handler(number, frame)

    def _ask(self, expression: str) -> str | None:
        request = self.kc.execute("", silent=True, user_expressions={"answer": expression})
        answer = self.wait_for_reply(request)["content"].get("user_expressions", {}).get("answer", {})
        text: str | None = answer.get("data", {}).get("text/plain")
        return text.strip("'") if text else None


class _StageEngine(Engine):
    """Papermill's engine for stages: reports how a run ended through ``outcome``."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, *, outcome: dict[str, Any], limit: float,
        cell_limit: float | None, stdout_file: Any, stderr_file: Any, **_: Any,
    ) -> None:  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="l2sae-", ignore_cleanup_errors=True) as name:
            client = _Client(
                nb_man, limit, Path(name), timeout=cell_limit, startup_timeout=KERNEL_START_SECONDS,
                kernel_name=kernel_name, stdout_file=stdout_file, stderr_file=stderr_file, store_widget_state=False,
            )  # fmt: skip
            failure = None
            try:
                client.execute(env=_kernel_environment(Path(name)))
            except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError, KeyboardInterrupt) as error:
                failure = _explain(client, error, limit, cell_limit)
            finally:
                client.kill()
        outcome |= {"notebook": nb_man.nb, "failure": failure}
        outcome |= {"cell_seconds": client.cell_seconds, "device": client.device}
        if failure:
            raise _StoppedError


papermill_engines.register(_ENGINE, _StageEngine)


def _kernel_environment(folder: Path) -> dict[str, str]:
    """The environment, without what makes equal runs differ: hash seeds and the user's own IPython start-up files."""
    return os.environ | {
        "IPYTHONDIR": str(folder / "ipython"),
        "PYTHONHASHSEED": "0",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # silences a warning of the debugger
    }


def _explain(client: _Client, error: BaseException, limit: float, cell_limit: float | None) -> Failure:
    if client.expired:
        return Failure(client.current, "TimeLimit", f"the notebook did not finish within its limit of {limit:g} s")
    if client.stopped or isinstance(error, KeyboardInterrupt):
        return Failure(client.current, "Interrupted", "the run was interrupted")
    if isinstance(error, CellExecutionError):
        return Failure(client.current, error.ename, error.evalue)
    if isinstance(error, CellTimeoutError):
        return Failure(client.current, "CellTimeLimit", f"the cell did not finish within {cell_limit:g} s")
    if isinstance(error, DeadKernelError):
        return Failure(client.current, "KernelDied", _how_it_died(client.exit_code))
    return Failure(client.current, "KernelError", str(error))


def _how_it_died(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        hint = ", often because memory ran out" if name == "SIGKILL" else ""
        return f"the kernel was ended by {name}{hint}"
    return f"the kernel ended by itself with exit code {exit_code}"


@contextlib.contextmanager
def _signals_to(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP call ``handler``; only the main thread can see to that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(one, handler) for one in signals]
    try:
        yield
    finally:
        for one, former in zip(signals, before, strict=True):
            signal.signal(one, former)
