"""The face networks give what MediaPipe's original files give (`l2sae.faces.convert --golden` wrote the values)."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from l2sae.faces import weights
from l2sae.faces.convert import check_pictures, outputs, sample
from l2sae.faces.networks import SameConv2d

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


def test_batches_give_what_single_pictures_give():
    mesh = weights.mesh()
    pictures = torch.cat(check_pictures(mesh.size))
    with torch.inference_mode():
        together, alone = mesh(pictures)[0], torch.cat([mesh(picture[None])[0] for picture in pictures])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_even_sizes_are_padded_at_the_end_alone():
    layer = SameConv2d(1, 1, 3, 2)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.zeros_(layer.bias)
    assert layer(torch.ones(1, 1, 4, 4)).tolist() == [[[[9, 6], [6, 4]]]]


def test_networks_are_loaded_once():
    assert weights.detector() is weights.detector()
