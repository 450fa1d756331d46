"""Style operations: what becomes of the style vector z."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.model import L2SAE
from l2sae.pictures.conversions import as_rgb, check_images, to_model
from l2sae.pictures.errors import EditError, FaceNotFoundError
from l2sae.pictures.reading import read_picture

Reference = str | Path | NDArray[np.uint8] | NDArray[np.floating] | Tensor
"""A path, a uint8 picture, images (1 or B, 3, H, W) in [-1, 1], or style vectors (D,) or (B, D)."""

MAX_WEIGHT = 1e6
MAX_SIGMA = 100.0  # standard deviations
MIN_SHARE = 5e-4  # of the picture's pixels: less than this is not an ROI but a stray pixel


@dataclass(frozen=True)
class Noise:
    """z + sigma * n with n ~ N(0, 1) in units of the model's standard deviation of each style dimension."""

    sigma: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma) and 0 <= self.sigma <= MAX_SIGMA):
            raise EditError(f"Noise(sigma={self.sigma}): need a finite number, 0 to {MAX_SIGMA:g}")


@dataclass(frozen=True, eq=False)
class Swap:
    """The style of ``reference`` in place of the photo's own; only its style vector enters the edit."""

    reference: Reference


@dataclass(frozen=True, eq=False)
class Blend:
    """Weighted mean of the styles of several references: weights are 0 or more and count relative to their sum."""

    references: tuple[tuple[Reference, float], ...]

    def __init__(self, references: Iterable[tuple[Reference, float]]) -> None:
        pairs = tuple((reference, float(weight)) for reference, weight in references)
        weights = [weight for _, weight in pairs]
        if not pairs or not all(math.isfinite(w) and 0 <= w <= MAX_WEIGHT for w in weights) or sum(weights) <= 0:
            raise EditError(
                f"Blend with weights {weights}: need at least one positive, none negative, none above {MAX_WEIGHT:g}"
            )
        object.__setattr__(self, "references", pairs)


Style = Noise | Swap | Blend


def files_of(style: Style | Mapping[str, Style] | None) -> list[str | Path]:
    """The picture files that styles name as references."""
    styles = list(style.values()) if isinstance(style, Mapping) else [style]
    references = [one.reference for one in styles if isinstance(one, Swap)]
    references += [reference for one in styles if isinstance(one, Blend) for reference, _ in one.references]
    return [reference for reference in references if isinstance(reference, (str, Path))]


def new_style(model: L2SAE, own: Tensor, style: Style, seed: int, rois: Sequence[str]) -> Tensor:
    """The style vectors (B, D) that ``style`` makes of ``own`` (B, D).

    Args:
        model: encodes the references.
        own: style vectors of the photos.
        style: the operation.
        seed: of the noise, drawn on the CPU so that devices agree; photo i's noise does not depend on the batch size.
        rois: ROIs that take this style on: a reference picture must show them.

    Raises:
        FaceNotFoundError: a reference picture lacks one of ``rois``.
        EditError: a reference of another kind or size, or a number of references that fits no batch of photos.
    """
    if isinstance(style, Noise):
        generator = torch.Generator().manual_seed(seed)
        noise = torch.stack([torch.randn(own.shape[1], generator=generator) for _ in range(len(own))])
        return own + style.sigma * noise.to(own) * model.style_scale
    if isinstance(style, Swap):
        return _fit_batch(encode_reference(model, style.reference, rois), own)
    total = sum(weight for _, weight in style.references)
    parts = [weight / total * encode_reference(model, ref, rois) for ref, weight in style.references]
    return _fit_batch(torch.stack(torch.broadcast_tensors(*parts)).sum(dim=0), own)


@torch.no_grad()
def encode_reference(model: L2SAE, reference: Reference, rois: Sequence[str] = ()) -> Tensor:
    """The style vectors (1 or B, D) of a reference; a picture among them has to show each of ``rois``."""
    if isinstance(reference, (str, Path)):
        return _encode_picture(model, to_model(read_picture(reference), model.image_size), rois, str(reference))
    if isinstance(reference, np.ndarray) and reference.dtype == np.uint8:
        images = to_model(as_rgb(reference.astype(np.uint8, copy=False))[0], model.image_size)
        return _encode_picture(model, images, rois, f"picture {reference.shape}")
    if isinstance(reference, (np.ndarray, Tensor)) and reference.ndim in (1, 2):
        return _style_vectors(model, torch.as_tensor(reference))
    if isinstance(reference, Tensor):
        check_images(reference)
        return _encode_picture(model, to_model(reference, model.image_size), rois, f"images {tuple(reference.shape)}")
    raise EditError(
        f"reference of type {type(reference).__name__}: give a path, a uint8 picture, images (B, 3, H, W) in [-1, 1], "
        "or style vectors (D,) or (B, D)"
    )


def shows(matte: Tensor) -> Tensor:
    """Whether mattes (B, 1, H, W) show their ROI at all: (B,) bool."""
    return (matte >= 0.5).float().mean(dim=(1, 2, 3)) >= MIN_SHARE


def _encode_picture(model: L2SAE, images: Tensor, rois: Sequence[str], name: str) -> Tensor:
    latents = model.encode(images.to(model.device))
    for roi, matte in model.masks(latents.structure, rois).items() if rois else ():
        if not bool(shows(matte).all()):
            raise FaceNotFoundError(
                f"reference {name} shows no {roi}: choose a reference that does, or leave {roi} out"
            )
    return latents.style


def _style_vectors(model: L2SAE, vectors: Tensor) -> Tensor:
    vectors = vectors.reshape(-1, vectors.shape[-1]).to(model.device, torch.float32)
    if vectors.shape[1] != model.params.style_dim:
        raise EditError(f"style vector of {vectors.shape[1]} values: this model's have {model.params.style_dim}")
    if not bool(vectors.isfinite().all()):
        raise EditError("style vector holds NaN or infinity: encode the reference again")
    return vectors


def _fit_batch(vectors: Tensor, own: Tensor) -> Tensor:
    if len(vectors) not in (1, len(own)):
        raise EditError(f"{len(vectors)} reference styles for {len(own)} photos: give one, or one for each photo")
    return vectors.expand_as(own)
