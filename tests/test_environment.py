"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

import ast
import re
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from l2sae.pipeline.dependencies import module_sources

REPOSITORY = Path(__file__).parents[1]
FROM_TORCH = re.compile(r"nvidia-(?!ml-py)|triton|cuda-")  # come with some builds of torch; never locked
FROM_PYTHON = {"setuptools", "pip", "wheel"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")  # that one lock serves


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def declared(project: dict[str, Any]) -> list[Requirement]:
    extras = project["optional-dependencies"]
    return [Requirement(text) for text in project["dependencies"] + extras["workspace"] + extras["dev"]]


@pytest.fixture(scope="module")
def lock() -> dict[str, str]:
    lines = (REPOSITORY / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines), "one package==version a line"
    pins = [line.split("==") for line in lines]
    names = [canonicalize_name(name) for name, _ in pins]
    assert len(set(names)) == len(names)
    return dict(zip(names, (version for _, version in pins), strict=True))


def test_lock_satisfies_pyproject(declared: list[Requirement], lock: dict[str, str]) -> None:
    for one in declared:
        version = lock.get(canonicalize_name(one.name))
        assert version is not None, f"{one.name} is not in requirements.lock: run make lock"
        assert one.specifier.contains(version), f"{one} does not admit the locked {version}"


def test_editing_imports_nothing_beyond_the_small_installation(project: dict[str, Any]) -> None:
    files = [
        f for module in ("l2sae.cli", "l2sae.bulk", "l2sae.provenance") for f in module_sources(module, REPOSITORY)
    ]
    trees = [ast.parse((REPOSITORY / file).read_text()) for file in set(files) if file.endswith(".py")]
    imported = {name.split(".")[0] for tree in trees for node in tree.body for name in imported_names(node)}
    provided = metadata.packages_distributions()
    needed = {canonicalize_name(provided[name][0]) for name in imported if name in provided} - {"l2sae"}
    assert needed <= {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}


def imported_names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module] if node.module and not node.level else []
    return [alias.name for alias in node.names] if isinstance(node, ast.Import) else []


def test_lock_is_closed_and_holds_nothing_else(declared: list[Requirement], lock: dict[str, str]) -> None:
    needed = closure(declared)
    assert needed - set(lock) == set(), "needed but not locked"
    assert {name for name in set(lock) - needed if is_installed(name)} == set(), "locked but not needed"


def is_installed(name: str) -> bool:
    return any(True for _ in metadata.distributions(name=name))


def applies(one: Requirement, python: str, extra: str) -> bool:
    environment = {"extra": extra, "python_version": python, "python_full_version": f"{python}.0"}
    return one.marker is None or one.marker.evaluate(environment)


def closure(declared: list[Requirement]) -> set[str]:
    """Canonical names of all that ``declared`` needs on this machine with any supported Python."""
    todo, done = list(declared), set()
    while todo:
        one = todo.pop()
        name = canonicalize_name(one.name)
        if (name, frozenset(one.extras)) in done or FROM_TORCH.match(name) or name in FROM_PYTHON:
            continue
        done.add((name, frozenset(one.extras)))
        for text in (metadata.requires(name) if is_installed(name) else None) or []:
            needed = Requirement(text)
            if any(applies(needed, python, extra) for python in PYTHONS for extra in one.extras or {""}):
                todo.append(needed)
    return {name for name, _ in done}


def test_this_environment_is_the_locked_one(lock: dict[str, str]) -> None:
    installed = {name: Version(metadata.version(name)).public for name in lock if is_installed(name)}
    assert installed == {name: version for name, version in lock.items() if name in installed}


def test_locked_packages_admit_every_python_3_11(lock: dict[str, str]) -> None:
    needs = {name: metadata.metadata(name).get("Requires-Python") for name in lock if is_installed(name)}
    refused = {name: need for name, need in needs.items() if need and not SpecifierSet(need).contains("3.11.0")}
    assert refused == {}, "Debian 12 has 3.11.2: lock older versions"


def test_torch_is_pinned_plainly(lock: dict[str, str]) -> None:
    assert lock["torch"] == "2.13.0"
    assert "torchvision" not in lock
    assert not [name for name in lock if FROM_TORCH.match(name)]


def test_conda_environment_uses_the_same_python_and_lock(project: dict[str, Any]) -> None:
    environment = yaml.safe_load((REPOSITORY / "environment.yml").read_text())
    *conda, pip = environment["dependencies"]
    assert environment["name"] == project["name"]
    assert conda == ["python=3.11", "pip"]
    assert pip == {"pip": ["-r requirements.lock", "-e ."]}
    assert Requirement("python" + project["requires-python"]).specifier.contains("3.11")


def test_make_takes_every_supported_python(project: dict[str, Any]) -> None:
    versions = re.search(r"^PYTHONS := (.+)$", (REPOSITORY / "Makefile").read_text(), flags=re.MULTILINE)
    assert versions is not None
    assert versions[1].split() == ["3.14", "3.13", "3.12", "3.11"]
    assert all(SpecifierSet(project["requires-python"]).contains(version) for version in versions[1].split())
