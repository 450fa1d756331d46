"""What swaps and noise edits of single ROIs do, measured on one batch of photos at a time.

Every edit is rendered by :class:`l2sae.editing.FaceEditor`, as for a user, and rounded to 8 bits. The decoded pictures
are shared by the ROIs and compositions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from itertools import combinations

import torch
from torch import Tensor

from l2sae.editing import FaceEditor, Layer, Noise, Style, Swap
from l2sae.editing.compose import COMPOSITIONS
from l2sae.measures.baselines import lab_statistics, reinhard_edit
from l2sae.measures.patch_distance import patch_distance, patch_profile
from l2sae.measures.reconstruction import eight_bit, resized
from l2sae.measures.region_edits import RegionDetail, RegionEdits, hue_error, region_box, where_visible
from l2sae.measures.region_match import RegionMatch
from l2sae.measures.regions import edge_strength, overlap_counts, region_means, texture, to_lab
from l2sae.measures.running_sums import RunningSums
from l2sae.model import L2SAE, Latents


@dataclass(frozen=True)
class FaceStatistics:
    """What is kept of every image for the pairs; NaN where a ROI is absent.

    Attributes:
        style: (N, D).
        colour: mean CIELAB colour of the true ROIs, (N, R, 3).
        texture: spread and mean gradient of L* in the true ROIs, (N, R, 2).
        patches: profile of the patches in the true ROIs, (N, R, 3, 16, 32).
        matched: mean and standard deviation of CIELAB in the predicted mattes, (N, R, 2, 3).
    """

    style: Tensor
    colour: Tensor
    texture: Tensor
    patches: Tensor
    matched: Tensor

    @cached_property
    def swap(self) -> Swap:
        """The swap to these styles: one object, so that an editor decodes it once for all ROIs."""
        return Swap(self.style)

    def at(self, indices: Tensor) -> "FaceStatistics":
        """The statistics of the images at ``indices``."""
        return FaceStatistics(*(getattr(self, field.name)[indices] for field in fields(self)))

    @classmethod
    def joined(cls, parts: Sequence["FaceStatistics"]) -> "FaceStatistics":
        """The statistics of all batches, one after the other."""
        return cls(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(cls)))


class SwapMeasurement:
    """One batch of photos with true regions; measures edits of it into running sums.

    Args:
        model: makes the edits.
        photos: (B, 3, S, S) in [-1, 1] at the figures' size.
        regions: true ROIs, (B, R, S, S) bool.
        compose: the default composition.
        match: the regions, in terms of the model's.
        latents: those of the photos, where they have been encoded before.
    """

    def __init__(
        self,
        model: L2SAE,
        photos: Tensor,
        regions: Tensor,
        compose: str,
        match: RegionMatch,
        latents: Latents | None = None,
    ) -> None:
        self.model, self.photos, self.compose, self.match = model, photos, compose, match
        self.editor = FaceEditor(model, photos, latents=latents)
        self.edits = RegionEdits(photos, regions)
        self.lab = to_lab(photos)
        rois = range(regions.shape[1])
        self.details = [self.edits.detail(self.edits.crop(photos, r), r) for r in rois]
        mattes = torch.cat(list(self.editor.mattes().values()), dim=1)
        self.mattes = match.mattes(resized(mattes, photos.shape[-1]))

    def measure_pair(
        self, own: FaceStatistics, other: FaceStatistics, recoded: Tensor | None, sums: RunningSums
    ) -> None:
        """Swap in the styles of ``other``, ROI by ROI and in both compositions.

        Args:
            own: statistics of the photos.
            other: statistics of their references.
            recoded: (B,), index of the ROI whose edit of each photo is encoded again; None encodes none.
            sums: receives (B, R) values by name.
        """
        before = (own.colour - other.colour).norm(dim=-1)
        rows = []
        again = self.photos
        for r in range(len(self.match.names)):
            row: dict[str, Tensor] = {}
            for compose in COMPOSITIONS:
                edited = self._render(r, other.swap, compose)
                colour = self.edits.colour(edited, r)
                row[f"distance_after_{compose}"] = (colour - other.colour[:, r]).norm(dim=-1)
                if compose == self.compose:
                    row |= self._measure_edit(edited, colour, r, other, patches=recoded is not None)
                    if recoded is not None:
                        again = torch.where((recoded == r)[:, None, None, None], edited, again)
            rows.append(row | self._measure_reinhard(r, own, other, patches=recoded is not None))
        stacked = {name: torch.stack([row[name] for row in rows], dim=1) for name in rows[0]}
        stacked |= {"distance_before": before, "texture_before": (own.texture - other.texture).norm(dim=-1)}
        if recoded is not None:
            sums.add("edited", self._recoded_overlap(again))
            stacked["patches_before"] = patch_distance(own.patches, other.patches)
        for name, values in stacked.items():
            if name.startswith("hue"):
                sums.keep(name, values)
            else:
                of_pair = name.startswith(("distance", "texture", "patches"))
                sums.add(name, where_visible(values, before) if of_pair else values)

    def measure_noise(self, sigma: float, seeds: Sequence[int], sums: RunningSums) -> None:
        """Mean CIELAB distance in each ROI between noise edits with different ``seeds``."""
        style = Noise(sigma)
        distances = []
        for r in range(len(self.match.names)):
            pixels = self.edits.inside[r]
            labs = [to_lab(pixels.take(self._render(r, style, self.compose, seed))) for seed in seeds]
            apart = [(a - b).square().sum(dim=1, keepdim=True).sqrt() for a, b in combinations(labs, 2)]
            distances.append(pixels.means(torch.stack(apart).mean(dim=0))[:, 0])
        sums.add("diversity", torch.stack(distances, dim=1))

    def _render(self, r: int, style: Style, compose: str, seed: int = 0) -> Tensor:
        return eight_bit(self.editor.render([self.match.layer(r, style, seed)], compose))

    def _measure_edit(
        self, edited: Tensor, colour: Tensor, r: int, other: FaceStatistics, patches: bool
    ) -> dict[str, Tensor]:
        """Style, edges and locality of one edit, whose ROI has the mean ``colour`` (B, 3)."""
        made = self.edits.detail(self.edits.crop(edited, r), r)
        edges = made.edge_correlation(self.details[r])
        return self._style(made, colour, r, other, "", patches) | {"edges": edges, **self.edits.changes(edited, r)}

    def _measure_reinhard(self, r: int, own: FaceStatistics, other: FaceStatistics, patches: bool) -> dict[str, Tensor]:
        """Style after colour statistics were matched inside the predicted matte."""
        photos, lab, matte = (self.edits.crop(values, r) for values in (self.photos, self.lab, self.mattes[:, [r]]))
        edited = reinhard_edit(photos, lab, matte, own.matched[:, r], other.matched[:, r])
        made = self.edits.detail(edited, r)
        distance = (made.colour - other.colour[:, r]).norm(dim=-1)
        return self._style(made, made.colour, r, other, "_reinhard", patches) | {"distance_after_reinhard": distance}

    def _style(
        self, made: RegionDetail, colour: Tensor, r: int, other: FaceStatistics, method: str, patches: bool
    ) -> dict[str, Tensor]:
        found = {
            f"texture_after{method}": (made.texture - other.texture[:, r]).norm(dim=-1),
            f"hue{method}": hue_error(colour, other.colour[:, r]),
        }
        if patches:
            found[f"patches_after{method}"] = patch_distance(made.patches, other.patches[:, r])
        return found

    def _recoded_overlap(self, edited: Tensor) -> Tensor:
        images = resized(edited, self.model.image_size)
        mattes = torch.sigmoid(self.model.mask_logits(self.model.encode_structure(images)))
        found = self.match.mattes(resized(mattes, edited.shape[-1]))
        return overlap_counts(found > 0.5, self.edits.regions)

    def change_outside_given(self, other: FaceStatistics, r: int) -> float:
        """Largest change outside, in 8-bit levels, of a swap of ROI ``r`` with its true matte."""
        roi = self.match.model_names[self.match.members[r][0]]
        layer = Layer({roi: other.swap}, mattes={roi: self.edits.regions[:, [r]].float()})
        return self.edits.largest_outside(eight_bit(self.editor.render([layer], self.compose)), r)


def face_statistics(style: Tensor, photos: Tensor, regions: Tensor, mattes: Tensor) -> FaceStatistics:
    """What pairs need to know of each face.

    Args:
        style: (B, D).
        photos: (B, 3, S, S) in [-1, 1].
        regions: true ROIs, (B, R, S, S) bool.
        mattes: predicted, (B, R, S, S) in [0, 1].
    """
    lab = to_lab(photos)
    patches = []
    for r in range(regions.shape[1]):
        rows, columns = region_box(regions[:, [r]])
        patches.append(patch_profile(lab[..., rows, columns], regions[:, [r], rows, columns]))
    return FaceStatistics(
        style,
        region_means(lab, regions),
        texture(lab, edge_strength(lab), regions),
        torch.stack(patches, dim=1),
        lab_statistics(lab, mattes),
    )
