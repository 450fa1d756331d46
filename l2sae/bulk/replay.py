"""Headless replay of a recipe: on its own photo, on another, or on a folder of them."""

from pathlib import Path

import pandas as pd

from l2sae.bulk.results import TABLE
from l2sae.editing.recipe import Recipe
from l2sae.editing.recipe_fields import RecipeError
from l2sae.model import L2SAE
from l2sae.pictures.errors import EditError
from l2sae.pictures.files import check_outputs, fitting_name, path_of, readable_name, same_place
from l2sae.pictures.reading import load_picture
from l2sae.provenance.exporting_session import EditSession, save_edit

COLUMNS = ["photo", "output", "result"]


def apply_recipe(
    model: L2SAE,
    recipe: str | Path,
    photo: str | Path | None,
    output: str | Path,
    root: str | Path | None = None,
    purpose: str = "research",
) -> pd.DataFrame:
    """Replay a recipe and write the pictures as PNG, each with a recipe of its own beside it.

    A folder is a job of `l2sae.bulk.edit_folder`: it can be taken up, and its table is in ``results.parquet``.

    On the recorded photo the recorded edit is made again, and compared with its digest. On any other photo the layers
    are applied afresh: styles, strengths and seeds are kept; masks drawn on the recorded photo are left out.

    Args:
        model: the one that the recipe was made with.
        recipe: path of the recipe.
        photo: a photo anywhere, or a folder whose photos are all edited; None is the photo that the recipe names.
        output: the ``.png`` file, or the folder to write into (always a folder for a folder of photos).
        root: the folder that all files named in the recipe have to be in; by default the recipe's own. ``"/"`` lifts
            the bound: only for recipes whose origin is known.
        purpose: of the export, for a session that marks what it writes.

    Returns:
        One row a photo: ``photo``, ``output``, and ``result``: ``as recorded``, ``differs from the record``,
        ``applied afresh``, or for a photo of a folder that cannot be edited, why.

    Raises:
        RecipeError: the recipe is unfit, or names a file outside ``root``; file and field are named.
        EditError: a photo given by itself cannot be edited, or there is none in the folder.
    """
    recipe = path_of(recipe)
    document = Recipe.load(recipe, recipe.parent if root is None else root, own_photo=photo is None)
    if photo is not None and path_of(photo).is_dir():
        return _apply_to_folder(model, document, photo, output, purpose, recipe)
    file = _recorded_photo(document) if photo is None else path_of(photo)
    target = path_of(output)
    path = target if target.suffix.lower() == ".png" else target / fitting_name(file.stem, ".png")
    if file.exists():
        if same_place(file, path):
            raise EditError(f"{path}: this is the photo itself; name another output")
        check_outputs([recipe, file], [path])
    names = [readable_name(file), readable_name(path)]
    return pd.DataFrame([[*names, _apply(model, document, file, path, purpose)]], columns=COLUMNS)


def _apply_to_folder(
    model: L2SAE, document: Recipe, photos: str | Path, output: str | Path, purpose: str, file: Path
) -> pd.DataFrame:
    check_outputs([file], [f"{output}/{TABLE}"])
    from l2sae.bulk.folder import edit_folder  # it edits by this package, so it imports it

    table = edit_folder(model, photos, output, recipe=document, recipes=True, purpose=purpose)
    table["result"] = table["reason"].where(table["result"] == "skipped", table["note"])
    return table[COLUMNS].fillna({"output": ""})


def _apply(model: L2SAE, document: Recipe, file: Path, path: Path, purpose: str) -> str:
    session = EditSession(model)
    session.load(file)
    recorded = session.apply(document)
    made = save_edit(session, path, purpose)
    if not recorded:
        return "applied afresh"
    same = document.result_sha256 in (None, made.result_sha256)
    return "as recorded" if same else "differs from the record"


def _recorded_photo(document: Recipe) -> Path:
    if document.photo.path is None:
        raise RecipeError("photo.path: the photo was not read from a file: name it as photo")
    try:
        load_picture(document.photo.path)
    except EditError as error:
        raise RecipeError(f"photo.path: {error}") from None
    return path_of(document.photo.path)
