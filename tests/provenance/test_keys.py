import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from l2sae.provenance import Credentials, ProvenanceError, development_root, load_credentials
from l2sae.provenance.keys import home_folder

MAKE = "from l2sae.provenance import load_credentials; print(hash(load_credentials().private_key))"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_development_key_is_made_once_and_is_private(home: Path) -> None:
    first = load_credentials()
    assert first.development
    assert load_credentials() == first
    assert "PRIVATE" not in repr(first)
    assert mode(home) == 0o700
    assert mode(home / "development") == 0o700
    assert {mode(path) for path in (home / "development").iterdir()} == {0o600}


def test_homes_are_independent(home: Path, tmp_path: Path) -> None:
    assert load_credentials(home=tmp_path / "other") != load_credentials()
    assert home_folder(tmp_path / "other") != home_folder()
    assert development_root() != development_root(tmp_path / "other")


def test_processes_that_start_together_share_one_key(home: Path) -> None:
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", MAKE]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) for _ in range(2)]
    assert len({process.communicate()[0] for process in running}) == 1
    assert all(process.returncode == 0 for process in running)
    assert sorted(path.name for path in home.iterdir()) == ["development", "development.lock"]


def test_real_credentials_come_by_parameter_or_environment(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    chain.write_text("a chain")
    key.write_text("a key")
    assert load_credentials(chain, key) == Credentials("a chain", "a key")
    monkeypatch.setenv("L2SAE_CERTIFICATE", str(chain))
    with pytest.raises(ProvenanceError, match="both a certificate and its key"):
        load_credentials()
    monkeypatch.setenv("L2SAE_PRIVATE_KEY", str(key))
    assert load_credentials() == Credentials("a chain", "a key")
    key.unlink()
    with pytest.raises(ProvenanceError, match=r"key\.pem: cannot read"):
        load_credentials()
    assert not home.exists()
