"""The generator: how the layers of colour are put together."""

import torch

from l2sae.model.generator import compose_layers
from l2sae.model.layers import layer_shares


def flat_layers(*colours: float) -> torch.Tensor:
    """Layers (1, 3 n, 4, 4), each of one grey."""
    return torch.tensor(colours).repeat_interleave(3).view(1, -1, 1, 1).expand(1, -1, 4, 4)


def test_a_sharp_matte_gives_a_sharp_edge_between_layers() -> None:
    mattes = torch.zeros(1, 2, 4, 4)
    mattes[0, 0, :, :2] = 1
    mattes[0, 1, :2, 2:] = 1
    image = compose_layers(flat_layers(0.1, 0.5, -0.7), layer_shares(mattes))
    assert torch.equal(image[0, :, :, :2], torch.full((3, 4, 2), 0.1))
    assert torch.equal(image[0, :, :2, 2:], torch.full((3, 2, 2), 0.5))
    assert torch.equal(image[0, :, 2:, 2:], torch.full((3, 2, 2), -0.7))


def test_equal_layers_give_that_colour_whatever_the_mattes() -> None:
    mattes = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        compose_layers(flat_layers(0.3, 0.3, 0.3), layer_shares(mattes)), torch.full((1, 3, 4, 4), 0.3)
    )


def test_mattes_that_overlap_share_the_pixel() -> None:
    mattes = torch.ones(1, 2, 4, 4)
    torch.testing.assert_close(
        compose_layers(flat_layers(0.2, 0.6, -1.0), layer_shares(mattes)), torch.full((1, 3, 4, 4), 0.4)
    )
