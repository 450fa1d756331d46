"""The converted networks give what MediaPipe's files give, whose values `l2sae.faces.convert --golden` wrote."""

import json
from pathlib import Path

import numpy as np
import pytest

from l2sae.faces import weights
from l2sae.faces.convert import check_pictures, outputs, sample

GOLDEN = json.loads((Path(__file__).parent / "original_outputs.json").read_text(encoding="utf-8"))


PICTURES = ("astronaut", "noise")


@pytest.mark.parametrize("picture", PICTURES)
@pytest.mark.parametrize("name", weights.NETWORKS)
def test_networks_match_the_original_files(name: str, picture: str):
    network = getattr(weights, name)()
    place = PICTURES.index(picture)
    found = outputs(network, check_pictures(network.size)[place])
    for values, expected in zip(found, GOLDEN[name][place], strict=True):
        error = np.abs(sample(values) - expected).max() / np.abs(expected).max()
        assert error < 1e-3
