"""A session that can be exported."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import l2sae
from l2sae.editing import Noise
from l2sae.model import L2SAE
from l2sae.provenance.exporting_session import EditSession


@pytest.mark.filterwarnings("ignore::l2sae.editing.FaceWarning")
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
