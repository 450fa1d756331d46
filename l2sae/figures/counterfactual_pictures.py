"""Swaps beside the truth: content, reference, true picture, and what each method makes of the content."""

from collections.abc import Sequence

import torch
from matplotlib.figure import Figure

from l2sae.figures.drawing import paper_style, picture_grid
from l2sae.figures.edit_pictures import close_up
from l2sae.figures.metric_plots import METHODS as STYLES
from l2sae.measures.counterfactuals import METHODS, EditedTriples, edited_triples, styled_regions, visibly_other
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.display import Picture, as_pictures

_SEARCHED = 8  # faces, among which one whose style visibly changes is looked for
_COLUMNS = ("content", "reference", "truth", *(STYLES[name][0] for name in METHODS if name != "none"))


@paper_style()
@torch.inference_mode()
def counterfactual_figure(model: L2SAE, params: Params, size: int = 128, rois: Sequence[str] | None = None) -> Figure:
    """One row a region: a rendered face, not prepared, whose truth differs visibly from it.

    Args:
        model: in evaluation mode.
        params: ``data``, ``rois`` and ``seed`` say what to render.
        size: side of the pictures.
        rois: regions; default: all that have a style.
    """
    chosen = list(rois or styled_regions(params))
    rows: list[list[Picture]] = []
    for place, one in enumerate(edited_triples(model, params, range(_SEARCHED), chosen, size)):
        able = visibly_other(one, params).roll(-place)  # another face in each row
        rows.append(_row(one, (int(able.float().argmax()) + place) % _SEARCHED))
    return picture_grid(rows, columns=_COLUMNS, rows=chosen)[0]


def _row(one: EditedTriples, face: int) -> list[Picture]:
    """Pictures of one face; a small region close up."""
    _, rows, columns = close_up(one.triples.matte[face, 0] > 0.5)
    shown = [one.triples.content, one.triples.reference, one.triples.truth]
    shown += [one.edits[method] for method in METHODS if method != "none"]
    pictures = [as_pictures(images[face : face + 1])[0] for images in shown]
    return [picture if place == 1 else picture[rows, columns] for place, picture in enumerate(pictures)]
