"""Rendered faces: pictures with exact labels and mattes, made from a seed. No person is shown in them."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.model.threads import one_thread
from l2sae.render.draws import Draws, face_generator
from l2sae.render.factors import UNIFORMS, sample
from l2sae.render.paint import Noise, paint
from l2sae.rois import DEFAULT_ROIS, Roi

PARTS = (
    "hair", "skin", "l_eye", "r_eye", "l_brow", "r_brow", "nose", "u_lip", "l_lip", "mouth", "l_ear", "r_ear", "neck",
    "cloth", "eye_g", "hat",
)  # fmt: skip
"""Parts that the renderer labels, named as in CelebAMask-HQ: the subject's left (``l_``) is on the picture's right."""

Numbers = dict[str, NDArray[np.float64]]
"""What the painter needs to know of N faces, by name: (N,) numbers, (N, 3) linear colours."""

_CHUNK = 16  # faces rendered at once: few enough that the working set stays in the processor's cache
_THREADS = 4  # of Python, which take turns: sixteen render half as many faces a second as two
_STRANDS, _BLOBS, _MOTTLE = 64, 5, 12  # sides of the noise grids of hair, background and skin


@dataclass(frozen=True)
class RenderedFaces:
    """A batch of rendered faces.

    Attributes:
        images: (N, 3, H, W) float32 in [-1, 1].
        labels: (N, H, W) uint8, ROI ids 1, 2, ... in the order of the ROIs, 0 elsewhere; an ROI's id stands where its
            matte exceeds 0.5.
        mattes: ROI -> (N, 1, H, W) float32 in [0, 1], the true share of the ROI in each pixel; they sum to at most 1.
        factors: name -> (N,) array of what was drawn: angles in degrees, ``monk_tone`` 1 to 10, names of styles, ...;
            ``occlusion`` names what is before the face and ``hidden`` the share of the face that it hides.
    """

    images: Tensor
    labels: Tensor
    mattes: dict[str, Tensor]
    factors: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.images)


def render_faces(
    count: int,
    size: int = 128,
    seed: int = 0,
    device: str | torch.device = "cpu",
    rois: Sequence[Roi] | None = None,
    start: int = 0,
    factors: Mapping[str, float] | None = None,
) -> RenderedFaces:
    """Render faces ``start`` to ``start + count - 1`` of the endless series that ``seed`` names.

    Face i depends on (seed, i) alone: neither ``count`` nor ``start`` changes it.

    Args:
        count: number of faces, at least 1.
        size: height and width in pixels, at least 16.
        seed: of the series, 0 or more.
        device: where to compute; the tensors returned live there.
        rois: regions to label, with parts out of :data:`PARTS`; None stands for `l2sae.rois.DEFAULT_ROIS`.
        start: index of the first face.
        factors: values for all faces in place of drawn ones, e.g. ``{"yaw": 30.0}``: pose and light in degrees, and
            the rest of :data:`l2sae.render.factors.SETTABLE`. Everything else about the faces stays as it is.

    Raises:
        ValueError: a number is out of range, a factor cannot be set, or an ROI names a part that the renderer
            does not have.
    """
    rois = check_request(count, size, seed, start, rois)
    indexes = range(start, start + count)
    numbers, recorded = draw_factors(seed, indexes, factors)
    images, mattes, hidden = paint_faces(numbers, seed, indexes, size, device, [roi.parts for roi in rois])
    return RenderedFaces(
        images=images,
        labels=label_map(mattes),
        mattes={roi.name: matte for roi, matte in zip(rois, mattes, strict=True)},
        factors=recorded | {"hidden": hidden.cpu().numpy().round(3)},
    )


def check_request(count: int, size: int, seed: int, start: int, rois: Sequence[Roi] | None) -> tuple[Roi, ...]:
    """The ROIs to label, `l2sae.rois.DEFAULT_ROIS` for None; raises as :func:`render_faces` says."""
    if count < 1 or size < 16 or seed < 0 or start < 0:
        raise ValueError(f"need count >= 1, size >= 16, seed >= 0, start >= 0; got {count}, {size}, {seed}, {start}")
    rois = tuple(DEFAULT_ROIS if rois is None else rois)
    for roi in rois:
        if unknown := [part for part in roi.parts if part not in PARTS]:
            raise ValueError(
                f"ROI {roi.name}: rendered faces have no part {', '.join(unknown)}; there are {', '.join(PARTS)}"
            )
    return rois


def draw_factors(
    seed: int, indexes: Sequence[int], given: Mapping[str, float] | None
) -> tuple[Numbers, dict[str, NDArray[Any]]]:
    """What is drawn of the faces ``indexes`` before any pixel: the painter's numbers and the factors to record."""
    return sample(Draws(np.stack([face_generator(seed, index).random(UNIFORMS) for index in indexes])), given)


def paint_faces(
    numbers: Numbers,
    seed: int,
    indexes: Sequence[int],
    size: int,
    device: str | torch.device,
    regions: Sequence[Sequence[str]],
) -> tuple[Tensor, list[Tensor], Tensor]:
    """Paint faces from their ``numbers``, each with the noise of its index.

    Returns:
        Images (N, 3, H, W) in [-1, 1], the matte (N, 1, H, W) of the parts of each region, and the share of each face
        that is hidden, (N,).
    """
    p = _to_tensors(numbers, torch.device(device))

    @torch.no_grad()  # of each thread
    def paint_chunk(first: int) -> tuple[Tensor, list[Tensor], Tensor]:
        few = slice(first, first + _CHUNK)
        noise = _noise([face_generator(seed, index) for index in indexes[few]], size, device)
        images, parts, hidden = paint({name: value[few] for name, value in p.items()}, size, noise)
        nothing = torch.zeros_like(images[:, 0])
        mattes = [sum((parts[part] for part in region), nothing).clamp(0, 1)[:, None] for region in regions]
        return images, mattes, hidden

    firsts = range(0, len(indexes), _CHUNK)
    with one_thread(), ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS, len(firsts))) as pool:
        images, mattes, hidden = zip(*pool.map(paint_chunk, firsts), strict=True)
    return torch.cat(images), [torch.cat(chunks) for chunks in zip(*mattes, strict=True)], torch.cat(hidden)


def label_map(mattes: Sequence[Tensor]) -> Tensor:
    """(N, H, W) uint8: 1, 2, ... where the first, second, ... matte (N, 1, H, W) exceeds 0.5, as no two do."""
    labels = torch.zeros_like(mattes[0][:, 0], dtype=torch.uint8)
    for index, matte in enumerate(mattes, start=1):
        labels.add_((matte[:, 0] > 0.5).view(torch.uint8), alpha=index)
    return labels


def _noise(generators: Sequence[np.random.Generator], size: int, device: str | torch.device) -> Noise:
    """The noise of each face, drawn after its factors."""
    for generator in generators:
        generator.random(UNIFORMS)

    def normal(*shape: int) -> Tensor:
        return torch.from_numpy(np.stack([g.standard_normal(shape, dtype=np.float32) for g in generators])).to(device)

    texture, blobs, mottle = normal(1, _STRANDS, _STRANDS), normal(3, _BLOBS, _BLOBS), normal(1, _MOTTLE, _MOTTLE)
    grain = normal(1, size // 2, size // 2)
    levels = [np.frombuffer(g.bytes(3 * size * size), np.uint8).reshape(3, size, size) for g in generators]
    return Noise(texture, blobs, mottle, grain, torch.from_numpy(np.stack(levels)).to(device))


def _to_tensors(numbers: Numbers, device: torch.device) -> dict[str, Tensor]:
    """(N,) numbers as (N, 1, 1) and (N, 3) colours as (N, 3, 1, 1), ready to broadcast over pixels."""
    columns = [value.reshape(len(value), -1) for value in numbers.values()]
    table = torch.from_numpy(np.concatenate(columns, axis=1).astype(np.float32)).to(device)
    pieces = table[:, :, None, None].split([column.shape[1] for column in columns], dim=1)
    return {name: piece[:, 0] if piece.shape[1] == 1 else piece for name, piece in zip(numbers, pieces, strict=True)}
