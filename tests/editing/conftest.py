import warnings
from collections.abc import Iterator

import pytest

from l2sae.editing import FaceWarning


@pytest.fixture(autouse=True)
def _untrained_models_see_no_faces() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FaceWarning)
        yield
