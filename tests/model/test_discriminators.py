"""Discriminators: shapes, what they may and may not depend on, and gradients for every weight."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.model.discriminators import EqualConv2d, ImageDiscriminator, PatchDiscriminator, halved


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("size", [16, 32, 48, 64])
@pytest.mark.parametrize("batch", [1, 3, 4])
def test_images_get_one_finite_logit_each(size: int, batch: int) -> None:
    logits = ImageDiscriminator(size, 16)(noise(batch, 3, size, size))
    assert logits.shape == (batch,)
    assert logits.isfinite().all()


@pytest.mark.parametrize("size", [4, 8, 12, 16])
def test_every_patch_gets_a_logit(size: int) -> None:
    logits = PatchDiscriminator(size, 24)(noise(2, 3, 3, size, size), noise(2, 5, 3, size, size, seed=1))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()


def test_every_weight_is_reached() -> None:
    image, patch = ImageDiscriminator(32, 16), PatchDiscriminator(8, 24)
    image(noise(4, 3, 32, 32)).sum().backward()
    patch(noise(2, 2, 3, 8, 8), noise(2, 2, 3, 8, 8, seed=1)).sum().backward()
    assert [n for net in (image, patch) for n, w in net.named_parameters() if w.grad is None or not w.grad.any()] == []


def test_at_256_pixels_the_networks_are_as_wide_as_the_papers() -> None:
    with torch.device("meta"):
        image, patch = ImageDiscriminator(256, 512), PatchDiscriminator(64, 384)
        assert image(torch.empty(4, 3, 256, 256)).shape == (4,)
        assert patch(torch.empty(1, 8, 3, 64, 64), torch.empty(1, 8, 3, 64, 64)).shape == (1, 8)
    assert [block.first.weight.shape[0] for block in image.blocks] == [128, 256, 512, 512, 512, 512]
    assert sum(w.numel() for w in image.parameters()) == pytest.approx(28.9e6, rel=0.02)  # StyleGAN2's at 256


def test_references_count_as_a_set_and_patches_are_judged_one_by_one() -> None:
    patch, patches, references = PatchDiscriminator(8, 24), noise(2, 3, 3, 8, 8), noise(2, 4, 3, 8, 8, seed=1)
    logits = patch(patches, references)
    torch.testing.assert_close(patch(patches, references.flip(1)), logits)
    torch.testing.assert_close(patch(patches[:, :1], references), logits[:, :1])
    assert (patch(patches, references.roll(1, dims=0)) - logits).abs().max() > 1e-4


def test_a_lack_of_variety_shows_in_the_logits() -> None:
    image, pictures = ImageDiscriminator(32, 16), noise(4, 3, 32, 32)
    alone = image(pictures[:1].repeat(4, 1, 1, 1))
    torch.testing.assert_close(alone, alone[:1].expand(4))
    assert (image(pictures)[0] - alone[0]).abs() > 1e-4


def test_halving_keeps_a_constant_and_removes_a_chessboard() -> None:
    board = torch.ones(1, 2, 8, 8)
    board[..., ::2, 1::2] = board[..., 1::2, ::2] = -1
    assert halved(board)[..., 1:-1, 1:-1].abs().max() < 1e-6
    torch.testing.assert_close(halved(torch.ones(1, 2, 8, 8))[..., 1:-1, 1:-1], torch.ones(1, 2, 2, 2))


def test_an_equalised_convolution_keeps_the_scale_of_its_input() -> None:
    layer = EqualConv2d(64, 64)
    out = layer(torch.randn(1, 64, 32, 32))
    assert out.square().mean().item() == pytest.approx(1.0, rel=0.2)
    expected = F.leaky_relu(F.conv2d(torch.ones(1, 64, 3, 3), layer.weight / 24), 0.2) * 2**0.5
    torch.testing.assert_close(layer(torch.ones(1, 64, 3, 3))[..., 1:2, 1:2], expected)
