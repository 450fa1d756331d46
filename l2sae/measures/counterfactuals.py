"""Swaps against the truth: the renderer draws the content face with the reference's style of one region.

No photo set has such pictures. Each method edits the same faces: the model in both compositions; ``detail`` as photos
are edited, with the reference in the light of the content and eyes by their irises (``in_light``); Reinhard's colour
transfer in the same mattes; and nothing at all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.color import deltaE_ciede2000
from torch import Tensor

from l2sae.editing import FaceEditor, Swap
from l2sae.measures.baselines import lab_statistics, reinhard_edit
from l2sae.measures.figures_from_sums import counterfactual_figures
from l2sae.measures.parallel import batches, side_by_side
from l2sae.measures.patch_distance import patch_distance
from l2sae.measures.reconstruction import eight_bit, resized
from l2sae.measures.region_edits import RegionEdits
from l2sae.measures.region_match import match_regions
from l2sae.measures.regions import RegionPixels, one_hot, to_lab
from l2sae.measures.running_sums import Array, Tally
from l2sae.model import L2SAE
from l2sae.params import Params
from l2sae.pictures.conversions import to_model
from l2sae.pictures.fidelity import decibels
from l2sae.render.counterfactual import Counterfactuals, render_counterfactual
from l2sae.render.factors import STYLE_FACTORS

METHODS = ("detail", "in_light", "replace", "reinhard", "none")
FACES = 48  # content faces; each with every region
BATCH = 8
VISIBLE = 5.0  # mean CIEDE2000 from which the truth counts as visibly another picture than the content
Light = Literal["own", "other"]
KEYS: dict[Light, str] = {"own": "style.counterfactual", "other": "style.counterfactual_relit"}
"""Light under which the reference is seen -> keys of the figures."""


@dataclass(frozen=True)
class EditedTriples:
    """Counterfactuals of one region, and what each method makes of the content: method -> (N, 3, H, W)."""

    triples: Counterfactuals
    edits: dict[str, Tensor]


def styled_regions(params: Params) -> list[str]:
    """Regions that the renderer can restyle."""
    return [roi.name for roi in params.rois if any(part in STYLE_FACTORS for part in roi.parts)]


def edited_triples(
    model: L2SAE, params: Params, indices: Sequence[int], rois: Sequence[str], size: int, light: Light = "own"
) -> Iterator[EditedTriples]:
    """Triples of each region in turn, and the edits of them; nobody was trained on these faces.

    Args:
        model: in evaluation mode.
        params: ``data``, ``rois`` and ``seed`` say what to render.
        indices: consecutive numbers of the faces, counted from the first that was not prepared.
        rois: regions.
        size: side of the pictures.
        light: under which the reference is seen.
    """
    editors: dict[str, FaceEditor] = {}
    match = match_regions(model, params.rois)
    for roi in rois:
        triples = render_counterfactual(
            len(indices), size, params.seed, roi, rois=params.rois, start=params.data.count + indices[0], light=light
        )
        content, reference = (eight_bit(p).to(model.device) for p in (triples.content, triples.reference))
        if not editors:  # content and reference are the same for every region
            editor = FaceEditor(model, content)
            lit = FaceEditor(model, content, latents=editor.latents, keeps_light=True)
            editors = {"detail": editor, "in_light": lit, "replace": editor}
            latents = model.encode(to_model(reference, model.image_size))
            swap = Swap(latents.style)
            lab = to_lab(content)
            mattes = match.mattes(resized(torch.cat(list(editor.mattes().values()), dim=1), size))
            own = lab_statistics(lab, mattes)
            other = lab_statistics(to_lab(reference), match.mattes(resized(latents.mattes, size)))
        r = match.names.index(roi)
        edits = {
            name: eight_bit(one.render([match.layer(r, swap)], "replace" if name == "replace" else "detail"))
            for name, one in editors.items()
        }
        edits["reinhard"] = reinhard_edit(content, lab, mattes[:, [r]], own[:, r], other[:, r])
        yield EditedTriples(triples, edits | {"none": content})


def measure_counterfactuals(model: L2SAE, params: Params, count: int, size: int, light: Light) -> dict[str, Array]:
    """Columns of statistics of ``count`` content faces, (count, R) each.

    ``psnr.<method>`` in dB and ``delta_e.<method>``, mean CIEDE2000, inside the true region; ``patches.<method>``, the
    patch distance to the truth; ``distance.<method>``, of the region's mean CIELAB colour to the reference's, for the
    truth as well. Pairs whose truth hardly differs from the content, or that do not show the region, are left out.
    """
    rois = styled_regions(params)

    def measure(indices: tuple[int, ...]) -> dict[str, Tensor]:
        found: dict[str, list[Tensor]] = {}
        for one in edited_triples(model, params, indices, rois, size, light):
            for name, values in _against_truth(one, params).items():
                found.setdefault(name, []).append(values)
        return {name: torch.stack(values, dim=1) for name, values in found.items()}

    tally = Tally()
    for columns in side_by_side(measure, batches(count, BATCH), model.device):
        tally.add_all(columns)
    return tally.columns()


def counterfactuals(model: L2SAE, params: Params, count: int, size: int) -> dict[str, Any]:
    """``style.counterfactual`` and ``style.counterfactual_relit`` with their intervals, nested.

    Args:
        model: in evaluation mode.
        params: ``data``, ``rois``, ``evaluate`` and ``seed`` are used.
        count: content faces.
        size: side of the pictures.
    """
    figures: dict[str, Any] = {"style": {}, "ci": {"style": {}}}
    for light, prefix in KEYS.items():
        columns = measure_counterfactuals(model, params, count, size, light)
        rois = styled_regions(params)
        found = counterfactual_figures(columns, rois, METHODS, prefix, params.evaluate.bootstrap, params.seed)
        figures["style"] |= found["style"]
        figures["ci"]["style"] |= found.get("ci", {}).get("style", {})
    return figures


def visibly_other(one: EditedTriples, params: Params) -> Tensor:
    """Which triples (N,) count: both faces show the region, and the truth is visibly another picture."""
    scored = _Scores(one, params)
    return one.triples.shown & (scored.of(one.edits["none"])["delta_e"].cpu() >= VISIBLE)


class _Scores:
    """Scores pictures of one region against its truth."""

    def __init__(self, one: EditedTriples, params: Params) -> None:
        r = [roi.name for roi in params.rois].index(one.triples.roi[0])
        content = one.edits["none"]
        truth = eight_bit(one.triples.truth).to(content)
        self.edits = RegionEdits(content, one_hot(one.triples.labels, len(params.rois))[:, [r]].to(content.device))
        self.pixels = self.edits.inside[0]
        self.truth, self.true_pixels = truth, self.pixels.take(truth)
        self.true_lab = _numpy(to_lab(self.true_pixels))
        self.true_patches = self._patches(truth)
        shown = RegionPixels(one.triples.reference_mattes[one.triples.roi[0]].to(content.device) > 0.5)
        self.wanted = shown.means(to_lab(shown.take(eight_bit(one.triples.reference).to(content))))

    def _patches(self, images: Tensor) -> Tensor:
        return self.edits.detail(self.edits.crop(images, 0), 0).patches

    def of(self, edited: Tensor) -> dict[str, Tensor]:
        """PSNR, mean CIEDE2000 and patch distance, (N,) each; NaN where the region is absent."""
        taken = self.pixels.take(edited)
        error = self.pixels.means(((taken - self.true_pixels) / 2).square()).mean(dim=1)
        apart = torch.from_numpy(deltaE_ciede2000(_numpy(to_lab(taken)), self.true_lab)).to(taken)
        return {
            "psnr": decibels(error, 3 * self.pixels.count),
            "delta_e": self.pixels.means(apart[:, None, None, None])[:, 0],
            "patches": patch_distance(self._patches(edited), self.true_patches),
            "distance": self.distance(edited),
        }

    def distance(self, images: Tensor) -> Tensor:
        """Distance (N,) of the region's mean colour to the reference's."""
        return self.edits.distance(images, 0, self.wanted)


def _against_truth(one: EditedTriples, params: Params) -> dict[str, Tensor]:
    """Statistics (N,) of one region's edits; NaN where the truth is not visibly another picture."""
    scores = _Scores(one, params)
    found: dict[str, Tensor] = {}
    for method, edited in one.edits.items():
        found |= {f"{name}.{method}": values for name, values in scores.of(edited).items()}
    found["distance.truth"] = scores.distance(scores.truth)
    apart = found["delta_e.none"]
    counts = one.triples.shown.to(apart.device) & (apart >= VISIBLE)
    return {name: torch.where(counts, values, torch.nan) for name, values in found.items()}


def _numpy(pixels: Tensor) -> NDArray[np.float64]:
    return pixels.flatten(1).cpu().double().numpy()
