"""RivaGAN's networks, which hide 32 bits in a picture (Zhang et al., arXiv 1909.01285).

The weights in ``assets/rivagan.safetensors`` are those that invisible-watermark 0.2.0 distributes as ONNX (MIT, see
``assets/rivagan.LICENSE``). As PyTorch modules they need neither that package, which brings OpenCV, nor an ONNX
runtime.
"""

import functools
import math
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

BITS = 32
KERNEL = 11
TILE = 48  # a side, in pixels
AMPLITUDE = 0.016  # of the residual, for pictures in [-1, 1]: two 8-bit levels at most
WEIGHTS = Path(__file__).parents[1] / "assets" / "rivagan.safetensors"


class FourierConv2d(nn.Module):
    """A convolution with 11 x 11 filters, padded to keep its size: in Fourier space, eight times faster than directly.

    The picture is cut into overlapping tiles (overlap-save), whose spectra are multiplied with those of the filters.
    The way back is two matrix products, which take half as long as an inverse FFT of tiles this small.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, KERNEL, KERNEL))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self._spectra: Tensor | None = None

    def spectra(self) -> Tensor:
        """Spectrum of the filters, (frequencies, outputs, inputs); made once."""
        if self._spectra is None:
            with _for_gradients():
                spectra = torch.fft.rfft2(self.weight, s=(TILE, TILE)).conj()
                self._spectra = spectra.permute(2, 3, 0, 1).flatten(0, 1).contiguous()
        return self._spectra

    def forward(self, images: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        batch, _, height, width = images.shape
        step, pad = TILE - KERNEL + 1, KERNEL // 2
        rows, columns = -(-height // step), -(-width // step)
        padded = F.pad(images, (pad, columns * step - width + pad, pad, rows * step - height + pad))
        tiles = torch.fft.rfft2(padded.unfold(2, TILE, step).unfold(3, TILE, step))
        by_frequency = tiles.permute(4, 5, 1, 0, 2, 3).flatten(3).flatten(0, 1).flatten(2)
        mixed = (self.spectra() @ by_frequency).reshape(TILE, -1)
        down, across = _way_back()
        values = (across @ (down @ mixed).reshape(step, TILE // 2 + 1, -1)).real
        placed = values.reshape(step, step, -1, batch, rows, columns).permute(3, 2, 4, 0, 5, 1)
        joined = placed.reshape(batch, -1, rows * step, columns * step)
        return joined[..., :height, :width] + self.bias.reshape(1, -1, 1, 1)


@functools.cache
def _way_back() -> tuple[Tensor, Tensor]:
    """Inverse Fourier transforms of the part of a tile that is kept: over all frequencies, and over half of them.

    The second stands for all, since the spectrum of real values is symmetric: the real part of its product counts.
    """
    with _for_gradients():
        places, half = torch.arange(TILE - KERNEL + 1), TILE // 2 + 1
        phases = torch.outer(places, torch.arange(TILE)).double() * (2 * math.pi / TILE)
        inverse = torch.polar(torch.full_like(phases, 1 / TILE), phases)
        twice = torch.full((half,), 2.0, dtype=torch.float64)
        twice[[0, -1]] = 1.0
        return inverse.to(torch.complex64), (inverse[:, :half] * twice).to(torch.complex64)


@contextmanager
def _for_gradients() -> Iterator[None]:
    """Tensors made here can stand in a computation that is differentiated, even if this runs in inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def _filters(inputs: int, outputs: int) -> list[nn.Module]:
    return [FourierConv2d(inputs, 32), nn.Tanh(), nn.BatchNorm2d(32), FourierConv2d(32, outputs)]


class _Attending(nn.Module):
    """What both networks share: for each pixel, how much it says about each bit."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self._attention = nn.Sequential(*_filters(3, BITS), nn.Tanh(), nn.BatchNorm2d(BITS))
        self._conv = nn.Sequential(*_filters(inputs, outputs))

    def attention(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 32, H, W), which sums to 1 over the bits."""
        return self._attention(images).softmax(1)


class Encoder(_Attending):
    """Images (B, 3, H, W) in [-1, 1] and bits (32,) of 0 and 1 -> residual (B, 3, H, W) that hides them."""

    def __init__(self) -> None:
        super().__init__(4, 3)

    def forward(self, images: Tensor, bits: Tensor) -> Tensor:
        """The residual, within ``AMPLITUDE``."""
        signs = (2.0 * bits - 1.0).reshape(1, -1, 1, 1)
        payload = (signs * self.attention(images)).sum(1, keepdim=True)
        return AMPLITUDE * torch.tanh(self._conv(torch.cat([images, payload], 1)))


class Decoder(_Attending):
    """Images (B, 3, H, W) in [-1, 1] -> (B, 32): the bit is 1 where the value is above 1/2."""

    def __init__(self) -> None:
        super().__init__(3, BITS)

    def forward(self, images: Tensor) -> Tensor:
        """One value for each bit."""
        return (self._conv(images) * self.attention(images)).mean((2, 3))


@functools.cache
def load_networks() -> tuple[Encoder, Decoder]:
    """Both networks, on the CPU; their weights are fixed, but pictures can be differentiated through them."""
    weights = load_file(WEIGHTS)
    with _for_gradients():
        encoder, decoder = Encoder(), Decoder()
        for network, name in ((encoder, "encoder."), (decoder, "decoder.")):
            own = {key.removeprefix(name): value for key, value in weights.items() if key.startswith(name)}
            network.load_state_dict(own, strict=False)
            network.eval().requires_grad_(False)
    return encoder, decoder


def convert(wheel: Path, out: Path = WEIGHTS) -> None:
    """Take the weights out of invisible-watermark's wheel; this alone needs the package ``onnx``."""
    import onnx

    weights = {}
    with zipfile.ZipFile(wheel) as files:
        for network in ("encoder", "decoder"):
            graph = onnx.load_from_string(files.read(f"imwatermark/rivagan_{network}.onnx")).graph
            for tensor in graph.initializer:
                if tensor.name.startswith("_"):
                    value = torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())
                    weights[f"{network}.{tensor.name}"] = value.squeeze(2) if value.dim() == 5 else value
    save_file(weights, out)


if __name__ == "__main__":
    convert(Path(sys.argv[1]))
