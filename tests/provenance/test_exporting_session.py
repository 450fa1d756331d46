"""A session that can be exported; saving an edit writes the marked picture and the recipe that makes it again."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import l2sae
from l2sae.editing import EditError, Noise, Recipe
from l2sae.model import L2SAE
from l2sae.provenance.exporting_session import EditSession, save_edit
from tests.marks import same_but_for_the_mark

pytestmark = pytest.mark.filterwarnings("ignore::l2sae.editing.FaceWarning")


@pytest.fixture
def session(home: Path, tiny_model: L2SAE, photos: list[NDArray[np.uint8]], tmp_path: Path) -> EditSession:
    Image.fromarray(photos[0]).save(tmp_path / "photo.png")
    session = EditSession(tiny_model)
    session.load(tmp_path / "photo.png")
    session.add_layer("hair", Noise(2.0))
    return session


def test_picture_and_recipe_lie_beside_each_other(session: EditSession, tiny_model: L2SAE, tmp_path: Path) -> None:
    recipe = save_edit(session, tmp_path / "made" / "out.png")
    picture = np.asarray(Image.open(tmp_path / "made" / "out.png").convert("RGB"))
    assert same_but_for_the_mark(picture, session.render())
    saved = Recipe.load(tmp_path / "made" / "out.recipe.json")
    assert saved.result_sha256 == recipe.result_sha256
    assert np.array_equal(saved.replay(tiny_model), session.render())


def test_the_photo_itself_and_unknown_kinds_of_files_are_refused(session: EditSession, tmp_path: Path) -> None:
    before = (tmp_path / "photo.png").read_bytes()
    with pytest.raises(EditError, match="this is an input"):
        save_edit(session, tmp_path / "photo.png")
    with pytest.raises(EditError, match=r"out\.gif: the name has to end in"):
        save_edit(session, tmp_path / "out.gif")
    assert (tmp_path / "photo.png").read_bytes() == before
    assert not list(tmp_path.glob("out*"))


def test_the_packages_session_exports_what_it_renders(
    tiny_model: L2SAE, portrait: NDArray[np.uint8], tmp_path: Path
) -> None:
    assert l2sae.EditSession is EditSession
    session = EditSession(tiny_model)
    session.load(portrait)
    session.add_layer("hair", Noise(1.0))
    done = session.export(tmp_path / "out.png", purpose="research")
    assert done.path.is_file()
    assert done.recipe == session.recipe()
