"""The one loader of parameters that DVC stages, notebooks, package and tests share.

``params.yaml`` names a preset and may override any key of it: ``null`` there means "from the preset".
``presets/quickstart.yaml`` is the complete default; every other preset holds only what differs from it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from l2sae.params.sections import Params

DEFAULT_PRESET = "quickstart"
_ATOMIC = ("data.split", "data.scheme")  # mappings that are replaced whole, never merged key by key
_ALTERNATIVES = {"train.steps": "train.minutes", "train.minutes": "train.steps"}  # giving one drops the preset's other


class ParamsError(ValueError):
    """A parameter is unknown, missing or of the wrong type; the message names the key and the file."""


def load_params(path: str | Path = "params.yaml", overrides: Mapping[str, Any] | None = None) -> Params:
    """Read ``path``, fill its nulls from the preset that it names, apply ``overrides``, and validate.

    Args:
        path: the parameter file; presets are looked up in the folder ``presets`` beside it.
        overrides: dotted key -> value, e.g. ``{"train.steps": 50}``; these win over everything.

    Raises:
        ParamsError: unknown, missing or mistyped keys (named with the file).
    """
    path = Path(path)
    given = _read_yaml(path)
    for key, value in (overrides or {}).items():
        _set_dotted(given, key, value)
    name = given.get("preset")
    if not isinstance(name, str):
        raise ParamsError(f"{path}: preset: give the name of a file in {path.parent / 'presets'}")
    default = _read_yaml(_preset_file(path, DEFAULT_PRESET))
    preset = default if name == DEFAULT_PRESET else _merge(default, _read_yaml(_preset_file(path, name)))
    if missing := _missing(default, given):
        raise ParamsError(f"{path}: missing key {', '.join(missing)}: add it; null takes the preset's value")
    try:
        return Params.model_validate(_merge(preset | {"preset": name}, given))
    except ValidationError as error:
        raise ParamsError(f"{path} (preset {name}): {_explain(error)}") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))  # YAML 1.2, as DVC writes: 1e-05
    except FileNotFoundError:
        raise ParamsError(f"{path}: no such file; run from the folder that holds params.yaml") from None
    except YAMLError as error:
        raise ParamsError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(content, dict):
        raise ParamsError(f"{path}: expected keys and values, got {type(content).__name__}")
    return content


def _preset_file(path: Path, name: str) -> Path:
    file = path.parent / "presets" / f"{name}.yaml"
    if not file.is_file():
        known = ", ".join(sorted(p.stem for p in file.parent.glob("*.yaml"))) or "none"
        raise ParamsError(f"{path}: preset: no preset named {name!r} in {file.parent}; there are: {known}")
    return file


def _set_dotted(tree: dict[str, Any], dotted: str, value: Any) -> None:
    *groups, leaf = dotted.split(".")
    for group in groups:
        if not isinstance(tree.get(group), dict):
            tree[group] = {}
        tree = tree[group]
    tree[leaf] = value


def _is_group(value: Any, key: str) -> bool:
    return isinstance(value, dict) and key not in _ATOMIC


def _missing(default: Mapping[str, Any], given: Mapping[str, Any], prefix: str = "") -> list[str]:
    """Dotted keys of ``default`` that ``given`` lacks."""
    missing = []
    for name, value in default.items():
        key = prefix + name
        if name not in given:
            missing.append(key)
        elif _is_group(value, key) and isinstance(given[name], dict):
            missing += _missing(value, given[name], f"{key}.")
    return missing


def _merge(base: Mapping[str, Any], over: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """``base`` with every non-null value of ``over`` put in its place."""
    merged = dict(base)
    for name, value in over.items():
        key = prefix + name
        if value is None:
            merged.setdefault(name, None)
        elif _is_group(value, key) and isinstance(merged.get(name), dict):
            merged[name] = _merge(merged[name], value, f"{key}.")
        else:
            merged[name] = value
            if key in _ALTERNATIVES:
                other = _ALTERNATIVES[key].removeprefix(prefix)
                merged[other] = over.get(other)
    return merged


def _explain(error: ValidationError) -> str:
    """One clause for each invalid key, in plain words."""
    clauses = []
    for item in error.errors():
        key = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            clauses.append(f"unknown key {key}: remove it or correct its name")
        elif item["type"] == "missing":
            clauses.append(f"missing key {key}")
        else:
            message = item["msg"].removeprefix("Value error, ")
            clauses.append(f"{key}: {message} (got {item['input']!r})" if key else message)
    return "; ".join(clauses)
