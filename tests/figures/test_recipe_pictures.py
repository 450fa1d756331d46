"""Recipes dropped into a folder become figures."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l2sae.editing import EditSession, Recipe, Swap
from l2sae.editing.recipe_fields import RecipeError, digest_model, digest_picture
from l2sae.figures.recipe_pictures import recipe_figures
from l2sae.model import load_model

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, tiny_model, photos):
    Image.fromarray(photos[1]).save(tmp_path / "face.png")
    session = EditSession(tiny_model)
    session.load(tmp_path / "face.png")
    style = np.linspace(-1, 1, tiny_model.style_size, dtype=np.float32)[None]
    matte = np.full(photos[1].shape[:2], 255, np.uint8)
    session.add_layer(roi="hair", style=Swap(style), matte=matte)
    session.recipe().save(tmp_path / "mine.json")
    return tmp_path


def test_recipe_of_the_pipelines_model_is_replayed_bit_for_bit(folder, tiny_model):
    ((stem, figure, caption),) = recipe_figures(folder, tiny_model)
    assert stem == "recipe_mine"
    assert "Replayed with the pipeline's model, bit for bit." in caption
    shown = np.asarray(figure.axes[1].images[0].get_array())
    assert digest_picture(shown) == Recipe.load(folder / "mine.json").result_sha256


def test_recipe_of_another_model_is_applied_afresh_and_the_caption_says_so(folder, tiny_model):
    content = json.loads((folder / "mine.json").read_text())
    (folder / "mine.json").write_text(json.dumps(content | {"model_sha256": "0" * 64}))
    ((_, figure, caption),) = recipe_figures(folder, tiny_model)
    assert "made with another model (000000000000…)" in caption
    assert len(figure.axes) == 3


def test_recipe_that_does_not_fit_shows_the_photo_and_the_reason(folder, tiny_model):
    content = json.loads((folder / "mine.json").read_text())
    content["layers"][0]["style"]["reference"]["style"] = [[0.0] * 5]
    (folder / "mine.json").write_text(json.dumps(content | {"model_sha256": "0" * 64}))
    ((_, figure, caption),) = recipe_figures(folder, tiny_model)
    assert "not applicable with this one" in caption
    assert len(figure.axes) == 1


def test_a_changed_photo_stops_the_report_and_is_named(folder, tiny_model, photos):
    Image.fromarray(255 - photos[1]).save(folder / "face.png")
    with pytest.raises(RecipeError, match=r"photo\.sha256"):
        list(recipe_figures(folder, tiny_model))


def test_without_a_folder_there_are_no_figures(tmp_path, tiny_model):
    assert list(recipe_figures(tmp_path / "none", tiny_model)) == []


def test_example_recipe_belongs_to_the_shipped_model():
    recipe = Recipe.load(REPOSITORY / "recipes/astronaut.json")
    assert recipe.model_sha256 == digest_model(load_model(device="cpu")), "run python -m l2sae.bench example"
