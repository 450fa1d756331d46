import subprocess
import sys
from pathlib import Path

import pytest

from l2sae.bulk import pool
from l2sae.editing import EditError
from l2sae.model import L2SAE
from l2sae.provenance import ProvenanceError
from tests.bulk.conftest import edited


def test_a_worker_that_ends_is_one_clear_error(
    tiny_model: L2SAE, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", "raise SystemExit(3)"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    monkeypatch.setattr(pool, "_start", start)
    with pytest.raises(EditError, match=r"a worker has ended \(exit code 3\).*run the same again"):
        edited(tiny_model, folder, tmp_path / "out", workers=2)


def test_what_a_worker_raises_comes_through(tiny_model: L2SAE, folder: Path, tmp_path: Path, home: Path) -> None:
    (home / "audit.jsonl").mkdir(parents=True)
    with pytest.raises(ProvenanceError, match="cannot write to the audit log"):
        edited(tiny_model, folder, tmp_path / "out", workers=2)
    (home / "audit.jsonl").rmdir()
    table = edited(tiny_model, folder, tmp_path / "out")
    assert (table["result"] == "done").sum() == 6
