"""The face networks give what MediaPipe's original files give (`l2sae.faces.convert --golden` wrote the values)."""

import torch

from l2sae.faces import weights
from l2sae.faces.convert import check_pictures
from l2sae.faces.networks import SameConv2d


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
