"""A session whose result can leave, with its recipe beside it."""

from pathlib import Path
from typing import Any

from l2sae.editing import session
from l2sae.editing.recipe import Recipe
from l2sae.pictures.files import check_outputs, fitting_name, path_of
from l2sae.pictures.writing import format_of
from l2sae.provenance.exporting import Export, export
from l2sae.provenance.policy import Policy


class EditSession(session.EditSession):
    """An edit in progress (`l2sae.editing.session.EditSession`) that can be exported."""

    def export(
        self,
        path: str | Path,
        *,
        purpose: str,
        policy: str | Path | Policy | None = None,
        metadata: str = "keep",
        **options: Any,
    ) -> Export:
        """Write the edited photo, marked, signed and logged; ``options`` are those of `l2sae.provenance.export`.

        ``metadata`` is ``keep`` for date, copyright, artist and resolution of the photo, or ``none``.
        """
        return export(path=path, purpose=purpose, policy=policy, **{**options, **self.rendering(metadata)})


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
