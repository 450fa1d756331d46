"""Keys, tokens and logs never land in the repository."""

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SECRETS = {
    "private key": re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{20}"),
    "GitHub token": re.compile(rb"\bgh[pousr]_[A-Za-z0-9]{36}"),
    "AWS key": re.compile(rb"\bAKIA[0-9A-Z]{16}\b"),
    "Hugging Face token": re.compile(rb"\bhf_[A-Za-z0-9]{34}\b"),
    "PyPI token": re.compile(rb"\bpypi-[A-Za-z0-9_-]{40,}"),
    "Jupyter token": re.compile(rb"[?&]token=[0-9a-f]{32,}"),
}
FORBIDDEN = re.compile(r"\.(pem|key|p12|pfx)$|(^|/)\.env$|(^|/)audit[^/]*\.jsonl")
SAMPLES = {
    "private key": b"-----BEGIN EC " + b"PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEG",
    "GitHub token": b"gh" + b"p_" + b"a" * 36,
    "AWS key": b"AK" + b"IA" + b"A" * 16,
    "Hugging Face token": b"h" + b"f_" + b"a" * 34,
    "PyPI token": b"py" + b"pi-" + b"a" * 40,
    "Jupyter token": b"?tok" + b"en=" + b"0" * 32,
}


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        pytest.skip("not a Git checkout")
    return done.stdout


def test_every_pattern_finds_what_it_is_for() -> None:
    assert SECRETS.keys() == SAMPLES.keys()
    assert [name for name, pattern in SECRETS.items() if not pattern.search(SAMPLES[name])] == []


def test_no_file_of_the_repository_holds_a_secret() -> None:
    names = git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    assert "pyproject.toml" in names
    assert [name for name in names if FORBIDDEN.search(name)] == []
    files = [REPOSITORY / name for name in names if (REPOSITORY / name).is_file()]
    found = [(path.name, what) for path in files for what, known in SECRETS.items() if known.search(path.read_bytes())]
    assert found == []


@pytest.mark.parametrize("name", ["key.pem", "l2sae/server.key", "audit.jsonl", "runs/audit.000001.jsonl", ".env"])
def test_git_ignores_what_holds_secrets(name: str) -> None:
    assert git("check-ignore", name).strip() == name
