"""dvc.yaml, the parameters and the notebooks agree, and the notebooks keep their conventions."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from nbformat import v4

from l2sae.params import Params, load_params
from l2sae.pipeline.notebooks import clean, problems, read_notebook, write_notebook
from l2sae.pipeline.parameters import declared_parameters

REPOSITORY = Path(__file__).parents[1]
PIPELINE: dict[str, Any] = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())
STAGES: dict[str, dict[str, Any]] = PIPELINE["stages"]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


def outputs(stage: str) -> dict[str, dict[str, Any]]:
    entries = STAGES[stage]["outs"] + STAGES[stage].get("metrics", [])
    return {path: options for entry in entries for path, options in entry.items()}


@pytest.mark.parametrize("stage", STAGES)
def test_stage_runs_its_notebook_and_leaves_what_the_contract_says(stage: str) -> None:
    assert STAGES[stage]["cmd"] == f"python -m l2sae.pipeline.stage {stage}"
    assert {f"reports/{stage}.ipynb", f"reports/{stage}.html"} <= set(outputs(stage))
    if stage != "figures":
        assert outputs(stage)[f"metrics/{stage}.json"] == {"cache": False, "persist": True}
    assert not [path for path in outputs(stage) if path.startswith(("reports/run", "reports/failed"))]


@pytest.mark.parametrize("stage", STAGES)
def test_failing_stage_loses_nothing_because_every_output_persists(stage: str) -> None:
    assert all(options.get("persist") for options in outputs(stage).values())


@pytest.mark.parametrize("stage", STAGES)
def test_dependencies_exist_and_cover_notebook_presets_and_environment(stage: str) -> None:
    deps = STAGES[stage]["deps"]
    made = {path for other in STAGES for path in outputs(other)}
    for preset in ("quickstart", "smoke"):
        paths = [dep.replace("${preset}", preset) for dep in deps]
        assert [path for path in paths if path not in made and not (REPOSITORY / path).exists()] == []
    assert {f"notebooks/{stage}.ipynb", "presets/${preset}.yaml", "presets/quickstart.yaml"} <= set(deps)
    assert {"requirements.lock", "l2sae/params.py", "l2sae/rois.py"} <= set(deps)


@pytest.mark.parametrize("stage", STAGES)
def test_params_of_a_stage_exist_and_cover_what_its_notebook_reads(stage: str) -> None:
    named = set(STAGES[stage]["params"])
    assert named <= set(Params.model_fields)
    source = "\n".join(cell.source for cell in read_notebook(REPOSITORY / "notebooks" / f"{stage}.ipynb").cells)
    read = set(re.findall(r"\bparams\.([a-z]+)", source)) & set(Params.model_fields)
    assert read <= named, "read by the notebook, but a change there would not rerun the stage"


@pytest.mark.parametrize("stage", STAGES)
def test_parameters_cell_is_the_common_one(stage: str) -> None:
    path = REPOSITORY / "notebooks" / f"{stage}.ipynb"
    declared = declared_parameters(read_notebook(path), path)
    assert {name: (one.type, one.default) for name, one in declared.items()} == {
        "params_file": (str, "params.yaml"),
        "overrides": (dict, {}),
    }


def test_shipped_params_file_is_valid() -> None:
    assert load_params(REPOSITORY / "params.yaml").preset == "quickstart"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_is_clean_and_holds_no_class_or_long_function(path: Path) -> None:
    assert problems(path) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_enters_the_project_first(path: Path) -> None:
    first = next(cell for cell in read_notebook(path).cells if cell.cell_type == "code")
    assert "enter_project()" in first.source


def test_clean_strips_what_is_volatile_and_keeps_ids_and_tags(tmp_path: Path) -> None:
    cell = v4.new_code_cell("1", id="keep", metadata={"tags": ["live"], "trusted": True}, execution_count=4)
    cell.outputs = [v4.new_output("stream", text="x")]
    notebook = v4.new_notebook(cells=[cell, v4.new_markdown_cell("a")], metadata={"widgets": {}})
    path = tmp_path / "demo.ipynb"
    nbformat.write(notebook, path)
    assert "holds outputs" in problems(path)[0]
    write_notebook(clean(read_notebook(path)), path)
    assert problems(path) == []
    first = read_notebook(path).cells[0]
    assert (first.id, first.metadata, first.outputs, first.execution_count) == ("keep", {"tags": ["live"]}, [], None)


@pytest.mark.filterwarnings("ignore::nbformat.warnings.DuplicateCellId")
def test_clean_gives_missing_and_repeated_ids_a_stable_value() -> None:
    cells = [v4.new_code_cell("1", id="same"), v4.new_code_cell("1", id="same"), v4.new_code_cell("2", id="other")]
    first, second = (clean(v4.new_notebook(cells=cells)) for _ in range(2))
    assert [cell.id for cell in first.cells] == [cell.id for cell in second.cells]
    assert len({cell.id for cell in first.cells}) == 3
    assert (first.cells[0].id, first.cells[2].id) == ("same", "other")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("class A:\n    pass", "cell 1: class A"),
        ("def f():\n" + "    x = 1\n" * 9, "cell 1: function f has 10 lines"),
        ("%matplotlib inline\n!ls\nx = 1", None),
    ],
)
def test_code_that_belongs_in_the_package_is_found(tmp_path: Path, source: str, expected: str | None) -> None:
    path = tmp_path / "demo.ipynb"
    write_notebook(clean(v4.new_notebook(cells=[v4.new_code_cell(source)])), path)
    assert (expected is None and problems(path) == []) or (expected is not None and expected in problems(path)[0])


def test_check_command_fails_on_a_dirty_notebook(tmp_path: Path) -> None:
    path = tmp_path / "demo.ipynb"
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1", execution_count=3)]), path)
    command = [sys.executable, "-m", "l2sae.pipeline.notebooks"]
    check = subprocess.run([*command, "check", path], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert check.returncode == 1
    assert str(path) in check.stderr
    subprocess.run([*command, "clean", path], cwd=REPOSITORY, check=True)
    assert subprocess.run([*command, "check", path], cwd=REPOSITORY, check=False).returncode == 0
