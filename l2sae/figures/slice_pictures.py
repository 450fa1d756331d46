"""What the slices of the structure tensor hold: the pictures behind the figures of disentanglement."""

import numpy as np
import torch
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from l2sae.data import FaceBatch
from l2sae.figures.drawing import outline, paper_style, picture_grid
from l2sae.measures.disentanglement import matte_responses
from l2sae.model import L2SAE
from l2sae.pictures.display import Picture, as_maps, as_pictures, roi_colour

FACES = 3
_HEAT = colormaps["magma"]


@torch.inference_mode()
@paper_style()
def slices_figure(model: L2SAE, faces: FaceBatch) -> Figure:
    """Activation of every slice over a few faces, with the outline of the matte that is read off it.

    Activation is the distance of the slice's channels at a place from their mean over the picture, in their standard
    deviation over all faces shown; each column has its own scale.
    """
    images = faces.images[:FACES].to(model.device)
    structure = model.encode_structure(images)
    mattes = model.masks(structure)
    names = [name for name, part in model.slices.items() if part.stop > part.start]
    columns = [as_pictures(images)]
    for name in names:
        columns.append(heat(_activation(structure[:, model.slices[name]], images.shape[-1])))
    rows = [list(row) for row in zip(*columns, strict=True)]
    figure, axes = picture_grid(rows, (), ["photo", *(f"{name} slice" for name in names)], breaks=(1,))
    for index, roi in enumerate(model.roi_names):
        for face, matte in enumerate(as_maps(mattes[roi])):
            outline(axes[face, 1 + names.index(roi)], matte, roi_colour(index))
    return figure


@torch.inference_mode()
@paper_style()
def responses_figure(model: L2SAE, faces: FaceBatch, seed: int) -> Figure:
    """Where each matte changes when one slice is perturbed: slices along the rows, mattes along the columns.

    The number is the change of the matte over that of the perturbed slice's own; off the diagonal, 0 is perfect.
    """
    images = faces.images.to(model.device)
    structure = model.encode_structure(images)
    responses = matte_responses(model, structure.cpu(), torch.Generator().manual_seed(seed))
    total = responses.sum(dim=(2, 3))
    rows = [list(_shades(responses[r], float(responses[r, r].max()))) for r in range(len(model.rois))]
    labels = [f"{name} slice" for name in model.roi_names]
    figure, axes = picture_grid(rows, labels, [f"{name} matte" for name in model.roi_names])
    for r in range(len(rows)):
        for c in range(len(rows)):
            share = float(total[r, c] / total[r, r]) if total[r, r] > 0 else 0.0
            axes[r, c].text(
                0.96, 0.04, f"{share:.2g}", transform=axes[r, c].transAxes, ha="right", va="bottom", color="white"
            )  # fmt: skip
    return figure


def heat(maps: Tensor) -> list[Picture]:
    """Maps (B, S, S), 0 or more, as pictures on one common scale from black to bright."""
    return _shades(maps, float(maps.max()))


def _shades(maps: Tensor, most: float) -> list[Picture]:
    scaled: NDArray[np.float64] = (maps.cpu() / max(most, 1e-12)).clamp(0, 1).double().numpy()
    return [(_HEAT(one)[..., :3] * 255).round().astype(np.uint8) for one in scaled]


def _activation(part: Tensor, size: int) -> Tensor:
    """How far the channels (B, c, h, w) of a slice are from their mean, (B, size, size)."""
    centred = (part - part.mean(dim=(2, 3), keepdim=True)) / part.std(dim=(0, 2, 3), keepdim=True).clamp(min=1e-6)
    distance = centred.square().mean(dim=1, keepdim=True).sqrt()
    return F.interpolate(distance, size=(size, size), mode="bilinear")[:, 0]
