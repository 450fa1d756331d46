import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import EditSession, Noise, Recipe, RecipeError, ReplayWarning
from l2sae.editing.recipe import SCHEMA, recipe_schema
from l2sae.model import L2SAE, load_model

Photos = list[NDArray[np.uint8]]


def test_a_recipe_replays_bit_for_bit(layered: EditSession, tiny_model: L2SAE, files: Path, photos: Photos) -> None:
    layered.recipe().save(files / "edit.json")
    recipe = Recipe.load(files / "edit.json")
    assert recipe == layered.recipe()
    assert np.array_equal(recipe.replay(tiny_model), layered.render())
    assert np.array_equal(recipe.replay(tiny_model, photos[0]), layered.render())


def test_a_recipe_replays_with_the_model_from_its_file(
    layered: EditSession, tiny_checkpoint: Path, files: Path
) -> None:
    assert np.array_equal(layered.recipe().replay(load_model(tiny_checkpoint, device="cpu")), layered.render())


def test_muted_layers_are_left_out(layered: EditSession, tiny_model: L2SAE) -> None:
    layered.mute(0)
    recipe = layered.recipe()
    assert [layer.rois for layer in recipe.layers] == [("skin",), ("eyes", "lips")]
    assert np.array_equal(recipe.replay(tiny_model), layered.render())


def test_photos_that_were_no_files_have_to_be_given(tiny_model: L2SAE, photos: Photos) -> None:
    layered = EditSession(tiny_model)
    layered.load(photos[0])
    layered.add_layer("hair", Noise())
    with pytest.raises(RecipeError, match=r"photo\.path"):
        layered.recipe().replay(tiny_model)
    assert np.array_equal(layered.recipe().replay(tiny_model, photos[0]), layered.render())


def test_changed_inputs_are_refused(layered: EditSession, tiny_model: L2SAE, files: Path, photos: Photos) -> None:
    recipe = layered.recipe()
    with pytest.raises(RecipeError, match=r"photo\.sha256"):
        recipe.replay(tiny_model, photos[1])
    Image.fromarray(photos[2]).save(files / "ref.png")
    with pytest.raises(RecipeError, match=r"layers\.0\.style\.reference: .*ref\.png has changed"):
        recipe.replay(tiny_model)
    other = recipe.model_copy(update={"model_sha256": "0" * 64})
    with pytest.raises(RecipeError, match="model_sha256"):
        other.replay(tiny_model)


def test_another_result_warns(layered: EditSession, tiny_model: L2SAE) -> None:
    recipe = layered.recipe().model_copy(update={"result_sha256": "0" * 64})
    with pytest.warns(ReplayWarning, match="result_sha256"):
        recipe.replay(tiny_model)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda data: data.update(colour="red"), "colour"),
        (lambda data: data.update(version=2), "version"),
        (lambda data: data.pop("photo"), "photo"),
        (lambda data: data["layers"][0].update(strength=float("nan")), "layers.0.strength"),
        (lambda data: data["layers"][0].update(strength=3), "layers.0.strength"),
        (lambda data: data["layers"][0].update(opacity=1), "layers.0.opacity"),
        (lambda data: data["layers"][2]["style"].update(sigma="1"), "layers.2.style.noise.sigma"),
        (lambda data: data["photo"].update(sha256="abc"), "photo.sha256"),
    ],
)
def test_unfit_fields_are_refused_by_name(layered: EditSession, files: Path, change: Any, field: str) -> None:
    data = json.loads(layered.recipe().model_dump_json())
    change(data)
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=rf"bad\.json: {field}"):
        Recipe.load(files / "bad.json")


def test_unreadable_recipes_are_refused(files: Path, layered: EditSession, tiny_model: L2SAE) -> None:
    (files / "cut.json").write_text('{"version": 1,')
    with pytest.raises(RecipeError, match=r"cut\.json: file"):
        Recipe.load(files / "cut.json")
    with pytest.raises(RecipeError, match=r"absent\.json: cannot read"):
        Recipe.load(files / "absent.json")
    recipe = layered.recipe()
    layers = (recipe.layers[1].model_copy(update={"matte": "bm9wZQ=="}),)
    with pytest.raises(RecipeError, match=r"layers\.0\.matte"):
        recipe.model_copy(update={"layers": layers}).replay(tiny_model)


def test_the_published_schema_is_that_of_the_code() -> None:
    assert SCHEMA.read_text() == recipe_schema()
    assert json.loads(SCHEMA.read_text()) == Recipe.model_json_schema()


def test_a_recipe_moves_with_its_folder(layered: EditSession, tiny_model: L2SAE, files: Path, tmp_path: Path) -> None:
    layered.recipe().save(files / "edit.json")
    assert json.loads((files / "edit.json").read_text())["photo"]["path"] == "photo.png"
    moved = files / "moved"
    moved.mkdir()
    for name in ("photo.png", "ref.png", "other.png", "edit.json"):
        (files / name).rename(moved / name)
    assert np.array_equal(Recipe.load(moved / "edit.json").replay(tiny_model), layered.render())


def test_a_file_that_is_no_picture_is_refused_by_field(layered: EditSession, tiny_model: L2SAE, files: Path) -> None:
    data = json.loads(layered.recipe().model_dump_json())
    data["photo"]["path"] = "/etc/hostname"
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=r"photo\.path: /etc/hostname"):
        Recipe.load(files / "bad.json").replay(tiny_model)


def test_huge_mattes_are_refused(layered: EditSession, tiny_model: L2SAE) -> None:
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    recipe = layered.recipe()
    bomb = recipe.layers[1].model_copy(update={"matte": base64.b64encode(buffer.getvalue()).decode()})
    with pytest.raises(RecipeError, match=r"layers\.0\.matte: 9000 x 9000 pixels"):
        recipe.model_copy(update={"layers": (bomb,)}).replay(tiny_model)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda data: data["layers"][1].update(matte="A" * (2**24 + 1)), "layers.1.matte"),
        (lambda data: data.update(layers=data["layers"] * 50), "layers"),
        (lambda data: data["layers"][0].update(seed=2**64), "layers.0.seed"),
        (lambda data: data["layers"][2]["style"].update(sigma=1e9), "layers.2.style.noise.sigma"),
    ],
)
def test_fields_without_bounds_are_refused(layered: EditSession, files: Path, change: Any, field: str) -> None:
    data = json.loads(layered.recipe().model_dump_json())
    change(data)
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=rf"bad\.json: {field}"):
        Recipe.load(files / "bad.json")
