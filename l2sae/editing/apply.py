"""Headless replay of a recipe: on its own photo, on another, or on a folder of them."""

from pathlib import Path

import pandas as pd

from l2sae.editing.errors import EditError
from l2sae.editing.pictures import read_picture
from l2sae.editing.recipe import Recipe, RecipeError
from l2sae.editing.saving import save_edit
from l2sae.editing.session import EditSession
from l2sae.model import L2SAE

PHOTO_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
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

    On the recorded photo the recorded edit is made again, and compared with its digest. On any other photo the layers
    are applied afresh: styles, strengths and seeds are kept; masks drawn on the recorded photo are left out.

    Args:
        model: the one that the recipe was made with.
        recipe: path of the recipe.
        photo: a photo, or a folder whose photos are all edited; None is the photo that the recipe names.
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
    recipe = Path(recipe)
    document = Recipe.load(recipe, recipe.parent if root is None else root)
    photos, folder = _photos(document, photo)
    target = Path(output)
    into_folder = folder or target.suffix.lower() != ".png"
    rows = []
    for file in photos:
        path = target / f"{file.stem}.png" if into_folder else target
        try:
            rows.append([str(file), str(path), _apply(model, document, file, path, purpose)])
        except RecipeError:
            raise
        except (EditError, OSError) as error:
            if not folder:
                raise
            rows.append([str(file), "", str(error)])
    return pd.DataFrame(rows, columns=COLUMNS)


def _apply(model: L2SAE, document: Recipe, file: Path, path: Path, purpose: str) -> str:
    if path.exists() and path.samefile(file):
        raise EditError(f"{path}: this is the photo itself; name another output")
    session = EditSession(model)
    session.load(file)
    recorded = session.apply(document)
    made = save_edit(session, path, purpose)
    if not recorded:
        return "applied afresh"
    same = document.result_sha256 in (None, made.result_sha256)
    return "as recorded" if same else "differs from the record"


def _photos(document: Recipe, photo: str | Path | None) -> tuple[list[Path], bool]:
    """The photos to edit, and whether they are those of a folder."""
    if photo is None:
        if document.photo.path is None:
            raise RecipeError("photo.path: the photo was not read from a file: name it as photo")
        try:
            read_picture(document.photo.path)
        except EditError as error:
            raise RecipeError(f"photo.path: {error}") from None
        return [Path(document.photo.path)], False
    photo = Path(photo)
    if not photo.is_dir():
        return [photo], False
    found = sorted(file for file in photo.iterdir() if file.suffix.lower() in PHOTO_ENDINGS)
    if not found:
        raise EditError(f"{photo}: no photo in this folder; it may hold {', '.join(PHOTO_ENDINGS)}")
    repeated = {file.stem for file in found if sum(other.stem == file.stem for other in found) > 1}
    if repeated:
        raise EditError(f"{photo}: two photos named {min(repeated)}: their results would have one name; rename one")
    return found, True
