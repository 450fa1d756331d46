import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from l2sae.bulk.storage import Folder, open_folder
from l2sae.editing import EditError, Noise, edit
from l2sae.model import L2SAE
from l2sae.provenance import AuditLog, verify
from tests.bulk.conftest import edited

NAMES = ["a.png", "b.png", "c.png", "d.png", "more/e.png", "more/f.png"]


@pytest.fixture
def memory() -> Iterator[fsspec.AbstractFileSystem]:
    fs = fsspec.filesystem("memory")
    yield fs
    for name in ("/photos", "/edited"):
        if fs.exists(name):
            fs.rm(name, recursive=True)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an S3 server on this machine, with a bucket ``bucket``."""
    pytest.importorskip("s3fs", reason="needs the extra remote")
    server_module = pytest.importorskip("moto.server", reason="needs the extra remote-tests")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for name, value in (("ACCESS_KEY_ID", "test"), ("SECRET_ACCESS_KEY", "test"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
    server.start()
    address = f"http://127.0.0.1:{port}"
    fsspec.filesystem("s3", endpoint_url=address).makedirs("bucket", exist_ok=True)
    yield address
    server.stop()


def test_photos_and_results_may_be_in_a_file_system_of_another_kind(
    tiny_model: L2SAE, folder: Path, memory: fsspec.AbstractFileSystem, tmp_path: Path, home: Path
) -> None:
    memory.put(str(folder), "/photos", recursive=True)
    table = edited(tiny_model, "memory://photos", "memory://edited")
    assert table["result"].value_counts().to_dict() == {"done": 6, "skipped": 2}
    assert table["output"].dropna().tolist() == [f"memory://edited/{name}" for name in NAMES]
    memory.get("/edited", str(tmp_path / "fetched"), recursive=True)
    for name in NAMES:
        made = np.asarray(Image.open(tmp_path / "fetched" / name))
        assert (made == edit(tiny_model, folder / name, "hair", Noise(2.0))).all()
        assert verify(tmp_path / "fetched" / name).status == "valid"
    again = edited(tiny_model, "memory://photos", "memory://edited")
    assert again["export"].tolist() == table["export"].tolist()
    assert len(list(AuditLog(home / "audit.jsonl").entries())) == 6


def test_an_upload_that_fails_is_logged_as_withdrawn_and_made_good_by_the_next_run(
    tiny_model: L2SAE,
    folder: Path,
    memory: fsspec.AbstractFileSystem,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write = Folder.write

    def refuse(target: Folder, name: str, content: bytes) -> None:
        if name == "c.png":
            raise ConnectionError("the store is away")
        write(target, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(Folder, "write", refuse)
        with pytest.raises(ConnectionError):
            edited(tiny_model, folder, "memory://edited")
    log = AuditLog(home / "audit.jsonl")
    *_, exported, withdrawn = log.entries()
    assert withdrawn.record == {"event": "withdrawn", "export": exported.record["export"]}
    table = edited(tiny_model, folder, "memory://edited")
    assert (table["result"] == "done").sum() == 6
    assert memory.exists("/edited/c.png")


def test_s3_serves_photos_and_takes_results_of_several_processes(
    tiny_model: L2SAE, folder: Path, s3: str, tmp_path: Path
) -> None:
    fs = fsspec.filesystem("s3", endpoint_url=s3)
    fs.put(str(folder), "bucket/photos", recursive=True)
    table = edited(
        tiny_model, "s3://bucket/photos", "s3://bucket/edited", workers=2, storage_options={"endpoint_url": s3}
    )
    assert table["result"].value_counts().to_dict() == {"done": 6, "skipped": 2}
    fs.invalidate_cache()
    fs.get("bucket/edited/more/e.png", str(tmp_path / "e.png"))
    assert (
        np.asarray(Image.open(tmp_path / "e.png")) == edit(tiny_model, folder / "more/e.png", "hair", Noise(2.0))
    ).all()
    fs.put(str(folder / "b.png"), "bucket/photos/a.png")
    second = edited(
        tiny_model, "s3://bucket/photos", "s3://bucket/edited", storage_options={"endpoint_url": s3}
    ).set_index("photo")
    changed = second["export"] != table.set_index("photo")["export"]
    assert second[changed & (second["result"] == "done")].index.tolist() == ["s3://bucket/photos/a.png"]


def test_files_appear_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = open_folder(tmp_path)
    folder.write("below/a.txt", b"first")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        folder.write("below/a.txt", b"second, which is longer")
    assert folder.read("below/a.txt") == b"first"
    assert [path.name for path in (tmp_path / "below").iterdir()] == ["a.txt"]


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    for name in ("a.png", ".hidden.png", ".folder/b.png", "below/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert sorted(open_folder(tmp_path).files()) == ["a.png", "below/c.png"]
    assert sorted(open_folder(f"{tmp_path}/").files()) == ["a.png", "below/c.png"]


def test_an_unknown_kind_of_url_is_named() -> None:
    with pytest.raises(EditError, match="nowhere://photos"):
        open_folder("nowhere://photos")


@pytest.mark.slow
def test_dvc_pushes_to_s3_and_a_second_clone_pulls(s3: str, tmp_path: Path) -> None:
    pytest.importorskip("dvc_s3", reason="needs the extra remote")
    first, second = tmp_path / "first", tmp_path / "second"

    def run(folder: Path, *command: str) -> None:
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(command, cwd=folder, env=os.environ | {"PATH": programs}, check=True, capture_output=True)

    first.mkdir()
    run(first, "git", "init", "--quiet")
    run(first, "dvc", "init", "--quiet")
    run(first, "dvc", "remote", "add", "--default", "store", "s3://bucket/dvc")
    run(first, "dvc", "remote", "modify", "store", "endpointurl", s3)
    (first / "model.bin").write_bytes(b"weights" * 1000)
    run(first, "dvc", "add", "--quiet", "model.bin")
    run(first, "git", "add", ".")
    run(first, "git", "-c", "user.name=Test", "-c", "user.email=test@example.org", "commit", "--quiet", "-m", "Start")
    run(first, "dvc", "push", "--quiet")
    run(tmp_path, "git", "clone", "--quiet", str(first), str(second))
    assert not (second / "model.bin").exists()
    run(second, "dvc", "pull", "--quiet")
    assert (second / "model.bin").read_bytes() == (first / "model.bin").read_bytes()
    shutil.rmtree(second / ".dvc/cache")
