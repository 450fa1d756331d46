"""The Swapping Autoencoder that timings compare with."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from l2sae.bench.swapping_autoencoder import Modulated, SwappingAutoencoder


def test_the_reference_has_the_published_shapes_and_operations() -> None:
    with torch.device("meta"), torch.no_grad():
        model, images = SwappingAutoencoder(), torch.empty(2, 3, 256, 256)
        with FlopCounterMode(display=False) as encoding:
            structure, style = model.encode(images)
        with FlopCounterMode(display=False) as decoding:
            output = model.decode(structure, style)
        counts = [counter.get_total_flops() / 2e9 for counter in (encoding, decoding)]
    assert (structure.shape, style.shape, output.shape) == ((2, 8, 16, 16), (2, 2048), (2, 3, 256, 256))
    assert counts == [pytest.approx(8.6, rel=0.1), pytest.approx(93, rel=0.1)]


@pytest.mark.parametrize("up", [False, True])
def test_its_modulated_convolution_treats_each_sample_by_itself(up: bool) -> None:
    torch.manual_seed(0)
    layer, x, style = Modulated(4, 6, up=up), torch.randn(3, 4, 8, 8), torch.randn(3, 2048)
    together = layer(x, style)
    assert together.shape == (3, 6, 16, 16) if up else (3, 6, 8, 8)
    alone = torch.cat([layer(x[i : i + 1], style[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert (layer(x, style.roll(1, dims=0)) - together).abs().max() > 0.1
