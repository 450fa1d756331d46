"""Writing an edited photo: through the session's marked export where it has one."""

from pathlib import Path

from PIL import Image

from l2sae.editing.errors import EditError
from l2sae.editing.session import EditSession


def save_edit(session: EditSession, path: str | Path, purpose: str = "research", policy: str = "policy.yaml") -> Path:
    """Write the edit at the photo's own size, and its recipe beside it as ``<name>.recipe.json``.

    Args:
        session: with a photo.
        path: a ``.png`` file.
        purpose: what for, checked against the policy by a session that marks its exports.
        policy: file that names the allowed purposes.

    Returns:
        The path of the picture.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise EditError(f"{path}: name a .png file")
    path.parent.mkdir(parents=True, exist_ok=True)
    marked = getattr(session, "export", None)
    if marked is not None:
        marked(path, purpose=purpose, policy=policy)
    else:
        Image.fromarray(session.render()).save(path, "PNG")
    session.recipe().save(path.with_suffix(".recipe.json"))
    return path
