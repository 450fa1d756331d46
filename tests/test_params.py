"""The parameter loader: what it resolves, and that every error names the key and the file."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from l2sae.params import DEFAULT_PRESET, ParamsError, ProvenanceParams, TrainParams, load_params
from l2sae.rois import DEFAULT_ROIS

REPOSITORY = Path(__file__).parents[1]
PRESETS = sorted(file.stem for file in (REPOSITORY / "presets").glob("*.yaml"))
NEEDS_ROOT = ("labelled",)


def leaves(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        nested = isinstance(value, dict) and prefix + key not in ("data.split", "data.held")
        flat |= leaves(value, f"{prefix}{key}.") if nested else {prefix + key: value}
    return flat


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A copy of the shipped parameter file with its presets, free to be changed."""
    (tmp_path / "presets").mkdir()
    for preset in PRESETS:
        (tmp_path / "presets" / f"{preset}.yaml").write_text((REPOSITORY / "presets" / f"{preset}.yaml").read_text())
    path = tmp_path / "params.yaml"
    path.write_text((REPOSITORY / "params.yaml").read_text())
    return path


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


def test_minutes_replace_steps_but_not_under_strict_determinism(file: Path) -> None:
    with pytest.raises(ParamsError, match=r"train\.minutes .*determinism: strict"):
        load_params(file, {"train.minutes": 2.0})
    params = load_params(file, {"train.minutes": 2.0, "determinism": "fast"})
    assert (params.train.minutes, params.train.steps) == (2.0, None)


@pytest.mark.parametrize("written", ["1e-05", "1.0e-5", "0.00001", "1e-5"])
def test_small_numbers_may_be_written_as_dvc_writes_them(file: Path, written: str) -> None:
    file.write_text(file.read_text().replace("learning_rate: null", f"learning_rate: {written}"))
    assert load_params(file).train.learning_rate == 1e-5


def test_parameters_are_frozen(file: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_params(file).seed = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"train.epohcs": 5}, r"unknown key train\.epohcs"),
        ({"trian.steps": 5}, r"unknown key trian"),
        ({"train.steps": "abc"}, r"train\.steps: .*integer.*'abc'"),
        ({"train.steps": 2.5}, r"train\.steps: .*2\.5"),
        ({"train.steps": 0}, r"train\.steps: .*greater than or equal to 1"),
        ({"train.loss.l1": -1}, r"train\.loss\.l1: "),
        ({"train": 5}, r"train: "),
        ({"train.batch_size": 8, "train.accumulate": 3}, r"batch_size must be a multiple of .* = 3"),
        ({"train.precision": "half"}, r"train\.precision: .*'half'"),
        ({"seed": True}, r"seed: .*integer"),
        ({"device": "tpu"}, r"device: .*'tpu'"),
        ({"data.image_size": 100}, r"data\.image_size must be a multiple of 16"),
        ({"data.image_size": 48}, r"must be a multiple of 32, or train\.half_size 0"),
        ({"train.loss.gan": 1.0}, r"train\.half_size must be 0"),
        ({"data.split": {"train": 0.5, "val": 0.1, "test": 0.1}}, r"train \+ val \+ test must be 1"),
        ({"data.source": "label_map"}, r"data\.root is required"),
        ({"rois": [{"name": "context", "channels": 1, "parts": ["hair"]}]}, r"rois: context"),
        ({"preset": "smok"}, r"no preset named 'smok'.*quickstart"),
        ({"preset": 3}, r"preset: give the name"),
        ({"train.steps": 5, "train.minutes": 5.0, "determinism": "fast"}, r"exactly one of steps and minutes"),
    ],
)
def test_wrong_values_are_errors_that_name_key_and_file(file: Path, overrides: dict[str, Any], expected: str) -> None:
    with pytest.raises(ParamsError, match=expected) as caught:
        load_params(file, overrides)
    assert str(file) in str(caught.value)


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


def test_defaults_of_the_provenance_section_are_those_of_the_default_preset() -> None:
    """They are repeated in the class for checkpoints that were written before the section."""
    preset = yaml.safe_load((REPOSITORY / "presets" / "quickstart.yaml").read_text())
    assert ProvenanceParams() == ProvenanceParams.model_validate(preset["provenance"])


def test_defaults_of_later_training_keys_are_those_of_the_default_preset() -> None:
    """They are repeated in the classes for checkpoints that were written before them."""
    preset = yaml.safe_load((REPOSITORY / "presets" / "quickstart.yaml").read_text())["train"]
    required = {name: preset[name] for name, field in TrainParams.model_fields.items() if field.is_required()}
    required |= {name: preset[name] for name in ("damage", "half_size")}  # whose defaults say that there were none
    required["loss"] = {name: preset["loss"][name] for name in ("l1", "roi", "ssim", "matte")}
    assert TrainParams.model_validate(required) == TrainParams.model_validate(preset)


def test_regions_of_the_default_preset_are_the_packages() -> None:
    assert load_params(REPOSITORY / "params.yaml").rois == DEFAULT_ROIS
