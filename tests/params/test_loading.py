"""The parameter loader: what it resolves, and that every error names the key and the file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from l2sae.params import DEFAULT_PRESET, ParamsError, load_params

REPOSITORY = Path(__file__).parents[2]
PRESETS = sorted(file.stem for file in (REPOSITORY / "presets").glob("*.yaml"))
NEEDS_ROOT = ("labelled",)


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict) and prefix + key not in ("data.split", "data.held")
        flat |= leaves(value, f"{prefix}{key}.") if nested else {prefix + key: value}
    return flat


def test_params_file_holds_every_key_and_only_names_the_preset() -> None:
    given = leaves(yaml.safe_load((REPOSITORY / "params.yaml").read_text()))
    default = leaves(yaml.safe_load((REPOSITORY / "presets" / f"{DEFAULT_PRESET}.yaml").read_text()))
    assert set(given) == set(default) | {"preset"}
    assert {key: value for key, value in given.items() if value is not None} == {"preset": DEFAULT_PRESET}


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_loads_once_it_has_its_data(preset: str) -> None:
    overrides = {"preset": preset}
    if preset in NEEDS_ROOT:
        with pytest.raises(ParamsError, match=r"data\.root is required"):
            load_params(REPOSITORY / "params.yaml", overrides)
        overrides |= {"data.root": "faces", "data.scheme": "fasseg"}
    params = load_params(REPOSITORY / "params.yaml", overrides)
    assert params.preset == preset
    chosen = leaves(yaml.safe_load((REPOSITORY / "presets" / f"{preset}.yaml").read_text()))
    resolved = leaves(params.model_dump(mode="json"))
    for key in set(chosen) - {"rois", "data.split"}:
        assert resolved[key] == overrides.get(key, chosen[key])


def test_null_takes_the_preset_a_value_wins_and_an_override_wins_over_both(file: Path) -> None:
    smoke = load_params(file, {"preset": "smoke"})
    default = load_params(file)
    assert smoke.train.steps != default.train.steps
    assert smoke.train.batch_size == default.train.batch_size
    file.write_text(file.read_text().replace("steps: null", "steps: 7").replace("batch_size: null", "batch_size: 3"))
    assert load_params(file, {"preset": "smoke"}).train.steps == 7
    assert load_params(file, {"preset": "smoke", "train.steps": 8}).train.steps == 8
    assert load_params(file, {"preset": "smoke", "train.steps": 8}).train.batch_size == 3


def test_split_is_replaced_whole(file: Path) -> None:
    split = load_params(file, {"data.split": {"train": ["a"], "test": ["b"]}}).data.split
    assert split.model_dump() == {"train": ("a",), "val": (), "test": ("b",)}  # type: ignore[union-attr]


@pytest.mark.parametrize("written", ["1e-05", "1.0e-5", "0.00001", "1e-5"])
def test_small_numbers_may_be_written_as_dvc_writes_them(file: Path, written: str) -> None:
    file.write_text(file.read_text().replace("learning_rate: null", f"learning_rate: {written}"))
    assert load_params(file).train.learning_rate == 1e-5


@pytest.mark.parametrize("key", ["seed", "dpi", "l1"])
def test_missing_key_is_named(file: Path, key: str) -> None:
    lines = file.read_text().splitlines()
    file.write_text("\n".join(line for line in lines if line.strip() != f"{key}: null"))
    with pytest.raises(ParamsError, match=rf"missing key [a-z.]*{key}\b"):
        load_params(file)


@pytest.mark.parametrize("text", ["{", "- 1", ""])
def test_file_that_is_no_mapping_is_named(file: Path, text: str) -> None:
    file.write_text(text)
    with pytest.raises(ParamsError, match=r"params\.yaml: (not valid YAML|expected keys and values)"):
        load_params(file)


def test_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no such file"):
        load_params(tmp_path / "params.yaml")
