"""A small network that says whether a picture was edited, and where.

It sees what an edit disturbs: high-pass residuals of each colour (second differences across, down and both, of the
spatial rich models of Fridrich and Kodovsky, doi 10.1109/TIFS.2012.2190402; as the input of a network they are those of
Zhou et al., arXiv 1805.04953), the local energy of those residuals, which is the noise level, and the colours
themselves, at a coarse scale with a view of the whole picture, so that a face can be compared with its own neck. It
knows nothing of marks or manifests, and is trained on pictures without them.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional as F

from l2sae.model.layers import ResidualBlock, upsample
from l2sae.pictures.files import atomic_write

FORMAT = "l2sae-localiser-2"
WIDTHS = (32, 48, 64)
TRAINED = Path("models/localiser.safetensors")
SHIPPED = Path(__file__).parents[2] / "assets" / "localiser.safetensors"
CELL = 4  # pixels a side
RESIDUALS = 3 * (3 + 2)  # three filters of three colours and of two colour differences
CUES = 3 + 3 + 2 * RESIDUALS
FINE = 16  # channels of the learned features at half size
SHRINK = 16  # the coarsest features are this much smaller than the picture
MIN_SIDE, MAX_SIDE = 16, 1024  # pixels; larger pictures are reduced first
_FLOOR = 2e-6  # of squared intensities: the rounding to 8 bits
_CONTRAST = 20.0  # residuals of a noisy picture are about 1 / 20


class LocaliserError(ValueError):
    """A localiser is absent, damaged, or of another format; or a picture does not suit it."""


class LocaliserNet(nn.Module):
    """U-shaped network on residuals, noise level and colour: (B, 3, H, W) in [0, 1] -> heat and image logits.

    H and W are multiples of ``SHRINK``.
    """

    def __init__(self, widths: tuple[int, int, int] = WIDTHS) -> None:
        super().__init__()
        self.widths = widths
        one, two, three = widths
        # a convolution first: in torch 2.13 normalising an input without gradient, channels last, ends the process
        self.stem = nn.Conv2d(CUES, one, 1)
        self.fine = nn.Sequential(
            nn.Conv2d(RESIDUALS, FINE, 3, stride=2, padding=1), nn.SiLU(), nn.Conv2d(FINE, one, 3, stride=2, padding=1)
        )
        self.down = nn.ModuleList([ResidualBlock(one, one), ResidualBlock(one, two), ResidualBlock(two, three)])
        self.whole = nn.Linear(three, three)
        self.bottom = ResidualBlock(three, three)
        self.join = nn.ModuleList([nn.Conv2d(three + two, two, 1), nn.Conv2d(two + one, one, 1)])
        self.up = nn.ModuleList([ResidualBlock(two, two), ResidualBlock(one, one)])
        self.heat = nn.Conv2d(one, 1, 1)
        self.image = nn.Linear(2 * one + 2, 1)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 3, H, W) in [0, 1] -> logits of the heat map (B, 1, H / 4, W / 4) and of the image (B,)."""
        residuals = high_pass(pixels)
        x, skips = self.stem(cues(pixels, residuals).contiguous()) + self.fine((_CONTRAST * residuals).tanh()), []
        for level, block in enumerate(self.down):
            x = block(F.avg_pool2d(x, 2) if level else x)
            skips.append(x)
        x = self.bottom(x + self.whole(x.mean(dim=(2, 3)))[..., None, None])
        for join, block, skip in zip(self.join, self.up, (skips[1], skips[0]), strict=True):
            x = block(join(torch.cat([upsample(x), skip], dim=1)))
        heat = self.heat(x)
        flat = heat.flatten(1)
        parts = [x.mean(dim=(2, 3)), x.amax(dim=(2, 3)), flat.mean(dim=1, keepdim=True), flat.amax(dim=1, keepdim=True)]
        return heat, self.image(torch.cat(parts, dim=1))[:, 0]


def high_pass(pixels: Tensor) -> Tensor:
    """Second differences across, down and both: (B, 3, H, W) in [0, 1] -> (B, RESIDUALS, H, W).

    Of red, green, blue, red - green and blue - green: texture is much alike in all colours and the noise of a sensor is
    not, so that the differences hold the noise.
    """
    green = pixels[:, 1:2]
    mirrored = F.pad(torch.cat([pixels, pixels[:, ::2] - green], dim=1), (1, 1, 1, 1), mode="reflect")
    across = _second_difference(mirrored, 3)
    down = _second_difference(mirrored[..., 1:-1], 2)
    return torch.cat([across[:, :, 1:-1], down, _second_difference(across, 2)], dim=1)


def cues(pixels: Tensor, residuals: Tensor) -> Tensor:
    """What may give an edit away, in cells of 4 x 4 pixels: (B, 3, H, W) in [0, 1] -> (B, CUES, H / 4, W / 4).

    For each cell its mean colour, its range of colours, and for each of its high-pass ``residuals`` the logarithm of
    their energy: its mean, which shows texture, and the least of the four quarters, which is the noise.
    """
    quarters = F.avg_pool2d(residuals.square(), 2)
    energies = torch.cat([F.avg_pool2d(quarters, 2), -F.max_pool2d(-quarters, 2)], dim=1)
    spread = F.max_pool2d(pixels, CELL) + F.max_pool2d(-pixels, CELL)
    return torch.cat([4 * (F.avg_pool2d(pixels, CELL) - 0.5), 4 * spread, (energies + _FLOOR).log() / 3 + 3], dim=1)


def _second_difference(x: Tensor, dim: int) -> Tensor:
    """A pixel against the mean of its two neighbours along ``dim``; two pixels shorter there."""
    count = x.shape[dim]
    return x.narrow(dim, 1, count - 2) - (x.narrow(dim, 0, count - 2) + x.narrow(dim, 2, count - 2)) / 2


@dataclass(frozen=True)
class Localiser:
    """A trained localiser. Called with a picture (H, W, 3) uint8 it gives a score and a heat map.

    Attributes:
        net: the network, in evaluation mode.
        threshold: score from which a picture is reported as edited.
        photos: how many unedited photos the threshold was set on; 0: none, and photos may well be called edited.
    """

    net: LocaliserNet
    threshold: float = 0.5
    photos: int = 0

    def __call__(self, picture: NDArray[np.uint8]) -> tuple[float, NDArray[np.float32]]:
        """Look at one picture of any size.

        Returns:
            The score in [0, 1], and the heat map (H, W) in [0, 1]. Neither proves anything: a low score means that no
            edit was found.

        Raises:
            LocaliserError: the picture is not (H, W, 3) uint8, or smaller than 16 pixels a side.
        """
        scores, maps = self.look([picture])
        return float(scores[0]), maps[0]

    @torch.inference_mode()
    def look(self, pictures: list[NDArray[np.uint8]]) -> tuple[NDArray[np.float64], list[NDArray[np.float32]]]:
        """Look at several pictures of one size: scores (N,) and heat maps (H, W)."""
        for picture in pictures:
            _check(picture)
        pixels = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
        height, width = pixels.shape[-2:]
        if max(height, width) > MAX_SIDE:
            factor = MAX_SIDE / max(height, width)
            pixels = F.interpolate(pixels, scale_factor=factor, mode="bicubic", antialias=True).clamp(0, 1)
        heat, image = self.net(padded(pixels))
        heat = upsample(heat, CELL)[..., : pixels.shape[-2], : pixels.shape[-1]]
        if heat.shape[-2:] != (height, width):
            heat = F.interpolate(heat, size=(height, width), mode="bilinear")
        return image.double().sigmoid().numpy(), list(heat.sigmoid()[:, 0].numpy())


def padded(pixels: Tensor) -> Tensor:
    """Mirror pictures (B, 3, H, W) at the right and below until their sides are multiples of ``SHRINK``.

    Resampling them instead would blur away what there is to see.
    """
    height, width = pixels.shape[-2:]
    return F.pad(pixels, (0, -width % SHRINK, 0, -height % SHRINK), mode="reflect")


def _check(picture: NDArray[np.uint8]) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or min(picture.shape[:2]) < MIN_SIDE:
        raise LocaliserError(
            f"picture {picture.shape} of {picture.dtype}: give (H, W, 3) uint8 of {MIN_SIDE} pixels a side or more"
        )


def save_localiser(localiser: Localiser, path: str | Path, dtype: torch.dtype = torch.float32) -> None:
    """Write the weights and the threshold to a ``.safetensors`` file; equal localisers give equal bytes."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    described = {"format": FORMAT, "widths": localiser.net.widths, "threshold": localiser.threshold}
    described |= {"photos": localiser.photos}
    weights = {name: value.detach().cpu().to(dtype).contiguous() for name, value in localiser.net.state_dict().items()}
    atomic_write(path, save(weights, {"localiser": json.dumps(described)}))  # one key: the order of several is random


def load_localiser(path: str | Path | None = None) -> Localiser:
    """Read a localiser: one that the ``provenance`` stage trained, or the one that comes with the package.

    Args:
        path: the file; None takes ``models/localiser.safetensors`` of the working folder, and the package's where there
            is none.

    Raises:
        LocaliserError: no such file, or not one of this format.
    """
    if path is None:
        path = TRAINED if TRAINED.is_file() else SHIPPED
    path = Path(path)
    if not path.is_file():
        raise LocaliserError(f"{path}: no such localiser; train one with 'dvc repro provenance'")
    try:
        with safe_open(path, framework="pt") as file:
            described = json.loads((file.metadata() or {}).get("localiser", "{}"))
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 - not a mapping
    except SafetensorError as error:
        raise LocaliserError(f"{path}: not a safetensors file ({error}); run 'dvc repro provenance'") from None
    if described.get("format") != FORMAT:
        found = described.get("format", "something else")
        raise LocaliserError(f"{path}: written as {found}, need {FORMAT}; run 'dvc repro provenance'")
    net = LocaliserNet(tuple(described["widths"]))
    net.load_state_dict(weights)
    return Localiser(net.eval(), described["threshold"], described.get("photos", 0))


def load_for_photos() -> Localiser:
    """The localiser that may look at anyone's photos: the pipeline's, if photos set its threshold, else the package's.

    Raises:
        LocaliserError: the file cannot be read.
    """
    trained = load_localiser(TRAINED) if TRAINED.is_file() else None
    return trained if trained is not None and trained.photos else load_localiser(SHIPPED)
