"""The discriminators of a training: the images that they see, their losses, and their updates.

Each step first updates the model against frozen discriminators, and then the discriminators on the images that the
model decoded in this step. Only targets in their own colours count as real, and only images decoded with the style of
such a target have to look real. Recoloured faces teach the structure; they do not show what faces look like.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from l2sae.model import L2SAE
from l2sae.model.discriminators import ImageDiscriminator, PatchDiscriminator
from l2sae.params import Params
from l2sae.training.engine import Engine
from l2sae.training.losses import discriminator_loss, generator_loss, gradient_penalty
from l2sae.training.pairs import Decoded, Pair, neighbours
from l2sae.training.states import optimizer_tensors, restore_optimizer

BETAS = (0.0, 0.99)  # Adam's, of the discriminators (arXiv 1912.04958, appendix B)
SMALLEST, LARGEST = 1 / 8, 1 / 4  # side of a patch as a share of the image's (arXiv 2007.00653, section 3.2)
NOISE_SIGMA = 1.0  # standard deviations of the batch's styles
HALF = 0.5  # weight of the reconstruction and of the swap among realistic images (arXiv 2007.00653, equation 5)


@dataclass(frozen=True)
class Fakes:
    """Decoded images (B, 3, H, W), and for each, as 0 or 1, whether its style is a natural one (B,).

    ``swapped`` and ``noised`` are None where no loss needs them.
    """

    output: Tensor
    output_natural: Tensor
    swapped: Tensor | None
    swapped_natural: Tensor
    noised: Tensor | None

    def detached(self) -> "Fakes":
        """The same without gradients."""
        swapped, noised = (None if image is None else image.detach() for image in (self.swapped, self.noised))
        return replace(self, output=self.output.detach(), swapped=swapped, noised=noised)


class Adversary:
    """The discriminators that a loss has a weight for, and their optimiser."""

    def __init__(self, params: Params, engine: Engine) -> None:
        self.params, self.engine = params, engine
        weights, size = params.train.loss, params.data.image_size
        self.patch_size = size // 4
        networks: dict[str, nn.Module] = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(params.seed)
            if weights.gan or weights.noise_gan:
                networks["image"] = ImageDiscriminator(size, params.train.adversary.width)
            if weights.cooccurrence:
                networks["patch"] = PatchDiscriminator(self.patch_size, params.train.adversary.patch_width)
        self.networks = nn.ModuleDict(networks).to(engine.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = _adam(self.networks, params)
        self._rates = [group["lr"] for group in self.optimizer.param_groups]

    @staticmethod
    def of(params: Params, engine: Engine) -> "Adversary | None":
        """The adversary that the losses ask for; None where no adversarial loss has a weight."""
        weights = params.train.loss
        return Adversary(params, engine) if weights.gan or weights.noise_gan or weights.cooccurrence else None

    def draw(self, pair: Pair, generator: torch.Generator) -> Pair:
        """Add what the adversarial losses need of chance to a pair."""
        weights, train, count = self.params.train.loss, self.params.train, len(pair.target)
        noise = boxes = None
        if weights.noise_gan:
            size = self.params.model.style_size(len(self.params.rois))
            noise = torch.randn(count, size, generator=generator).to(pair.target)
        if weights.cooccurrence:
            boxes = torch.rand(count, 2 * train.adversary.crops, 3, generator=generator).to(pair.target)
        return replace(pair, noise=noise, boxes=boxes)

    def make_fakes(self, model: L2SAE, decoded: Decoded, pair: Pair) -> Fakes:
        """The decoded images of a step, and where a loss needs them those decoded with styles moved by noise."""
        style, noised = decoded.style, None
        if pair.noise is not None:
            spread = style.detach().std(dim=0, correction=0)
            moved = style + NOISE_SIGMA * spread * pair.noise
            noised = model.generator(decoded.structure, moved, decoded.mattes)
        natural = pair.natural.float()
        return Fakes(decoded.output, natural, decoded.swapped, natural[neighbours(len(style), style.device)], noised)

    def generator_losses(self, fakes: Fakes, pair: Pair) -> dict[str, Tensor]:
        """The model's adversarial losses by name, against discriminators that stay as they are."""
        weights, losses = self.params.train.loss, dict[str, Tensor]()
        self.networks.requires_grad_(False)
        if weights.gan and fakes.swapped is not None:
            image = self.networks["image"]
            own = generator_loss(image(fakes.output).float(), fakes.output_natural)
            losses["gan"] = HALF * (own + generator_loss(image(fakes.swapped).float(), fakes.swapped_natural))
        if fakes.noised is not None:
            logits = self.networks["image"](fakes.noised).float()
            losses["noise_gan"] = generator_loss(logits, fakes.output_natural)
        if "patch" in self.networks and fakes.swapped is not None:
            fake, _, references = self._patches(fakes.swapped, pair)
            losses["cooccurrence"] = generator_loss(self.networks["patch"](fake, references).float())
        return losses

    def update(self, shown: Sequence[tuple[Pair, Fakes]], step: int, factor: float) -> dict[str, float]:
        """One update of the discriminators on detached fakes; the learning rate is scaled by ``factor``."""
        self.networks.requires_grad_(True)
        self.optimizer.zero_grad()
        for group, rate in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        penalise = step % self.params.train.adversary.r1_interval == 0
        sums: dict[str, float] = {}
        for pair, fakes in shown:
            with self.engine.autocast():
                losses = self._discriminator_losses(fakes, pair)
            total = torch.stack(list(losses.values())).sum()
            if penalise:
                penalties, weights = self._penalties(pair), self.params.train.loss
                # lazy regularisation: what is taken every k steps counts k-fold (arXiv 1912.04958, appendix B)
                interval = self.params.train.adversary.r1_interval
                total = total + sum(getattr(weights, name) * interval * value for name, value in penalties.items())
                losses |= penalties
            (total / len(shown)).backward()
            for name, value in losses.items():
                sums[name] = sums.get(name, 0.0) + value.item() / len(shown)
        self.engine.average_gradients(self.networks.parameters())
        self.optimizer.step()
        return sums

    def _discriminator_losses(self, fakes: Fakes, pair: Pair) -> dict[str, Tensor]:
        weights, losses = self.params.train.loss, dict[str, Tensor]()
        if "image" in self.networks:
            image, natural = self.networks["image"], fakes.output_natural
            shown = [(fakes.noised, natural, weights.noise_gan)]
            if weights.gan:
                shown += [
                    (fakes.output, natural, HALF * weights.gan),
                    (fakes.swapped, fakes.swapped_natural, HALF * weights.gan),
                ]
            real = image(pair.target).float()
            parts = [w * discriminator_loss(real, image(x).float(), natural, n) for x, n, w in shown if x is not None]
            losses["discriminator"] = torch.stack(parts).sum() / (weights.gan + weights.noise_gan)
        if "patch" in self.networks and fakes.swapped is not None:
            patch = self.networks["patch"]
            fake, real, references = self._patches(fakes.swapped, pair)
            logits = patch(real, references).float(), patch(fake, references).float()
            losses["cooccurrence_discriminator"] = discriminator_loss(*logits)
        return losses

    def _penalties(self, pair: Pair) -> dict[str, Tensor]:
        """R1 of each discriminator whose penalty has a weight, in float32."""
        weights, losses = self.params.train.loss, dict[str, Tensor]()
        if "image" in self.networks and weights.r1:
            real = pair.target.detach().requires_grad_()
            losses["r1"] = gradient_penalty(self.networks["image"](real), real)
        if "patch" in self.networks and weights.cooccurrence_r1:
            _, patches, references = (part.detach().requires_grad_() for part in self._patches(pair.target, pair))
            logits = self.networks["patch"](patches, references)
            losses["cooccurrence_r1"] = gradient_penalty(logits.mean(dim=1), patches, references)
        return losses

    def _patches(self, images: Tensor, pair: Pair) -> tuple[Tensor, Tensor, Tensor]:
        """Patches (B, N, 3, P, P) of ``images``, of the same places in their references, and of other places there."""
        if pair.boxes is None:
            raise ValueError("this pair was drawn without boxes")
        reference = pair.target[neighbours(len(images), images.device)]
        own, others = pair.boxes.chunk(2, dim=1)
        cut = [(images.float(), own), (reference, own), (reference, others)]
        fake, real, references = (crop_patches(source, boxes, self.patch_size) for source, boxes in cut)
        return fake, real, references

    def tensors(self) -> dict[str, Tensor]:
        """Everything that changes with a step, by name."""
        moments = {f"optimizer.{name}": value for name, value in optimizer_tensors(self.optimizer).items()}
        return {f"networks.{name}": value for name, value in self.networks.state_dict().items()} | moments

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what `tensors` gave."""
        below = {
            part: {name.removeprefix(part): value for name, value in tensors.items() if name.startswith(part)}
            for part in ("networks.", "optimizer.")
        }
        self.networks.load_state_dict(below["networks."])
        restore_optimizer(self.optimizer, below["optimizer."])


def _adam(networks: nn.ModuleDict, params: Params) -> torch.optim.Adam:
    """Adam; where R1 is taken every k steps, rate and betas as for k of k + 1 steps (arXiv 1912.04958, appendix B)."""
    penalised = {"image": params.train.loss.r1, "patch": params.train.loss.cooccurrence_r1}
    interval, groups = params.train.adversary.r1_interval, []
    for name, network in networks.items():
        share = interval / (interval + 1) if penalised[name] else 1.0
        betas = (BETAS[0] ** share, BETAS[1] ** share)
        rate = params.train.adversary.learning_rate * share
        groups.append({"params": list(network.parameters()), "lr": rate, "betas": betas})
    return torch.optim.Adam(groups, betas=BETAS, fused=True)


def crop_patches(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Cut patches out of images and bring them to one size, bilinearly.

    Two matrix products a patch: unlike ``grid_sample`` their gradients are deterministic on a GPU.

    Args:
        images: (B, 3, H, W).
        boxes: (B, N, 3) in [0, 1): the side between an eighth and a quarter of the image, and the place.
        size: side of the patches in pixels.

    Returns:
        (B, N, 3, size, size).
    """
    side = SMALLEST + (LARGEST - SMALLEST) * boxes[..., 0]
    rows, columns = (
        _interpolation(place * (1 - side), side, length, size)
        for place, length in zip(boxes[..., 1:].unbind(-1), images.shape[-2:], strict=True)
    )
    return torch.einsum("bnph,bchw,bnqw->bncpq", rows, images, columns)


def _interpolation(start: Tensor, side: Tensor, length: int, size: int) -> Tensor:
    """Bilinear weights (B, N, size, length) of ``size`` samples of a stretch, given as shares of ``length``."""
    steps = (torch.arange(size, device=start.device, dtype=start.dtype) + 0.5) / size
    places = ((start[..., None] + side[..., None] * steps) * length - 0.5).clamp(0, length - 1)
    pixels = torch.arange(length, device=start.device, dtype=start.dtype)
    return (1 - (places[..., None] - pixels).abs()).clamp(min=0)
