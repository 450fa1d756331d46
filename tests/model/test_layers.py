"""The modulated convolution against StyleGAN2's formula, written out; the other blocks' contracts."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from l2sae.model.layers import GroupNorm, ModulatedConv2d, ResidualBlock, opponent_colours, upsample


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def make_layer(kernel_size: int, dtype: torch.dtype) -> ModulatedConv2d:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        layer = ModulatedConv2d(4, 6, style_dim=5, kernel_size=kernel_size).to(dtype)
    layer.bias.data = random(6, seed=9, dtype=dtype)
    return layer


def modulated_by_grouped_weights(layer: ModulatedConv2d, x: Tensor, style: Tensor) -> Tensor:
    """StyleGAN2 (arXiv 1912.04958), equations 1 and 3: scale each sample's weights, normalise them, convolve."""
    batch, channels, height, width = x.shape
    scale = F.linear(style, layer.to_scale.weight, layer.to_scale.bias)
    weights = scale[:, None, :, None, None] * layer.conv.weight[None]
    weights = weights / (weights.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).sqrt()
    flat = x.reshape(1, batch * channels, height, width)
    out = F.conv2d(flat, weights.flatten(0, 1), padding=weights.shape[-1] // 2, groups=batch)
    return out.reshape(batch, -1, height, width) + layer.bias[:, None, None]


@pytest.mark.parametrize("kernel_size", [1, 3])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-11)])
def test_modulation_equals_scaling_each_samples_weights(kernel_size: int, dtype: torch.dtype, tolerance: float) -> None:
    layer = make_layer(kernel_size, dtype)
    x = random(3, 4, 7, 6, seed=1, dtype=dtype).requires_grad_()
    style = random(3, 5, seed=2, dtype=dtype).requires_grad_()
    found, expected = layer(x, style), modulated_by_grouped_weights(layer, x, style)
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)
    inputs = [x, style, *layer.parameters()]
    cotangent = random(*found.shape, seed=4, dtype=dtype)
    found_gradients = torch.autograd.grad(found, inputs, cotangent)
    expected_gradients = torch.autograd.grad(expected, inputs, cotangent)
    for ours, theirs in zip(found_gradients, expected_gradients, strict=True):
        scale = float(theirs.abs().max().clamp(min=1))
        torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * scale)


def test_modulated_convolution_passes_gradcheck() -> None:
    layer = make_layer(3, torch.float64)
    x, style = random(2, 4, 4, 4, seed=1).requires_grad_(), random(2, 5, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(layer, (x, style))


def test_demodulation_keeps_unit_variance_at_any_scale_of_the_style() -> None:
    layer = make_layer(3, torch.float64)
    layer.bias.data.zero_()
    x, style = random(2, 4, 64, 64, seed=1), random(2, 5, seed=2)
    layer.to_scale.bias.data.zero_()
    for factor in (1.0, 100.0):
        inner = layer(x, factor * style)[..., 1:-1, 1:-1]
        torch.testing.assert_close(inner.std(dim=(2, 3)), torch.ones(2, 6, dtype=torch.float64), rtol=0, atol=0.1)


@pytest.mark.parametrize("channels", [1, 2, 8, 24, 48, 64, 100])
def test_group_norm_suits_any_width_and_ignores_batch_mates(channels: int) -> None:
    norm = GroupNorm(channels)
    x = random(3, channels, 4, 4, dtype=torch.float32)
    together = norm(x)
    assert torch.isfinite(together).all()
    torch.testing.assert_close(norm(x[1:2])[0], together[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("channels_in", "channels_out"), [(8, 8), (8, 12)])
def test_a_residual_block_passes_its_input_on(channels_in: int, channels_out: int) -> None:
    block = ResidualBlock(channels_in, channels_out)
    x = random(2, channels_in, 6, 6, dtype=torch.float32)
    for parameter in block.body[-1].parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(block(x), block.skip(x))
    assert block(x).shape == (2, channels_out, 6, 6)


def test_upsampling_keeps_a_linear_ramp_linear() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)
    inner = upsample(ramp, 2)[0, 0, 4, 1:-1]
    torch.testing.assert_close(inner, torch.arange(14.0) / 2 + 0.25)
    assert upsample(ramp, 4).shape == (1, 1, 32, 32)


def test_opponent_colours_keep_distances_and_put_grey_on_one_axis() -> None:
    images = random(2, 3, 8, 8, dtype=torch.float32)
    torch.testing.assert_close(opponent_colours(images).norm(dim=1), images.norm(dim=1))
    grey = opponent_colours(torch.full((1, 3, 2, 2), 0.5))
    torch.testing.assert_close(grey[:, 1:], torch.zeros(1, 2, 2, 2), atol=1e-6, rtol=0)
