from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from l2sae.model import L2SAE
from l2sae.provenance import AuditLog
from tests.bulk.conftest import edited, pixels

ray = pytest.importorskip("ray", reason="needs the extra cluster")
psutil = pytest.importorskip("psutil")


def command_line(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return ""


def start_ray(attempts: int = 3) -> None:
    """Ray gives its node half a minute to start, which a busy machine may need more than once."""
    for left in reversed(range(attempts)):
        try:
            ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
        except Exception:
            ray.shutdown()
            if not left:
                raise
        else:
            return


@pytest.mark.slow
def test_every_photo_is_edited_once_though_a_worker_is_killed(
    tiny_model: L2SAE, folder: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(24):
        Image.open(folder / "c.png").rotate(index).save(folder / f"turned-{index:02}.png")
    monkeypatch.setattr("l2sae.bulk.progress.EVERY", 0.0)
    killed: list[int] = []

    def kill_one(line: str) -> None:
        running = [one for one in psutil.Process().children(recursive=True) if "_do_batch" in command_line(one)]
        if running and not killed:
            killed.append(running[0].pid)
            running[0].kill()

    start_ray()
    try:
        table = edited(tiny_model, folder, tmp_path / "out", runner="ray", batch=3, progress=kill_one)
    finally:
        ray.shutdown()
    assert killed
    assert (table["result"] == "done").sum() == 30
    assert table["worker"].nunique() >= 2
    log = AuditLog(home / "audit.jsonl")
    assert log.verify()
    events = Counter(entry.record["event"] for entry in log.entries())
    exported = Counter(entry.record["export"] for entry in log.entries() if entry.record["event"] == "unmarked export")
    assert exported == Counter(table["export"].dropna())
    assert events["repeated unmarked export"] <= 1  # the photo that was at work when its worker was killed
    alone = edited(tiny_model, folder, tmp_path / "alone")
    assert pixels(tmp_path / "out") == pixels(tmp_path / "alone")
    assert alone["export"].dropna().tolist() == table["export"].dropna().tolist()
