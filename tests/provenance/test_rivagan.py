"""The networks of RivaGAN."""

import torch

from l2sae.provenance.rivagan import FourierConv2d


def test_fourier_convolution_is_the_convolution() -> None:
    random = torch.Generator().manual_seed(0)
    layer = FourierConv2d(3, 5)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=random))
        layer.bias.copy_(torch.randn(5, generator=random))
        images = torch.randn(2, 3, 61, 100, generator=random)
        direct = torch.nn.functional.conv2d(images, layer.weight, layer.bias, padding=5)
        torch.testing.assert_close(layer(images), direct, rtol=1e-4, atol=1e-4)
