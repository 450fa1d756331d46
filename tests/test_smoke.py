"""The whole pipeline, as a user runs it, on the smallest preset."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
STAGES = ("prepare", "train", "evaluate", "robustness", "benchmark", "provenance", "figures")


def run(folder: Path, *command: str) -> str:
    """Output of a command in ``folder``, with this interpreter's programs first; it has to succeed."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": programs, "PYTHONPATH": str(folder)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which ``dvc repro`` has run with ``preset: smoke``."""
    folder = tmp_path_factory.mktemp("project")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (REPOSITORY / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, folder / name)
    params = (folder / "params.yaml").read_text().replace("preset: quickstart", "preset: smoke")
    (folder / "params.yaml").write_text(params)
    run(folder, "git", "init", "--quiet")
    run(folder, "git", "add", "--all")
    run(folder, "git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "-m", "Start")
    run(folder, "dvc", "repro")
    return folder


def test_every_stage_leaves_its_metrics_report_and_record(finished: Path) -> None:
    for stage in STAGES:
        assert "</html>" in (finished / f"reports/{stage}.html").read_text()
        assert json.loads((finished / f"reports/run/{stage}.json").read_text())["seconds"] > 0
    for stage in STAGES[:-1]:
        assert json.loads((finished / f"metrics/{stage}.json").read_text())
    assert (finished / "models/l2sae.safetensors").stat().st_size > 10_000


def test_figures_come_as_png_and_pdf_with_their_origin(finished: Path) -> None:
    pictures = sorted((finished / "reports/figures").glob("*.png"))
    assert len(pictures) >= 7
    for picture in pictures:
        assert picture.with_suffix(".pdf").stat().st_size > 1000
        assert b"figures.ipynb" in picture.read_bytes()[:4000]


def test_second_repro_has_nothing_to_do(finished: Path) -> None:
    assert "up to date" in run(finished, "dvc", "repro")


def test_running_evaluation_again_gives_equal_metrics_and_report(finished: Path) -> None:
    kept = [finished / "metrics/evaluate.json", finished / "reports/evaluate.ipynb", finished / "reports/evaluate.html"]
    before = [path.read_bytes() for path in kept]
    run(finished, "dvc", "repro", "--force", "--single-item", "evaluate")
    assert [path.read_bytes() for path in kept] == before
