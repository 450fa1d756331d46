"""Rendered faces that several tests look at."""

import pytest

from l2sae.render.rendered_faces import RenderedFaces, render_faces

SIZE = 64


@pytest.fixture(scope="session")
def faces() -> RenderedFaces:
    return render_faces(192, size=SIZE, seed=3)


@pytest.fixture(scope="session")
def bare() -> RenderedFaces:
    return render_faces(16, size=SIZE, seed=3, factors={"hat": 0.0})
