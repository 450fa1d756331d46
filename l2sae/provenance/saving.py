"""Writing an edited photo and its recipe."""

from pathlib import Path

from l2sae.editing.recipe import Recipe
from l2sae.pictures.errors import EditError
from l2sae.provenance.session import EditSession

SUFFIXES = (".png", ".jpg", ".jpeg")


def save_edit(
    session: EditSession, path: str | Path, purpose: str = "research", policy: str | Path | None = None
) -> Recipe:
    """Export the edit at the photo's own size, marked, with its recipe beside it as ``<name>.recipe.json``.

    Args:
        session: with a photo.
        path: a ``.png`` or ``.jpg`` file.
        purpose: what for; the policy has to allow it.
        policy: a policy file; None is that of the working folder, or the shipped one.

    Returns:
        The recipe.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise EditError(f"{path}: name a file that ends in {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    recipe = session.export(path, purpose=purpose, policy=policy).recipe or session.recipe()
    recipe.save(path.with_suffix(".recipe.json"))
    return recipe
