"""Writing an edited photo and its recipe."""

from pathlib import Path

from l2sae.editing.recipe import Recipe
from l2sae.pictures.files import check_outputs, fitting_name, path_of
from l2sae.pictures.writing import format_of
from l2sae.provenance.exporting_session import EditSession


def save_edit(
    session: EditSession, path: str | Path, purpose: str = "research", policy: str | Path | None = None
) -> Recipe:
    """Export the edit at the photo's own size, marked, with its recipe beside it as ``<name>.recipe.json``.

    Args:
        session: with a photo.
        path: a file of a kind in `l2sae.pictures.writing.FORMATS`.
        purpose: what for; the policy has to allow it.
        policy: a policy file; None is that of the working folder, or the shipped one.

    Returns:
        The recipe.
    """
    path = path_of(path)
    format_of(path)  # or an error
    beside = path.with_name(fitting_name(path.stem, ".recipe.json"))
    check_outputs(session.recipe(draft=True).files, [path, beside])
    path.parent.mkdir(parents=True, exist_ok=True)
    recipe = session.export(path, purpose=purpose, policy=policy).recipe or session.recipe()
    recipe.save(beside)
    return recipe
