"""The paper's figures: what the model reconstructs, segments and edits. Each function returns one figure.

All edits go through ``l2sae.editing.edit``, so that the figures show what a user gets. Faces and references are the
first faces of the test split that show every ROI. Face i takes the style of face i + 1, and the last face that of the
first, where nothing else is said. References enter as style vectors. A row about one small ROI shows it close up.
"""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from l2sae.data import FaceBatch
from l2sae.editing import Noise, Swap, edit
from l2sae.figures.drawing import outline, paper_style, picture_grid, roi_legend
from l2sae.model import L2SAE
from l2sae.pictures.display import Picture, as_maps, as_pictures, label_mattes, roi_colour, tinted

SIGMAS = (0.5, 1.0, 1.5, 2.0)
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
ERROR_GAIN = 4
_GROUPS = 3  # pairs in each row of the swap figure
_ROOM = 1.8  # side of a close-up over the extent of its ROI

Window = tuple[slice, slice, slice]


@torch.inference_mode()
@paper_style()
def reconstruction_figure(model: L2SAE, faces: FaceBatch) -> Figure:
    """Photos, reconstructions, their difference (amplified), predicted mattes and true labels, face by face."""
    images = faces.images.to(model.device)
    latents = model.encode(images)
    output = model.decode(latents.structure, latents.style, latents.mattes)
    error = ERROR_GAIN * (output - images).abs() - 1
    photos = as_pictures(images)
    mattes = [as_maps(matte) for matte in model.masks(latents.structure).values()]
    truth = label_mattes(faces.labels, len(model.rois))
    figure, _ = picture_grid(
        [
            photos,
            as_pictures(output),
            as_pictures(error),
            [tinted(photo, [roi[i] for roi in mattes]) for i, photo in enumerate(photos)],
            [tinted(photo, masks) for photo, masks in zip(photos, truth, strict=True)],
        ],
        rows=["photo", "reconstruction", f"difference × {ERROR_GAIN}", "mattes", "true labels"],
        footer=0.2,
    )
    roi_legend(figure, model.roi_names)
    return figure


@torch.inference_mode()
@paper_style()
def swap_figure(model: L2SAE, faces: FaceBatch, compose: str) -> Figure:
    """Local swaps, a row for each ROI: photo with the outline of the matte, reference, edit; three pairs."""
    images = faces.images.to(model.device)
    latents = model.encode(images)
    mattes = model.masks(latents.structure)
    rows, outlines = [], []
    for r, roi in enumerate(model.roi_names):
        content = [(r * _GROUPS + g) % len(images) for g in range(_GROUPS)]
        others = [(index + 1 + r % (len(images) - 1)) % len(images) for index in content]
        edited = edit(model, images[content], rois=(roi,), style=Swap(latents.style[others]), compose=compose)
        near, far = ([close_up(faces.labels[index] == r + 1) for index in chosen] for chosen in (content, others))
        triples = [(images[i][near[g]], images[j][far[g]], edited[g][near[g]]) for g, (i, j) in _pairs(content, others)]
        rows.append([_picture(one) for triple in triples for one in triple])
        outlines.append([mattes[roi][i][near[g]][0].cpu().numpy() for g, (i, _) in _pairs(content, others)])
    columns = ["photo", "reference", "edit"] * _GROUPS
    figure, axes = picture_grid(rows, model.roi_names, columns, breaks=range(3, 3 * _GROUPS, 3))
    for r, of_row in enumerate(outlines):
        for g, matte in enumerate(of_row):
            outline(axes[r, 3 * g], matte, roi_colour(r))
    return figure


@torch.inference_mode()
@paper_style()
def noise_figure(model: L2SAE, faces: FaceBatch, compose: str, seed: int) -> Figure:
    """Noise on the style of one ROI, a row each: growing sigma, under two seeds."""
    images = faces.images.to(model.device)
    rows = []
    for r, roi in enumerate(model.roi_names):
        index = r % len(images)
        photo, near = images[[index]], close_up(faces.labels[index] == r + 1)
        edits = [
            edit(model, photo, rois=(roi,), style=Noise(sigma), compose=compose, seed=one)
            for one in (seed, seed + 1)
            for sigma in SIGMAS
        ]
        rows.append([_picture(one[0][near]) for one in (photo, *edits)])
    names = [f"σ = {sigma:g}" for sigma in SIGMAS]
    return picture_grid(rows, model.roi_names, ["photo", *names, *names], breaks=(1, 1 + len(SIGMAS)))[0]


@torch.inference_mode()
@paper_style()
def several_rois_figure(model: L2SAE, faces: FaceBatch, compose: str) -> Figure:
    """One reference for more and more ROIs at once, in their order, up to all of them."""
    images, references, styles = _with_references(model, faces)
    columns = [as_pictures(images), as_pictures(references)]
    for count in range(1, len(model.rois) + 1):
        edited = edit(model, images, rois=model.roi_names[:count], style=Swap(styles), compose=compose)
        columns.append(as_pictures(edited))
    names = ["photo", "reference", model.roi_names[0], *(f"+ {name}" for name in model.roi_names[1:])]
    return picture_grid(_transposed(columns), (), names, breaks=(2,))[0]


@torch.inference_mode()
@paper_style()
def composition_figure(model: L2SAE, faces: FaceBatch) -> Figure:
    """``replace`` against ``detail`` for an edit of all ROIs at once, whole and enlarged around the middle."""
    images, references, styles = _with_references(model, faces)
    edited = [
        edit(model, images, rois=model.roi_names, style=Swap(styles), compose=compose)
        for compose in ("replace", "detail")
    ]
    size = images.shape[-1]
    near = slice(size // 4, size - size // 4)
    columns = [as_pictures(one) for one in (images, references, *edited)]
    columns += [as_pictures(one[..., near, near]) for one in (images, *edited)]
    names = ["photo", "reference", "replace", "detail", "photo × 2", "replace × 2", "detail × 2"]
    return picture_grid(_transposed(columns), (), names, breaks=(2, 4))[0]


@torch.inference_mode()
@paper_style()
def strength_figure(model: L2SAE, faces: FaceBatch, compose: str) -> Figure:
    """Swaps of one ROI, a row each, from strength 0 to 1."""
    images, references, styles = _with_references(model, faces)
    rows = []
    for r, roi in enumerate(model.roi_names):
        index = r % len(images)
        photo, style = images[[index]], Swap(styles[[index]])
        near, far = (close_up(faces.labels[i % len(images)] == r + 1) for i in (index, index + 1))
        sweep = [
            edit(model, photo, rois=(roi,), style=style, strength=strength, compose=compose) for strength in STRENGTHS
        ]
        rows.append([*(_picture(one[0][near]) for one in sweep), _picture(references[index][far])])
    names = [f"{strength:g}" for strength in STRENGTHS]
    return picture_grid(rows, model.roi_names, [*names, "reference"], breaks=(len(STRENGTHS),))[0]


def _with_references(model: L2SAE, faces: FaceBatch) -> tuple[Tensor, Tensor, Tensor]:
    """Photos, the next face for each, and its style vectors."""
    images = faces.images.to(model.device)
    references = images.roll(-1, dims=0)
    return images, references, model.encode(references).style


def close_up(region: Tensor) -> Window:
    """The square of a picture (C, S, S) around a ROI, (S, S) bool, with room to see what is next to it."""
    size = region.shape[-1]
    rows, columns = region.nonzero(as_tuple=True)
    if not len(rows):
        return (slice(None), slice(0, size), slice(0, size))
    extent = max(int(rows.max() - rows.min()), int(columns.max() - columns.min()))
    side = min(size, max(int(_ROOM * extent), size // 3))
    top, left = (min(max(int(at.min() + at.max() - side) // 2, 0), size - side) for at in (rows, columns))
    return (slice(None), slice(top, top + side), slice(left, left + side))


def _picture(image: Tensor) -> Picture:
    return as_pictures(image[None])[0]


def _pairs(content: Sequence[int], others: Sequence[int]) -> list[tuple[int, tuple[int, int]]]:
    return list(enumerate(zip(content, others, strict=True)))


def _transposed(columns: Sequence[Sequence[Picture]]) -> list[list[Picture]]:
    return [list(row) for row in zip(*columns, strict=True)]
