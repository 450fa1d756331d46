"""The stage runner: reports of equal runs are equal; every way to fail is said clearly and loses nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from l2sae.pipeline.notebooks import NotebookError
from l2sae.pipeline.stage import StageError, find_notebook, run_stage
from tests.pipeline.demo import TYPED, failed_run, notebook, statuses, texts

REPOSITORY = Path(__file__).parents[2]


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
