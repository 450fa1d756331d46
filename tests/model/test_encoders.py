"""The two encoders: shapes at every stride, and pooling inside mattes."""

import pytest
import torch

from l2sae.model.encoders import StructureEncoder, StyleEncoder


@pytest.mark.parametrize("stride", [4, 8, 16])
@pytest.mark.parametrize("relief", [False, True])
@torch.no_grad()
def test_structure_has_one_cell_for_each_stride(images: torch.Tensor, stride: int, relief: bool) -> None:
    encoder = StructureEncoder(channels=9, width=8, stride=stride, relief=relief).eval()
    assert encoder(images).shape == (4, 9, 32 // stride, 32 // stride)


@pytest.mark.parametrize("moments", [False, True])
@torch.no_grad()
def test_a_style_sees_what_lies_in_the_mattes(images: torch.Tensor, moments: bool) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = StyleEncoder(style_dim=6, width=8, regions=2, moments=moments).eval()
    left, right = torch.zeros(4, 2, 32, 32), torch.zeros(4, 2, 32, 32)
    left[:, 0, :, :16] = 1
    right[:, 0, :, 16:] = 1
    assert encoder(images, left).shape == (
        4,
        6 + (3 * 3 if moments else 0),
    )  # and the colours of two regions and the rest
    assert not torch.allclose(encoder(images, left), encoder(images, right), atol=1e-4)


@torch.no_grad()
def test_a_style_does_not_depend_on_the_batch(images: torch.Tensor) -> None:
    encoder = StyleEncoder(style_dim=6, width=8, regions=1, moments=True).eval()
    mattes = torch.full((4, 1, 32, 32), 0.5)
    torch.testing.assert_close(encoder(images, mattes)[:1], encoder(images[:1], mattes[:1]), atol=1e-5, rtol=1e-5)
