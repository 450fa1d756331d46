"""Training of the localiser: photos and their edits, side by side, damaged alike.

A batch holds pairs of a photo and its edit. Both go through the same flip, crop, resizing, tone change, blur, noise and
JPEG with the same numbers, so that the edit is all that differs: nothing about codecs, sizes or marks can be learned.
"""

import copy
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from l2sae.model.checkpoint import resolve_device
from l2sae.pictures.writing import through_jpeg
from l2sae.provenance import attacks
from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.detector.localiser import CELL, WIDTHS, Localiser, LocaliserNet, padded

PAIRS = 8  # photos and as many edits in a batch
LEARNING_RATE = 4e-3
FINE_TUNING_RATE = 1e-3  # of a network that has been trained before
WARMUP = 30
IMAGE_WEIGHT = 1.0  # of the loss on the image score, beside the one on the heat map
EDITED_WEIGHT = 3.0  # of an edited pixel in the cross-entropy, against any other
CLEAN = 0.5  # share of the batches without any damage
SIZES = (1.0, 1.0, 1.0, 0.5, 0.8)
REPORTS = 5

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Schedule:
    """How long and on how much the localiser is trained.

    Attributes:
        steps: updates.
        pairs: photos, and as many edits, in a batch.
        learning_rate: the highest; it rises for ``WARMUP`` steps and falls along a cosine.
        workers: processes that damage pictures beside the training; 0: the training does it itself. The result is the
            same for every number.
    """

    steps: int
    pairs: int = PAIRS
    learning_rate: float = LEARNING_RATE
    workers: int = 0


def train_localiser(
    faces: Sequence[EditedFace],
    schedule: Schedule,
    seed: int,
    progress: Callable[[str], object] = print,
    init: LocaliserNet | None = None,
    device: str = "cpu",
) -> Localiser:
    """Train on edited faces.

    Args:
        faces: photos, edits and the pixels that changed; each batch holds faces of one size.
        schedule: how long, and how large the batches are.
        seed: of the weights, the order and the damage.
        progress: called with one plain line at a time.
        init: a network to go on from; it stays as it is. None begins with random weights.
        device: ``auto`` (cuda, else mps, else cpu) or a torch device. The localiser is returned on the CPU.

    Raises:
        ValueError: there are no faces.
    """
    if not faces:
        raise ValueError("there are no edited faces to learn from")
    where = resolve_device(device)
    net = (fresh_network(seed) if init is None else copy.deepcopy(init)).to(where).train()
    optimizer = torch.optim.AdamW(net.parameters(), lr=schedule.learning_rate, weight_decay=1e-3)
    report, total = max(1, schedule.steps // REPORTS), torch.zeros((), device=where)
    for step, (pixels, truth) in enumerate(_batches(faces, schedule, seed)):
        for group in optimizer.param_groups:
            group["lr"] = schedule.learning_rate * _rate(step, schedule.steps)
        loss = pair_loss(net, pixels.to(where), truth.to(where))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        total = total + loss.detach()  # as a tensor: asking for its value would wait for the device
        if (step + 1) % report == 0:
            progress(f"localiser: step {step + 1} of {schedule.steps}: loss {float(total) / report:.3f}")
            total = torch.zeros_like(total)
    return Localiser(net.cpu().eval())


def fresh_network(seed: int, widths: tuple[int, int, int] = WIDTHS) -> LocaliserNet:
    """A network with random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LocaliserNet(widths)


class _Damaged(Dataset[tuple[Tensor, Tensor]]):
    """Batch number ``step``, drawn by ``seed`` and that number alone, so that any process can make it."""

    def __init__(self, faces: Sequence[EditedFace], chosen: NDArray[np.int64], seed: int) -> None:
        self.faces, self.chosen, self.seed = faces, chosen, seed

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, step])
        return damaged_pairs([self.faces[index] for index in self.chosen[step]], rng)


def _batches(faces: Sequence[EditedFace], schedule: Schedule, seed: int) -> Iterable[tuple[Tensor, Tensor]]:
    """Every face once in random order, then again in another, in batches; sizes of faces take turns."""
    rng = np.random.default_rng(seed)
    sizes: dict[tuple[int, ...], list[int]] = {}
    for index, face in enumerate(faces):
        sizes.setdefault(face.photo.shape, []).append(index)
    groups = [
        _drawn(np.array(group), -(-schedule.steps // len(sizes)), schedule.pairs, rng) for group in sizes.values()
    ]
    order = np.stack(groups, axis=1).reshape(-1, schedule.pairs)[: schedule.steps]
    batches = _Damaged(faces, order, seed)
    generator = torch.Generator().manual_seed(seed)  # the loader draws from the global one otherwise
    return DataLoader(batches, batch_size=None, num_workers=schedule.workers, generator=generator)


def _drawn(group: NDArray[np.int64], steps: int, pairs: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices (steps, pairs) of faces of one size."""
    wanted = steps * pairs
    order = np.concatenate([group[rng.permutation(len(group))] for _ in range(-(-wanted // len(group)))])
    return order[:wanted].reshape(steps, pairs)


def pair_loss(net: LocaliserNet, pixels: Tensor, truth: Tensor) -> Tensor:
    """Cross-entropy of heat map and image score.

    Args:
        net: the network.
        pixels: (B, 3, H, W) in [0, 1].
        truth: (B, 1, H, W), 1 where a pixel was edited; all 0 for a photo.
    """
    heat, image = net(padded(pixels))
    goal = F.avg_pool2d(padded(truth), CELL)
    edited = (truth.amax(dim=(1, 2, 3)) > 0).to(image.dtype)
    # overlap counts small regions like large ones; cross-entropy keeps photos cold
    shown = heat.sigmoid()
    both, sizes = (shown * goal).sum(dim=(1, 2, 3)), (shown + goal).sum(dim=(1, 2, 3))
    overlap = (edited * (1 - 2 * both / (sizes + 1))).sum() / edited.sum().clamp(min=1)
    pixel = F.binary_cross_entropy_with_logits(heat, goal, 1 + (EDITED_WEIGHT - 1) * goal)
    return pixel + overlap + IMAGE_WEIGHT * F.binary_cross_entropy_with_logits(image, edited)


def damaged_pairs(faces: Sequence[EditedFace], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Photos, then their edits, (2 B, 3, h, w) in [0, 1], and their truth (2 B, 1, h, w), damaged by the same draws."""
    clean = rng.random() < CLEAN
    factor = 1.0 if clean else SIZES[rng.integers(len(SIZES))]
    share = 0.0 if clean else float(rng.uniform(0, 0.2))
    photos: list[Pixels] = []
    edits: list[Pixels] = []
    truths = []
    for face in faces:
        flip = bool(rng.random() < 0.5)
        damage = _draw_damage(rng) if not clean else []
        for picture, kept in ((face.photo, photos), (face.edited, edits)):
            moved = attacks.crop(attacks.resize(_flipped(picture, flip), factor), share)
            for change in damage:
                moved = change(moved)
            kept.append(moved)
        truths.append(_flipped(face.truth, flip))
    truth = torch.from_numpy(np.stack(truths))[:, None].float()
    if not clean:
        truth = F.interpolate(truth, scale_factor=factor, mode="area") if factor != 1 else truth
        truth = torch.from_numpy(np.stack([attacks.crop(one[0].numpy(), share) for one in truth]))[:, None]
    pixels = torch.from_numpy(np.stack(photos + edits)).permute(0, 3, 1, 2).float() / 255
    return pixels, torch.cat([torch.zeros_like(truth), truth])


def _draw_damage(rng: np.random.Generator) -> list[Callable[[Pixels], Pixels]]:
    """Changes with numbers drawn once, to be made to a photo and to its edit."""
    gain, stretch, colour = rng.uniform(-0.2, 0.2), rng.uniform(0.8, 1.2), rng.uniform(0.5, 1.4)
    sigma, noise, quality = rng.uniform(0.3, 1.2), rng.uniform(1, 8), int(rng.integers(40, 98))
    drawn = rng.random(6)
    changes: list[tuple[float, Callable[[Pixels], Pixels]]] = [
        (0.2, lambda p: attacks.brighten(p, gain)),
        (0.2, lambda p: attacks.contrast(p, stretch)),
        (0.2, lambda p: attacks.saturate(p, colour)),
        (0.05, lambda p: attacks.blur(p, sigma)),
        (0.1, lambda p: attacks.add_noise(p, noise)),
        (0.6, lambda p: through_jpeg(p, quality)),
    ]
    return [change for (chance, change), draw in zip(changes, drawn, strict=True) if draw < chance]


def _flipped(picture: NDArray[Any], flip: bool) -> NDArray[Any]:
    return picture[:, ::-1] if flip else picture


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / WARMUP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))
