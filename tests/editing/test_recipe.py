import base64
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import Blend, EditSession, Noise, Recipe, RecipeError, ReplayWarning, Swap
from l2sae.editing.recipe import SCHEMA, recipe_schema
from l2sae.model import L2SAE, load_model

Photos = list[NDArray[np.uint8]]


@pytest.fixture
def files(photos: Photos, tmp_path: Path) -> Path:
    for name, photo in zip(("photo", "ref", "other"), photos, strict=True):
        Image.fromarray(photo).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.fixture
def session(tiny_model: L2SAE, files: Path, photos: Photos) -> EditSession:
    """Every kind of style and reference, in layers."""
    session = EditSession(tiny_model)
    session.load(files / "photo.png")
    session.add_layer("hair", Swap(files / "ref.png"), strength=0.8)
    session.add_layer("skin", Blend([(photos[1], 0.3), (photos[2], 1.1)]), matte=np.eye(97, 131) * 0.7)
    session.add_layer(("eyes", "lips"), Noise(1.3), seed=11)
    return session


def test_a_recipe_replays_bit_for_bit(session: EditSession, tiny_model: L2SAE, files: Path, photos: Photos) -> None:
    session.recipe().save(files / "edit.json")
    recipe = Recipe.load(files / "edit.json")
    assert recipe == session.recipe()
    assert np.array_equal(recipe.replay(tiny_model), session.render())
    assert np.array_equal(recipe.replay(tiny_model, photos[0]), session.render())


def test_a_recipe_replays_with_the_model_from_its_file(
    session: EditSession, tiny_checkpoint: Path, files: Path
) -> None:
    assert np.array_equal(session.recipe().replay(load_model(tiny_checkpoint, device="cpu")), session.render())


def test_muted_layers_are_left_out(session: EditSession, tiny_model: L2SAE) -> None:
    session.mute(0)
    recipe = session.recipe()
    assert [layer.rois for layer in recipe.layers] == [("skin",), ("eyes", "lips")]
    assert np.array_equal(recipe.replay(tiny_model), session.render())


def test_photos_that_were_no_files_have_to_be_given(tiny_model: L2SAE, photos: Photos) -> None:
    session = EditSession(tiny_model)
    session.load(photos[0])
    session.add_layer("hair", Noise())
    with pytest.raises(RecipeError, match=r"photo\.path"):
        session.recipe().replay(tiny_model)
    assert np.array_equal(session.recipe().replay(tiny_model, photos[0]), session.render())


def test_changed_inputs_are_refused(session: EditSession, tiny_model: L2SAE, files: Path, photos: Photos) -> None:
    recipe = session.recipe()
    with pytest.raises(RecipeError, match=r"photo\.sha256"):
        recipe.replay(tiny_model, photos[1])
    Image.fromarray(photos[2]).save(files / "ref.png")
    with pytest.raises(RecipeError, match=r"layers\.0\.style\.reference: .*ref\.png has changed"):
        recipe.replay(tiny_model)
    other = recipe.model_copy(update={"model_sha256": "0" * 64})
    with pytest.raises(RecipeError, match="model_sha256"):
        other.replay(tiny_model)


def test_another_result_warns(session: EditSession, tiny_model: L2SAE) -> None:
    recipe = session.recipe().model_copy(update={"result_sha256": "0" * 64})
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
def test_unfit_fields_are_refused_by_name(session: EditSession, files: Path, change: Any, field: str) -> None:
    data = json.loads(session.recipe().model_dump_json())
    change(data)
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=rf"bad\.json: {field}"):
        Recipe.load(files / "bad.json")


def test_unreadable_recipes_are_refused(files: Path, session: EditSession, tiny_model: L2SAE) -> None:
    (files / "cut.json").write_text('{"version": 1,')
    with pytest.raises(RecipeError, match=r"cut\.json: file"):
        Recipe.load(files / "cut.json")
    with pytest.raises(RecipeError, match=r"absent\.json: cannot read"):
        Recipe.load(files / "absent.json")
    recipe = session.recipe()
    layers = (recipe.layers[1].model_copy(update={"matte": "bm9wZQ=="}),)
    with pytest.raises(RecipeError, match=r"layers\.0\.matte"):
        recipe.model_copy(update={"layers": layers}).replay(tiny_model)


def test_the_published_schema_is_that_of_the_code() -> None:
    assert SCHEMA.read_text() == recipe_schema()
    assert json.loads(SCHEMA.read_text()) == Recipe.model_json_schema()


def test_a_recipe_moves_with_its_folder(session: EditSession, tiny_model: L2SAE, files: Path, tmp_path: Path) -> None:
    session.recipe().save(files / "edit.json")
    assert json.loads((files / "edit.json").read_text())["photo"]["path"] == "photo.png"
    moved = files / "moved"
    moved.mkdir()
    for name in ("photo.png", "ref.png", "other.png", "edit.json"):
        (files / name).rename(moved / name)
    assert np.array_equal(Recipe.load(moved / "edit.json").replay(tiny_model), session.render())


@pytest.mark.parametrize("path", ["../secret.png", "deep/../../secret.png", "link/secret.png"])
def test_paths_that_leave_the_folder_are_refused(session: EditSession, files: Path, photos: Photos, path: str) -> None:
    folder = files / "recipes"
    folder.mkdir()
    (folder / "link").symlink_to(files)
    Image.fromarray(photos[0]).save(files / "secret.png")
    data = json.loads(session.recipe().model_dump_json())
    data["photo"]["path"] = path
    (folder / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=r"bad\.json: photo\.path: .* lies outside"):
        Recipe.load(folder / "bad.json")
    assert Recipe.load(folder / "bad.json", root="/").photo.path == str((folder / path).resolve())


def test_with_a_root_absolute_paths_have_to_be_inside_it(session: EditSession, files: Path) -> None:
    data = json.loads(session.recipe().model_dump_json())
    data["layers"][0]["style"]["reference"]["path"] = "/etc/hostname"
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=r"layers\.0\.style\.reference\.path: /etc/hostname lies outside"):
        Recipe.load(files / "bad.json", root=files)


def test_a_file_that_is_no_picture_is_refused_by_field(session: EditSession, tiny_model: L2SAE, files: Path) -> None:
    data = json.loads(session.recipe().model_dump_json())
    data["photo"]["path"] = "/etc/hostname"
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=r"photo\.path: /etc/hostname"):
        Recipe.load(files / "bad.json").replay(tiny_model)


def test_huge_mattes_are_refused(session: EditSession, tiny_model: L2SAE) -> None:
    buffer = io.BytesIO()
    Image.new("1", (9000, 9000)).save(buffer, "PNG")
    recipe = session.recipe()
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
def test_fields_without_bounds_are_refused(session: EditSession, files: Path, change: Any, field: str) -> None:
    data = json.loads(session.recipe().model_dump_json())
    change(data)
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=rf"bad\.json: {field}"):
        Recipe.load(files / "bad.json")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda style: style["references"][0].update(style=[[1e300] * 8]), "references.0.style"),
        (lambda style: style["references"][0].update(style=[[1.0], [1.0, 2.0]]), "references.0.style"),
        (lambda style: style.update(weights=[0.0, 0.0]), "weights"),
        (lambda style: style.update(weights=[1.0]), "weights"),
    ],
)
def test_unfit_references_are_refused_by_field(session: EditSession, files: Path, change: Any, field: str) -> None:
    data = json.loads(session.recipe().model_dump_json())
    change(data["layers"][1]["style"])
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=rf"layers\.1\.style\.{field}"):
        Recipe.load(files / "bad.json").resolved()
