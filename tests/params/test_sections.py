"""The sections of parameters refuse what cannot be meant, and repeat the default preset where checkpoints need it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from l2sae.params import ParamsError, ProvenanceParams, TrainParams, load_params
from l2sae.rois import DEFAULT_ROIS

REPOSITORY = Path(__file__).parents[2]


def test_minutes_replace_steps_but_not_under_strict_determinism(file: Path) -> None:
    with pytest.raises(ParamsError, match=r"train\.minutes .*determinism: strict"):
        load_params(file, {"train.minutes": 2.0})
    params = load_params(file, {"train.minutes": 2.0, "determinism": "fast"})
    assert (params.train.minutes, params.train.steps) == (2.0, None)


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
