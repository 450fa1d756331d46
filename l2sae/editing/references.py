"""References: the faces that styles come from, and their style vectors."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing.recipe_fields import ReferenceRecord, digest_reference
from l2sae.model import L2SAE
from l2sae.pictures.conversions import as_rgb, check_images, to_model
from l2sae.pictures.errors import EditError, FaceNotFoundError
from l2sae.pictures.files import readable_name
from l2sae.pictures.reading import load_picture, read_picture

Reference = str | Path | NDArray[np.uint8] | NDArray[np.floating] | Tensor
"""A path, a uint8 picture, images (1 or B, 3, H, W) in [-1, 1], or style vectors (D,) or (B, D)."""

MIN_SHARE = 5e-4  # of the picture's pixels: less than this is not an ROI but a stray pixel


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


def describe_reference(model: L2SAE, reference: Reference) -> ReferenceRecord:
    """A reference in a recipe: a file by its path and digest, anything else by its style vectors."""
    if isinstance(reference, (str, Path)):
        return ReferenceRecord(path=readable_name(reference), sha256=digest_reference(load_picture(reference)))
    return ReferenceRecord(style=tuple(map(tuple, encode_reference(model, reference).tolist())))


def shows(matte: Tensor) -> Tensor:
    """Whether mattes (B, 1, H, W) show their ROI at all: (B,) bool."""
    return (matte >= 0.5).float().mean(dim=(1, 2, 3)) >= MIN_SHARE


def _encode_picture(model: L2SAE, images: Tensor, rois: Sequence[str], name: str) -> Tensor:
    latents = model.encode(images.to(model.device))
    for roi, matte in model.masks(latents.structure, rois).items() if rois else ():
        if not bool(shows(matte).all()):
            raise FaceNotFoundError(
                f"reference {name} shows no {roi}: choose a reference that does, or leave {roi} out",
                missing=roi,
                reference=True,
            )
    return latents.style


def _style_vectors(model: L2SAE, vectors: Tensor) -> Tensor:
    vectors = vectors.reshape(-1, vectors.shape[-1]).to(model.device, torch.float32)
    if vectors.shape[1] != model.style_size:
        raise EditError(f"style vector of {vectors.shape[1]} values: this model's have {model.style_size}")
    if not bool(vectors.isfinite().all()):
        raise EditError("style vector holds NaN or infinity: encode the reference again")
    return vectors


def fit_batch(vectors: Tensor, own: Tensor) -> Tensor:
    """Reference styles (1 or B, D) as one for each of the photos whose own are (B, D)."""
    if len(vectors) not in (1, len(own)):
        raise EditError(f"{len(vectors)} reference styles for {len(own)} photos: give one, or one for each photo")
    return vectors.expand_as(own)
