import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from l2sae.provenance import AuditLog, ProvenanceError, perceptual_hash

# one writer: it says which lines were acknowledged, and tries the first unacknowledged one again after a death
WRITER = """
import sys
from pathlib import Path
from l2sae.provenance.audit import AuditLog
log, name, count, acknowledged = AuditLog(sys.argv[1], rotate_bytes=int(sys.argv[5])), *sys.argv[2:5]
with open(acknowledged, "a+") as done:
    done.seek(0)
    for index in range(len(done.read().split()), int(count)):
        log.append({"writer": name, "index": index}, f"{name}-{index}")
        done.write(f"{index}\\n")
        done.flush()
"""


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "audit.jsonl")


def test_lines_are_numbered_chained_and_read_back(log: AuditLog) -> None:
    assert log.verify()
    assert log.verify().lines == 0
    written = [log.append({"event": "export", "index": index}) for index in range(5)]
    assert [entry.number for entry in written] == [1, 2, 3, 4, 5]
    assert list(log.entries()) == written
    assert log.verify().lines == 5
    assert log.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("change", ["edit", "drop", "swap", "insert", "garble"])
def test_verify_names_the_first_broken_line(log: AuditLog, change: str) -> None:
    for index in range(6):
        log.append({"index": index})
    lines = log.path.read_bytes().splitlines(keepends=True)
    if change == "edit":
        lines[2] = lines[2].replace(b'"index":2', b'"index":7')
    elif change == "drop":
        del lines[2]
    elif change == "swap":
        lines[2], lines[3] = lines[3], lines[2]
    elif change == "insert":
        lines.insert(2, lines[2])
    else:
        lines[2] = b"\xff" + lines[2][1:]
    log.path.write_bytes(b"".join(lines))
    check = log.verify()
    assert not check
    where = {"edit": "line 4: ", "insert": "line 4: "}.get(change, "line 3: ")  # the line after an edited one shows it
    assert check.broken is not None
    assert check.broken.startswith(f"audit.jsonl, {where}")


def test_missing_last_lines_are_noticed(log: AuditLog) -> None:
    for index in range(4):
        log.append({"index": index})
    lines = log.path.read_bytes().splitlines(keepends=True)
    log.path.write_bytes(b"".join(lines[:-1]))
    assert log.verify().broken == "audit.jsonl, line 4: changed or missing at the end of the log"
    log.path.write_bytes(b"".join(lines).replace(b'"index":3', b'"index":9'))
    assert "line 4" in str(log.verify().broken)


@given(kept=st.integers(0, 200), garbage=st.binary(max_size=30).map(lambda data: data.replace(b"\n", b"")))
@settings(max_examples=20, deadline=None)
def test_a_torn_last_line_is_set_aside(tmp_path_factory: pytest.TempPathFactory, kept: int, garbage: bytes) -> None:
    log = AuditLog(tmp_path_factory.mktemp("torn") / "audit.jsonl")
    log.append({"index": 0})
    whole = log.path.read_bytes()
    torn = whole[: min(kept, len(whole) - 1)] + garbage
    log.path.write_bytes(whole + torn)
    assert log.verify().lines == 1
    log.append({"index": 1})
    assert log.verify()
    assert [entry.record["index"] for entry in log.entries()] == [0, 1]
    aside = log.path.with_name("audit.jsonl.torn")
    assert aside.exists() == bool(torn)
    assert not torn or aside.read_bytes() == torn + b"\n"


def test_the_chain_runs_on_over_files_set_aside(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl", rotate_bytes=1000)
    for index in range(20):
        log.append({"index": index})
    names = [file.name for file in log.files()]
    assert names[:2] == ["audit.000001.jsonl", "audit.000002.jsonl"]
    assert names[-1] == "audit.jsonl"
    assert log.verify().lines == 20
    assert [entry.record["index"] for entry in log.entries()] == list(range(20))
    log.path.unlink()  # as if the writer had died just after setting the file aside
    log.path.with_name("audit.jsonl.head").unlink()
    count = log.verify().lines
    log.append({"index": "next"})
    assert log.verify().lines == count + 1
    log.files()[0].unlink()
    assert (
        log.verify().broken
        == "audit.000002.jsonl, line 1: does not continue the line before: one of the two was changed"
    )


def test_a_line_that_is_there_already_is_not_written_again(log: AuditLog) -> None:
    first = log.append({"index": 0}, "one")
    assert log.append({"index": 0}, "one") == first
    assert log.verify().lines == 1


def test_lines_of_other_writers_and_of_files_set_aside_are_known_too(tmp_path: Path) -> None:
    first, second = (AuditLog(tmp_path / "audit.jsonl", rotate_bytes=600) for _ in range(2))
    for index in range(20):
        writer, other = (first, second) if index % 3 else (second, first)
        entry = writer.append({"index": index}, f"line-{index}")
        assert other.append({"index": "again"}, f"line-{index}") == entry
    assert len(first.files()) > 2
    assert first.append({}, "line-0").record == second.append({}, "line-0").record == {"index": 0}
    assert [one.record["index"] for one in first.entries()] == list(range(20))
    assert first.verify()


def test_find_by_picture_recipe_and_digest(log: AuditLog, portrait: NDArray[np.uint8]) -> None:
    log.append({"perceptual_hash": perceptual_hash(portrait), "recipe_sha256": "r1", "file_sha256": "f1"})
    log.append({"perceptual_hash": perceptual_hash(portrait[:, ::-1].copy()), "recipe_sha256": "r2"})
    log.append({"event": "withdrawn"})
    small = np.array(Image.fromarray(portrait).resize((90, 120)))
    assert [entry.number for entry in log.find(picture=small)] == [1]
    assert [entry.number for entry in log.find(recipe="r2")] == [2]
    assert [entry.number for entry in log.find(digest="f1")] == [1]
    assert log.find(picture=small, recipe="r2") == []
    assert [entry.number for entry in log.find()] == [3, 2, 1]


def test_overdue_pictures_are_listed(log: AuditLog) -> None:
    log.append({"delete_by": "2024-05-01"})
    log.append({"delete_by": "2024-05-02"})
    log.append({"event": "withdrawn"})
    assert [entry.number for entry in log.overdue(date(2024, 5, 2))] == [1]


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ProvenanceError, match="cannot write to the audit log"):
        AuditLog(tmp_path / "file" / "audit.jsonl").append({})


def hammer(folder: Path, writers: int, count: int, kills: int) -> None:
    """Let writers write at once, kill some with SIGKILL and start them again; every line has to be there once."""
    path, rng = folder / "audit.jsonl", random.Random(7)

    def start(name: str) -> subprocess.Popen[bytes]:
        arguments = [str(path), name, str(count), str(folder / name), "60000"]
        return subprocess.Popen([sys.executable, "-c", WRITER, *arguments])

    running = {name: start(name) for name in (f"w{index}" for index in range(writers))}
    killed = 0
    while any(process.poll() is None for process in running.values()):
        alive = [name for name, process in running.items() if process.poll() is None]
        begun = [name for name in alive if (folder / name).exists()]
        if killed < kills and begun:
            name = rng.choice(begun)
            running[name].send_signal(signal.SIGKILL)
            running[name].wait()
            killed += 1
            running[name] = start(name)
        time.sleep(rng.uniform(0.01, 0.1))
    assert killed == kills
    assert {process.returncode for process in running.values()} == {0}
    log = AuditLog(path)
    assert log.verify().broken is None
    assert log.verify().lines == writers * count
    written = sorted((entry.record["writer"], entry.record["index"]) for entry in log.entries())
    assert written == sorted((name, index) for name in running for index in range(count))


def test_no_line_is_lost_torn_or_doubled_when_writers_are_killed(tmp_path: Path) -> None:
    hammer(tmp_path, writers=3, count=60, kills=3)


@pytest.mark.slow
@pytest.mark.skipif("L2SAE_SLOW" not in os.environ, reason="takes minutes: set L2SAE_SLOW=1")
def test_no_line_of_many_is_lost_torn_or_doubled_when_writers_are_killed(tmp_path: Path) -> None:
    hammer(tmp_path, writers=8, count=1000, kills=40)


def test_lines_are_plain_json(log: AuditLog) -> None:
    log.append({"event": "export"})
    fields = json.loads(log.path.read_text())
    assert sorted(fields) == ["id", "number", "previous", "record", "time"]
