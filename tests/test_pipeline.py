"""dvc.yaml, the parameters and the notebooks agree, and the notebooks keep their conventions."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from l2sae.params import Params, load_params
from l2sae.pipeline.notebooks import problems, read_notebook
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
    assert {"requirements.lock", "l2sae/params/sections.py", "l2sae/rois.py"} <= set(deps)


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
