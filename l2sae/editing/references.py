"""References: the faces that styles come from, and their style vectors."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing.bald_heads import share, shows_hair
from l2sae.editing.recipe_fields import ExactStyle, ReferenceRecord, digest_reference
from l2sae.model import L2SAE, Latents
from l2sae.pictures.conversions import as_rgb, check_images, to_model
from l2sae.pictures.errors import EditError, FaceNotFoundError
from l2sae.pictures.files import readable_name
from l2sae.pictures.reading import load_picture, read_picture
from l2sae.rois import hair_and_skin


@dataclass(frozen=True, eq=False)
class ReferenceCrop:
    """The ``pixels`` (S, S, 3) uint8 of a face in a reference that messages call by ``name``."""

    pixels: NDArray[np.uint8]
    name: str


Reference = str | Path | NDArray[np.uint8] | NDArray[np.floating] | Tensor | ReferenceCrop | ExactStyle
"""A path, a uint8 picture or a crop of one, images (1 or B, 3, H, W) in [-1, 1], or style vectors (D,) or (B, D)."""

MIN_SHARE = 5e-4  # of the picture's pixels: less than this is not an ROI but a stray pixel


@torch.no_grad()
def encode_reference(model: L2SAE, reference: Reference, rois: Sequence[str] = ()) -> Tensor:
    """The style vectors (1 or B, D) of a reference; a picture among them has to give the style of each of ``rois``."""
    if isinstance(reference, (str, Path)):
        return _encode_picture(model, to_model(read_picture(reference), model.image_size), rois, str(reference))
    if isinstance(reference, ReferenceCrop):
        return _encode_picture(model, to_model(reference.pixels, model.image_size), rois, reference.name)
    if isinstance(reference, ExactStyle):
        return _style_vectors(model, torch.as_tensor(reference.vectors))
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
    style = tuple(map(tuple, encode_reference(model, reference).tolist()))
    return ReferenceRecord(style=style, exact=isinstance(reference, ExactStyle))


def shows(matte: Tensor) -> Tensor:
    """Whether mattes (B, 1, H, W) show their ROI at all: (B,) bool."""
    return share(matte) >= MIN_SHARE


def given_rois(model: L2SAE, images: Tensor, latents: Latents) -> tuple[str, ...]:
    """The ROIs whose style can be taken from every one of ``images`` (B, 3, S, S), encoded as ``latents``.

    What is taken for hair on a bald head is a little skin; hair made in its style would be pink.
    """
    given = dict(zip(model.roi_names, (shows(latents.mattes[:, [i]]) for i in range(len(model.rois))), strict=True))
    hair, skin = hair_and_skin(model.rois)
    if hair is not None:
        given[model.roi_names[hair]] = shows_hair(images, latents.mattes, hair, skin)
    return tuple(roi for roi, every in given.items() if bool(every.all()))


def _encode_picture(model: L2SAE, images: Tensor, rois: Sequence[str], name: str) -> Tensor:
    images = images.to(model.device)
    latents = model.encode(images)
    given = given_rois(model, images, latents) if rois else ()
    if missing := [roi for roi in rois if roi not in given]:
        raise FaceNotFoundError(
            f"reference {name} shows no {missing[0]}, or too little to take its style: choose another reference, a "
            f"named style or a colour, or leave {missing[0]} out",
            missing=missing[0],
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
