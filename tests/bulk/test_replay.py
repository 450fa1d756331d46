import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.bulk.replay import apply_recipe
from l2sae.editing import EditError, EditSession, Noise, Recipe, RecipeError, Swap, edit
from l2sae.model import L2SAE
from l2sae.pictures.fidelity import psnr_of_levels
from tests.marks import same_but_for_the_mark

Photos = list[NDArray[np.uint8]]


@pytest.fixture
def photos(photos: Photos) -> Photos:
    """Pictures large enough for the watermark of exports."""
    return [photo.repeat(3, axis=0).repeat(3, axis=1) for photo in photos]


@pytest.fixture
def recipe(tiny_model: L2SAE, photos: Photos, tmp_path: Path) -> Path:
    """An edit of own/photo.png with a reference beside it, and two other photos in others/."""
    for folder in ("own", "others"):
        (tmp_path / folder).mkdir()
    Image.fromarray(photos[0]).save(tmp_path / "own/photo.png")
    Image.fromarray(photos[1]).save(tmp_path / "own/ref.png")
    for name, photo in zip("ab", photos[1:], strict=True):
        Image.fromarray(photo).save(tmp_path / f"others/{name}.png")
    session = EditSession(tiny_model)
    session.load(tmp_path / "own/photo.png")
    session.add_layer("hair", Swap(tmp_path / "own/ref.png"), strength=0.7)
    session.add_layer("skin", Noise(2.0), seed=3, matte=np.eye(291, 393))
    session.recipe().save(tmp_path / "own/edit.json")
    return tmp_path / "own/edit.json"


def read(path: Path | str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def test_on_its_own_photo_the_recorded_edit_is_made_again(recipe: Path, tiny_model: L2SAE, tmp_path: Path) -> None:
    table = apply_recipe(tiny_model, recipe, None, tmp_path / "again.png")
    assert table.loc[0, "result"] == "as recorded"
    assert same_but_for_the_mark(read(tmp_path / "again.png"), Recipe.load(recipe).replay(tiny_model))
    assert (tmp_path / "again.recipe.json").is_file()


def test_a_folder_of_other_photos_is_edited_afresh(
    recipe: Path, tiny_model: L2SAE, photos: Photos, tmp_path: Path
) -> None:
    (tmp_path / "others/broken.png").write_bytes(b"no picture")
    table = apply_recipe(tiny_model, recipe, tmp_path / "others", tmp_path / "out").set_index("photo")
    results = {Path(photo).stem: result for photo, result in table["result"].items()}
    assert results["a"] == results["b"] == "applied afresh"
    assert "not an image" in results["broken"]
    session = EditSession(tiny_model)
    session.load(photos[2])
    session.add_layer("hair", Swap(photos[1]), strength=0.7)
    session.add_layer("skin", Noise(2.0), seed=3)
    assert same_but_for_the_mark(read(tmp_path / "out/b.png"), session.render())


def test_a_changed_record_is_reported(recipe: Path, tiny_model: L2SAE, tmp_path: Path) -> None:
    data = json.loads(recipe.read_text()) | {"result_sha256": "0" * 64}
    recipe.write_text(json.dumps(data))
    table = apply_recipe(tiny_model, recipe, None, tmp_path / "again.png")
    assert table.loc[0, "result"] == "differs from the record"


def test_files_outside_the_recipes_folder_are_refused_unless_a_root_admits_them(
    recipe: Path, tiny_model: L2SAE, photos: Photos, tmp_path: Path
) -> None:
    data = json.loads(recipe.read_text())
    data["photo"]["path"] = str(tmp_path / "others/../own/photo.png")
    data["layers"][0]["style"]["reference"]["path"] = "../others/a.png"
    recipe.write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=r"edit\.json: layers\.0\.style\.reference\.path: .* lies outside"):
        apply_recipe(tiny_model, recipe, None, tmp_path / "out.png")
    assert not (tmp_path / "out.png").exists()
    apply_recipe(tiny_model, recipe, None, tmp_path / "out.png", root=tmp_path)
    expected = edit(tiny_model, photos[0], "hair", Swap(photos[1]), strength=0.7)
    off = ~np.eye(291, 393, dtype=bool)
    assert psnr_of_levels(read(tmp_path / "out.png")[off], expected[off]) > 37  # it differs by the watermark alone


def test_what_cannot_be_done_is_said(recipe: Path, tiny_model: L2SAE, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"absent\.json: cannot read"):
        apply_recipe(tiny_model, tmp_path / "absent.json", None, tmp_path)
    with pytest.raises(EditError, match="no such picture"):
        apply_recipe(tiny_model, recipe, tmp_path / "absent.png", tmp_path)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(EditError, match="no photo in this folder"):
        apply_recipe(tiny_model, recipe, tmp_path / "nothing", tmp_path)
    with pytest.raises(EditError, match="the photo itself"):
        apply_recipe(tiny_model, recipe, None, recipe.parent / "photo.png")
