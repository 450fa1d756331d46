"""Bulk edits with marks that are killed at any moment: nothing is lost, nothing done twice. L2SAE_SLOW=1 kills 200."""

import hashlib
import multiprocessing
import os
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import numpy as np
import pytest

from l2sae.bulk import edit_folder
from l2sae.editing import Noise
from l2sae.model import L2SAE, load_model
from l2sae.provenance import AuditLog, verify
from tests.field_cases.cases import portrait, saved

pytestmark = pytest.mark.filterwarnings("ignore")
PARTS, KILLS = (10, 20) if os.environ.get("L2SAE_SLOW") == "1" else (2, 1)
PHOTOS = 4
FORKS = multiprocessing.get_context("forkserver")  # one process imports for all, so that kills hit the work
FORKS.set_forkserver_preload(["l2sae.bulk.folder", "l2sae.provenance.detector.localiser"])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def work(checkpoint: Path, photos: Path, out: Path, home: Path, workers: int) -> None:
    """What is killed: a bulk edit, in this process or with a worker of its own."""
    os.environ["L2SAE_HOME"] = str(home)
    model = load_model(checkpoint, device="cpu")
    edit_folder(model, photos, out, ("hair",), Noise(2.0), recipes=True, workers=workers, batch=2, progress=False)


def start(*arguments: object) -> ForkServerProcess:
    process = FORKS.Process(target=work, args=arguments)
    process.start()
    return process


@pytest.mark.parametrize("part", range(PARTS))
def test_kills(
    part: int, tiny_checkpoint: Path, tiny_model: L2SAE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, photos, workers = tmp_path / "home", tmp_path / "photos", int(part % 5 == 0)
    monkeypatch.setenv("L2SAE_HOME", str(home))
    photos.mkdir()
    for number in range(PHOTOS):
        (photos / f"{number}.png").write_bytes(saved("PNG", portrait().rotate(number))())
    before = {path: digest(path) for path in photos.iterdir()}
    start(tiny_checkpoint, photos, tmp_path / "first", home, workers).join()
    began = time.monotonic()
    start(tiny_checkpoint, photos, tmp_path / "whole", home, workers).join()
    whole = time.monotonic() - began
    generator, killed, job = np.random.default_rng(part), 0, 0
    while killed < KILLS:
        out = tmp_path / f"out {job}"
        process = start(tiny_checkpoint, photos, out, home, workers)
        process.join(float(generator.uniform(0.05, 1.0)) * whole)
        if process.is_alive():
            process.kill()
            process.join()
            killed += 1
        if killed == KILLS or process.exitcode == 0:
            finish(tiny_model, photos, out, home)
            job += 1
    assert {path: digest(path) for path in photos.iterdir()} == before


def finish(model: L2SAE, photos: Path, out: Path, home: Path) -> None:
    """Take the job up, and look at what is there."""
    left = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    table = edit_folder(model, photos, out, ("hair",), Noise(2.0), recipes=True, workers=0, batch=2, progress=False)
    assert (table["result"] == "done").all()
    assert {path: path.stat().st_mtime_ns for path in left} == left, "a finished photo was edited again"
    wanted = {f"{number}{ending}" for number in range(PHOTOS) for ending in (".png", ".recipe.json")}
    left_there = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert left_there == wanted | {"results.parquet", ".l2sae/job.json"}, "no partial file"
    log = AuditLog(home / "audit.jsonl")
    assert log.verify()
    lines = [entry.record for entry in log.entries()]
    for row in table.itertuples():
        of_photo = [line for line in lines if line["export"] == row.export]
        assert [line["event"] for line in of_photo].count("export") == 1
        assert {line["event"] for line in of_photo} <= {"export", "repeated export"}
        assert digest(Path(row.output)) in {line["file_sha256"] for line in of_photo}
        assert verify(row.output).status in ("trusted", "valid")
