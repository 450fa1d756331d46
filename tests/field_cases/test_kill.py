"""Bulk edits with marks that are killed at any moment: nothing is lost, nothing done twice. L2SAE_SLOW=1 kills 200."""

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from l2sae.bulk import edit_folder
from l2sae.editing import Noise
from l2sae.model import L2SAE
from l2sae.provenance import AuditLog, verify
from tests.field_cases.cases import portrait, saved

pytestmark = pytest.mark.filterwarnings("ignore")
KILLS = 200 if os.environ.get("L2SAE_SLOW") == "1" else 2
PHOTOS = 4
SCRIPT = """
import sys
from l2sae import Noise, edit_folder, load_model
edit_folder(load_model(sys.argv[1], device="cpu"), sys.argv[2], sys.argv[3], ("hair",), Noise(2.0), workers=1, batch=2)
"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def start(checkpoint: Path, photos: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", SCRIPT, str(checkpoint), str(photos), str(out)]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=Path(__file__).parents[2]
    )


def test_kills(tiny_checkpoint: Path, tiny_model: L2SAE, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, photos = tmp_path / "home", tmp_path / "photos"
    monkeypatch.setenv("L2SAE_HOME", str(home))
    photos.mkdir()
    for number in range(PHOTOS):
        (photos / f"{number}.png").write_bytes(saved("PNG", portrait().rotate(number))())
    before = {path: digest(path) for path in photos.iterdir()}
    began = time.monotonic()
    start(tiny_checkpoint, photos, tmp_path / "whole").wait()
    whole = time.monotonic() - began
    generator, killed, job = np.random.default_rng(0), 0, 0
    while killed < KILLS:
        out = tmp_path / f"out {job}"
        process = start(tiny_checkpoint, photos, out)
        try:
            process.wait(float(generator.uniform(0.3, 1.0)) * whole)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
        if killed == KILLS or process.returncode == 0:
            finish(tiny_model, photos, out, home)
            job += 1
    assert {path: digest(path) for path in photos.iterdir()} == before


def finish(model: L2SAE, photos: Path, out: Path, home: Path) -> None:
    """Take the job up, and look at what is there."""
    left = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    table = edit_folder(model, photos, out, ("hair",), Noise(2.0), workers=0, batch=2, progress=False)
    assert (table["result"] == "done").all()
    assert {path: path.stat().st_mtime_ns for path in left} == left, "a finished photo was edited again"
    assert sorted(path.name for path in out.glob("*.png")) == [f"{number}.png" for number in range(PHOTOS)]
    assert not [path for path in out.rglob("*") if path.name.endswith(".partial")]
    log = AuditLog(home / "audit.jsonl")
    assert log.verify()
    lines = [entry.record for entry in log.entries()]
    for row in table.itertuples():
        of_photo = [line for line in lines if line["export"] == row.export]
        assert [line["event"] for line in of_photo].count("export") == 1
        assert {line["event"] for line in of_photo} <= {"export", "repeated export"}
        assert digest(Path(row.output)) in {line["file_sha256"] for line in of_photo}
        assert verify(row.output).status in ("trusted", "valid")
