"""Saved edits as figures: every recipe in a folder is replayed, and drawn beside its photo."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from l2sae.editing import EditError
from l2sae.editing.recipe import Recipe, ReplayWarning
from l2sae.editing.recipe_fields import RecipeError, digest_model, digest_picture
from l2sae.figures.drawing import paper_style, picture_grid
from l2sae.model import L2SAE, load_model

PANEL = 1.8  # inches
_GAIN = 2


def recipe_figures(folder: str | Path, model: L2SAE) -> Iterator[tuple[str, Figure, str]]:
    """Name, figure and caption of every ``*.json`` in ``folder``, by name; nothing where there is no folder."""
    for path in sorted(Path(folder).glob("*.json")):
        figure, caption = recipe_figure(path, model)
        yield f"recipe_{path.stem}", figure, caption


@paper_style()
def recipe_figure(path: Path, model: L2SAE) -> tuple[Figure, str]:
    """Photo, edit and their difference, and a caption that says how the edit was made.

    A recipe of ``model`` or of the shipped model is replayed with it. One of another model is applied afresh with
    ``model``, which the caption says; where it does not fit (style vectors of another length, other ROIs), the photo
    stands alone, and the caption says why: one old recipe does not stop a report.

    Raises:
        RecipeError: the recipe, its photo or a reference cannot be read.
    """
    recipe = Recipe.load(path)
    photo = recipe.original()
    try:
        edited, how = _replay(recipe, model)
    except RecipeError:
        raise
    except EditError as error:
        figure, _ = picture_grid([[photo]], (), ["photo"], PANEL)
        return figure, f"{describe(recipe)} Made with another model, and not applicable with this one: {error}"
    change = np.abs(edited.astype(int) - photo.astype(int)) * _GAIN
    difference = np.clip(change, 0, 255).astype(np.uint8)
    figure, _ = picture_grid([[photo, edited, difference]], (), ["photo", "edit", f"difference × {_GAIN}"], PANEL)
    return figure, f"{describe(recipe)} {how}"


def describe(recipe: Recipe) -> str:
    """The layers of a recipe in words."""
    layers = [
        f"{', '.join(layer.rois)} by {layer.style.kind} at strength {layer.strength:g}" for layer in recipe.layers
    ]
    return f"Layers: {'; '.join(layers) or 'none'}. Composition: {recipe.compose}."


def _replay(recipe: Recipe, model: L2SAE) -> tuple[NDArray[np.uint8], str]:
    for name, candidate in (("the pipeline's model", lambda: model), ("the shipped model", load_model)):
        made_with = candidate()
        if digest_model(made_with) == recipe.model_sha256:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ReplayWarning)  # the caption says it instead
                result = recipe.replay(made_with)
            exact = digest_picture(result) == recipe.result_sha256
            outcome = "bit for bit" if exact else "not to the bit: other versions or another machine made it"
            return result, f"Replayed with {name}, {outcome}."
    return recipe.apply(model), (
        f"The recipe was made with another model ({recipe.model_sha256[:12]}…): its layers were applied afresh with "
        f"the pipeline's ({digest_model(model)[:12]}…), whose style vectors may mean something else."
    )
