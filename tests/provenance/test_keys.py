import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.provenance import Credentials, ProvenanceError, development_root, export, keys, load_credentials, verify
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


def age(monkeypatch: pytest.MonkeyPatch, days: float) -> None:
    """Let development certificates be made that are valid for so many days."""
    monkeypatch.setattr(keys, "YEARS", days / 365)


def test_a_development_key_that_is_about_to_expire_is_renewed_and_its_exports_stay_trusted(
    home: Path, tmp_path: Path, portrait: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    age(monkeypatch, keys.RENEWAL_DAYS - 1)
    first = export(portrait, tmp_path / "old.png", purpose="research").path
    old = (home / "development" / "key.pem").read_text()
    age(monkeypatch, 5 * 365)
    second = export(portrait, tmp_path / "new.png", purpose="research").path
    assert load_credentials().private_key != old
    assert load_credentials() == load_credentials()
    assert development_root().count("BEGIN CERTIFICATE") == 2
    for path in (first, second):
        assert verify(path).status == "valid"
        assert verify(path, development_root()).status == "trusted"
    assert {mode(path) for path in (home / "development").iterdir()} == {0o600}
    assert "development.expiring" not in {path.name for path in home.iterdir()}


def test_a_renewal_that_was_cut_off_is_done_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    age(monkeypatch, keys.RENEWAL_DAYS - 1)
    development_root()
    (home / "development").rename(home / "development.expiring")  # as if the process had ended between the two names
    age(monkeypatch, 5 * 365)
    assert development_root().count("BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize("given", ["~/keys", "~/deep/keys"])
def test_a_tilde_is_the_users_folder(given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.chdir(tmp_path)
    expected = tmp_path / "user" / given.removeprefix("~/")
    assert home_folder(given) == expected
    monkeypatch.setenv("L2SAE_HOME", given)
    load_credentials()
    assert (expected / "development" / "key.pem").is_file()
    assert not (tmp_path / "~").exists()
    (expected / "own.pem").write_text("a chain")
    assert load_credentials(f"{given}/own.pem", f"{given}/own.pem") == Credentials("a chain", "a chain")


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
