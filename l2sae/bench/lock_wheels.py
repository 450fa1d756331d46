"""Which packages of requirements.lock come as wheels: asked of pip for each Python and machine, without installing."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
_GLIBC = range(36, 4, -1)  # Debian 12's and what is older: pip does not add older ones to a named one


def _linux(machine: str) -> tuple[str, ...]:
    old = (f"manylinux2014_{machine}", f"manylinux2010_{machine}", f"manylinux1_{machine}")
    return (*(f"manylinux_2_{minor}_{machine}" for minor in _GLIBC), *old, f"linux_{machine}")


PLATFORMS: dict[str, tuple[str, ...]] = {
    "Linux x86-64": _linux("x86_64"),
    "Linux arm64": _linux("aarch64"),
    "macOS arm64": ("macosx_14_0_arm64",),
    "Windows x86-64": ("win_amd64",),
}
THREADS = 3  # pip mostly waits for the registry
ANY = ("any",)  # of no machine: only wheels without compiled parts fit
Ask = Callable[[str, str, Iterable[str]], set[str]]


def missing_wheels(lock: str, ask: Ask, progress: Callable[[str], None] = print) -> dict[str, Any]:
    """Which locked packages have no wheel, by machine and Python.

    Args:
        lock: text of a lock, one ``name==version`` a line.
        ask: name, Python version, platform tags -> the versions that come as a fitting wheel.
        progress: told now and then.

    Returns:
        ``packages`` (how many), ``compiled`` (names of those whose wheels are made for machines), and ``missing``:
        platform -> Python -> the packages without a wheel.
    """
    pins = [(name, version) for name, version in (line.split("==") for line in lock.split())]
    missing: dict[str, dict[str, list[str]]] = {platform: {python: [] for python in PYTHONS} for platform in PLATFORMS}
    compiled = []
    with ThreadPoolExecutor(THREADS) as pool:
        lacks = pool.map(lambda pin: _lacks(pin[0], pin[1], ask), pins)
        for (name, version), places in zip(pins, lacks, strict=True):
            if places is not None:
                compiled.append(name)
            for platform, python in places or []:
                missing[platform][python].append(name)
                progress(f"lock: {name} {version} has no wheel for {platform}, Python {python}")
    return {"packages": len(pins), "compiled": compiled, "missing": missing}


def _lacks(name: str, version: str, ask: Ask) -> list[tuple[str, str]] | None:
    """Platforms and Pythons without a wheel; None where one wheel serves everywhere."""
    if all(version in ask(name, python, ANY) for python in (PYTHONS[0], PYTHONS[-1])):
        return None
    places = ((platform, python) for platform in PLATFORMS for python in PYTHONS)
    return [(platform, python) for platform, python in places if version not in ask(name, python, PLATFORMS[platform])]


def ask_pip(name: str, python: str, platforms: Iterable[str]) -> set[str]:
    """Versions of a package that pip (25.1 or later) finds as a wheel for a Python and platform tags.

    Raises:
        RuntimeError: pip fails for another reason than that there is none.
    """
    command = [sys.executable, "-m", "pip", "index", "versions", name, "--json", "--only-binary=:all:"]
    tags = [f"--platform={tag}" for tag in platforms]
    done = subprocess.run([*command, f"--python-version={python}", *tags], capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr:
        return set()
    if done.returncode:
        raise RuntimeError(f"pip index versions {name} (needs pip 25.1 or later): {done.stderr.strip()[-300:]}")
    return set(json.loads(done.stdout)["versions"])
