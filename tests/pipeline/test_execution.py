"""A run ends with its kernel: at failures, limits and stops."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from l2sae.pipeline.execution import execute
from l2sae.pipeline.stage import run_stage
from tests.pipeline.demo import failed_run, notebook, statuses, texts
from tests.processes import assert_gone


def test_kernel_is_this_python_and_runs_in_the_working_directory(folder: Path) -> None:
    run_stage(notebook(folder / "demo.ipynb", "import os, sys\nprint(sys.executable, os.getcwd())"), [])
    assert texts(folder / "reports" / "demo.ipynb").split() == [sys.executable, str(folder)]


def test_killed_kernel_is_said_and_marked(folder: Path) -> None:
    message, kept = failed_run(folder, "1", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "2")
    assert "cell 2 (id cell-1, 'import os, signal'): KernelDied: the kernel was ended by SIGKILL" in message
    assert statuses(kept) == [None, None, "failed", "not run"]
    assert kept.cells[2].outputs[-1].ename == "KernelDied"


def test_cell_limit(folder: Path) -> None:
    message, kept = failed_run(folder, "import time\ntime.sleep(60)", "2", cell_limit=1)
    assert "cell 1 (id cell-0, 'import time'): CellTimeLimit: the cell did not finish within 1 s" in message
    assert statuses(kept) == [None, "failed", "not run"]


def test_kernel_that_ignores_signals_is_ended_with_its_children(folder: Path) -> None:
    hang = (
        "import os, signal, subprocess, time, pathlib\n"
        "for one in (signal.SIGINT, signal.SIGTERM): signal.signal(one, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "pathlib.Path('pids').write_text(f'{os.getpid()} {child.pid}')\n"
        "time.sleep(600)"
    )
    message, _ = failed_run(folder, hang, limit=3)
    assert "TimeLimit: the notebook did not finish within its limit of 3 s" in message
    assert_gone([int(pid) for pid in (folder / "pids").read_text().split()])


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_stopped_run_leaves_no_kernel(folder: Path, stop: signal.Signals) -> None:
    wait = "import os, time, pathlib\npathlib.Path('pids').write_text(str(os.getpid()))\ntime.sleep(600)"
    path = notebook(folder / "demo.ipynb", wait)
    command = [sys.executable, "-m", "l2sae.pipeline.stage", str(path)]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        wait_for(folder / "pids", process)
        process.send_signal(stop)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.startswith("Error: ")
    assert "cell 1 (id cell-0, 'import os, time, pathlib'): Interrupted" in errors
    assert "Traceback" not in errors
    assert_gone([int(pid) for pid in (folder / "pids").read_text().split()])


def test_a_stop_whose_exception_is_lost_still_ends_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = notebook(
        folder / "demo.ipynb", f"import os, signal, time\nos.kill({os.getpid()}, signal.SIGTERM)\ntime.sleep(600)"
    )
    monkeypatch.setattr(signal, "default_int_handler", lambda *_: None)
    failure = execute(path, {}, limit=120).failure
    assert failure is not None
    assert failure.name == "Interrupted"


def wait_for(file: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text()):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline, f"{file} did not appear"
        time.sleep(0.05)
