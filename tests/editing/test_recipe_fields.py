"""Fields of recipes: paths stay in their folder, and references fit together."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import EditSession, Recipe, RecipeError

Photos = list[NDArray[np.uint8]]


@pytest.mark.parametrize("path", ["../secret.png", "deep/../../secret.png", "link/secret.png"])
def test_paths_that_leave_the_folder_are_refused(layered: EditSession, files: Path, photos: Photos, path: str) -> None:
    folder = files / "recipes"
    folder.mkdir()
    (folder / "link").symlink_to(files)
    Image.fromarray(photos[0]).save(files / "secret.png")
    data = json.loads(layered.recipe().model_dump_json())
    data["photo"]["path"] = path
    (folder / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=r"bad\.json: photo\.path: .* lies outside"):
        Recipe.load(folder / "bad.json")
    assert Recipe.load(folder / "bad.json", root="/").photo.path == str((folder / path).resolve())


def test_with_a_root_absolute_paths_have_to_be_inside_it(layered: EditSession, files: Path) -> None:
    data = json.loads(layered.recipe().model_dump_json())
    data["layers"][0]["style"]["reference"]["path"] = "/etc/hostname"
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=r"layers\.0\.style\.reference\.path: /etc/hostname lies outside"):
        Recipe.load(files / "bad.json", root=files)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda style: style["references"][0].update(style=[[1e300] * 8]), "references.0.style"),
        (lambda style: style["references"][0].update(style=[[1.0], [1.0, 2.0]]), "references.0.style"),
        (lambda style: style.update(weights=[0.0, 0.0]), "weights"),
        (lambda style: style.update(weights=[1.0]), "weights"),
    ],
)
def test_unfit_references_are_refused_by_field(layered: EditSession, files: Path, change: Any, field: str) -> None:
    data = json.loads(layered.recipe().model_dump_json())
    change(data["layers"][1]["style"])
    (files / "bad.json").write_text(json.dumps(data))
    with pytest.raises(RecipeError, match=rf"layers\.1\.style\.{field}"):
        Recipe.load(files / "bad.json").resolved()
