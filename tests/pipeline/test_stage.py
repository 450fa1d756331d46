"""The stage runner: reports of equal runs are equal; every way to fail is said clearly and loses nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from l2sae.params import ParamsError
from l2sae.pipeline.execution import execute
from l2sae.pipeline.notebooks import NotebookError, read_notebook
from l2sae.pipeline.parameters import declared_parameters, resolve_parameters
from l2sae.pipeline.project import project_root
from l2sae.pipeline.stage import StageError, find_notebook, run_stage
from tests.processes import assert_gone

REPOSITORY = Path(__file__).parents[2]
TYPED = 'epochs: int\nname: str = None\nrate: float = 0.5\nmode: Literal["a", "b"] = "a"\nnote: str | None = None'


def notebook(path: Path, *sources: str, parameters: str | None = None, live: bool = False) -> Path:
    cells = [v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(sources)]
    if parameters is not None:
        cells.insert(0, v4.new_code_cell(parameters, id="params", metadata={"tags": ["parameters"]}))
    if live:
        cells[-1].metadata["tags"] = ["live"]
    path.parent.mkdir(exist_ok=True)
    nbformat.write(v4.new_notebook(cells=cells), path)
    return path


def texts(path: Path) -> str:
    return "".join(output.get("text", "") for cell in read_notebook(path).cells for output in cell.get("outputs", []))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def earlier_report(folder: Path) -> Path:
    report = folder / "reports" / "demo.ipynb"
    report.parent.mkdir()
    report.write_text("earlier")
    return report


def failed_run(folder: Path, *sources: str, **limits: float) -> tuple[str, nbformat.NotebookNode]:
    """Run a notebook that fails; check that the earlier report survives; return the message and the kept notebook."""
    report = earlier_report(folder)
    with pytest.raises(StageError) as caught:
        run_stage(notebook(folder / "demo.ipynb", *sources), [], **limits)
    assert report.read_text() == "earlier"
    assert not (folder / "reports" / "run").exists()
    return str(caught.value), read_notebook(folder / "reports" / "failed" / "demo.ipynb")


def statuses(executed: nbformat.NotebookNode) -> list[str | None]:
    return [cell.metadata.get("l2sae", {}).get("status") for cell in executed.cells]


def test_two_runs_write_identical_bytes_and_a_record(folder: Path) -> None:
    source = "import sys, time\nprint(object())\nprint('x', file=sys.stderr)\ntime.sleep(0.3)\nprint({'a', 'b', 'c'})"
    path = notebook(folder / "demo.ipynb", source, "object()", "%pip --version", parameters="n: int = 1")
    before = path.read_bytes()
    results = []
    for _ in range(2):
        run_stage(path, [("n", "3")])
        results.append([(folder / "reports" / f"demo.{end}").read_bytes() for end in ("ipynb", "html")])
    assert results[0] == results[1]
    assert path.read_bytes() == before
    assert not list((folder / "reports").glob("*.new"))
    record = json.loads((folder / "reports" / "run" / "demo.json").read_text())
    assert record["parameters"] == {"n": 3}
    assert record["seconds"] > record["cell_seconds"]["cell-0"] > 0.3
    assert record["device"] == "cpu"
    assert record["peak_rss_mb"] > 10
    assert record["versions"]["python"].startswith("3.")


def test_kernel_is_this_python_and_runs_in_the_working_directory(folder: Path) -> None:
    run_stage(notebook(folder / "demo.ipynb", "import os, sys\nprint(sys.executable, os.getcwd())"), [])
    assert texts(folder / "reports" / "demo.ipynb").split() == [sys.executable, str(folder)]


def test_live_text_reaches_the_terminal_at_once_but_not_the_report(folder: Path) -> None:
    wait = "import pathlib, time\nprint('step 1', flush=True)\nwhile not pathlib.Path('go').exists(): time.sleep(0.05)"
    path = notebook(folder / "demo.ipynb", wait, live=True)
    command = [sys.executable, "-m", "l2sae.pipeline.stage", str(path), "--timeout", "300"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "step 1\n"
        assert process.poll() is None
        (folder / "go").touch()
        process.communicate()
    assert process.returncode == 0
    assert "step 1" not in texts(folder / "reports" / "demo.ipynb")


def test_success_clears_the_failed_notebook(folder: Path) -> None:
    failed_run(folder, "1 / 0")
    run_stage(notebook(folder / "demo.ipynb", "1"), [])
    assert not (folder / "reports" / "failed" / "demo.ipynb").exists()


def test_failing_cell_is_named_and_marked(folder: Path) -> None:
    message, kept = failed_run(folder, "x = 1", "\n1 / 0", "x")
    assert "demo.ipynb: cell 2 (id cell-1, '1 / 0'): ZeroDivisionError: division by zero" in message
    assert "reports/failed/demo.ipynb" in message
    assert statuses(kept) == [None, None, "failed", "not run"]
    assert "cell-1" in kept.cells[0].source


def test_number_of_the_failing_cell_does_not_count_the_injected_one(folder: Path) -> None:
    path = notebook(folder / "demo.ipynb", "1 / n", parameters="n: int = 1")
    with pytest.raises(StageError, match=r"cell 2 \(id cell-0, '1 / n'\)"):
        run_stage(path, [("n", "0")])


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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"epochs": "1", "name": "n", "epohcs": "5"}, "unknown parameter 'epohcs'; declared: epochs, name"),
        ({"name": "n"}, "missing parameter epochs"),
        ({"epochs": "1"}, "missing parameter name"),
        ({"epochs": "abc", "name": "n"}, r"epochs: .*integer \(got 'abc'\)"),
        ({"epochs": "1.5", "name": "n"}, r"epochs: .*integer \(got 1.5\)"),
        ({"epochs": "true", "name": "n"}, r"epochs: .*integer \(got True\)"),
        ({"epochs": "1", "name": "n", "mode": "c"}, r"mode: .*'a' or 'b' \(got 'c'\)"),
        ({"epochs": "{", "name": "n"}, "-p epochs: not a YAML value"),
    ],
)
def test_wrong_parameters_are_refused_before_a_kernel_starts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str
) -> None:
    monkeypatch.setattr("l2sae.pipeline.stage.execute", lambda *_: pytest.fail("a kernel was started"))
    path = notebook(folder / "demo.ipynb", "1", parameters=TYPED)
    with pytest.raises(NotebookError, match=expected):
        run_stage(path, list(given.items()))


def test_values_are_yaml_of_the_declared_type(folder: Path) -> None:
    path = notebook(folder / "demo.ipynb", parameters=TYPED)
    given = [("epochs", "3"), ("name", "n"), ("rate", "1e-3"), ("note", "null")]
    values = resolve_parameters(read_notebook(path), path, given)
    assert values == {"epochs": 3, "name": "n", "rate": 0.001, "note": None}


def test_untyped_parameter_takes_the_type_of_its_default(folder: Path) -> None:
    path = notebook(folder / "demo.ipynb", parameters="n = 3\nanything = None")
    declared = declared_parameters(read_notebook(path), path)
    assert declared["n"].type is int
    assert not declared["anything"].required
    with pytest.raises(NotebookError, match=r"n: .*integer"):
        resolve_parameters(read_notebook(path), path, [("n", "x")])


@pytest.mark.parametrize(
    ("cell", "expected"), [("import os", "line 1"), ("n: Foo = 1", "type Foo"), ("n: int =", "Pyth")]
)
def test_parameters_cell_holds_typed_declarations_only(folder: Path, cell: str, expected: str) -> None:
    path = notebook(folder / "demo.ipynb", parameters=cell)
    with pytest.raises(NotebookError, match=rf"cell 1 \(parameters\): .*{expected}"):
        resolve_parameters(read_notebook(path), path, [])


def test_dotted_keys_become_checked_overrides(folder: Path) -> None:
    file = REPOSITORY / "params.yaml"
    cell = f"params_file: str = {str(file)!r}\noverrides: dict = {{}}"
    path = notebook(folder / "demo.ipynb", parameters=cell)
    values = resolve_parameters(read_notebook(path), path, [("train.steps", "50"), ("preset", "smoke")])
    assert values == {"overrides": {"train.steps": 50, "preset": "smoke"}}
    with pytest.raises(ParamsError, match=r"unknown key train\.epohcs"):
        resolve_parameters(read_notebook(path), path, [("train.epohcs", "50")])
    with pytest.raises(ParamsError, match=r"train\.steps: .*integer \(got 'abc'\)"):
        resolve_parameters(read_notebook(path), path, [("train.steps", "abc")])


def test_command_line_says_one_clear_sentence(folder: Path) -> None:
    (folder / "notebooks").mkdir()
    (folder / "params.yaml").touch()
    done = subprocess.run(
        [sys.executable, "-m", "l2sae.pipeline.stage", "trian"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "Error: notebooks/trian.ipynb: no such notebook; notebooks holds: none\n"


def test_unreadable_notebook_is_named(folder: Path) -> None:
    (folder / "demo.ipynb").write_text("{")
    with pytest.raises(NotebookError, match=r"demo\.ipynb: not a readable notebook"):
        run_stage(find_notebook("demo.ipynb"), [])


def test_project_root_is_found_from_the_notebooks_folder() -> None:
    assert project_root(REPOSITORY / "notebooks") == REPOSITORY
    with pytest.raises(FileNotFoundError, match=r"no params\.yaml"):
        project_root(Path(os.sep))
