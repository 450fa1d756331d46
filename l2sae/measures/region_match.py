"""Which of a model's regions make up each region of a data set, where the two are cut differently.

FASSEG counts brows as hair: its hair is the model's hair and brows together. A model that was trained on the data
set's own regions matches one to one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from l2sae.editing import Layer, Style
from l2sae.model import L2SAE
from l2sae.rois import Roi


@dataclass(frozen=True)
class RegionMatch:
    """Regions of a data set in terms of a model's.

    Attributes:
        names: of the data set's regions, in the order of its labels.
        members: for each of them, the indices of the model's regions that make it up.
        model_names: of the model's regions.
    """

    names: tuple[str, ...]
    members: tuple[tuple[int, ...], ...]
    model_names: tuple[str, ...]

    @property
    def equal(self) -> bool:
        """Whether the regions are the model's own."""
        return self.members == tuple((index,) for index in range(len(self.model_names)))

    def mattes(self, values: Tensor) -> Tensor:
        """The model's mattes (B, M, S, S) in [0, 1] as those of the data set's regions, (B, R, S, S)."""
        if self.equal:
            return values
        sums = [values[:, list(members)].sum(dim=1) for members in self.members]
        return torch.stack(sums, dim=1).clamp(max=1)

    def layer(self, r: int, style: Style, seed: int = 0) -> Layer:
        """The edit of the data set's region ``r``: all its members take the style on."""
        return Layer({self.model_names[member]: style for member in self.members[r]}, seed=seed)


def match_regions(model: L2SAE, rois: Sequence[Roi]) -> RegionMatch:
    """Match by parts: the model's regions that lie in each region, or, where none does, those that share a part.

    Raises:
        ValueError: a region shares no part with any of the model's; the message names it.
    """
    members = []
    for roi in rois:
        parts = set(roi.parts)
        inside = tuple(i for i, own in enumerate(model.rois) if set(own.parts) <= parts)
        touched = tuple(i for i, own in enumerate(model.rois) if set(own.parts) & parts)
        if not touched:
            raise ValueError(f"rois.{roi.name}: no region of the model has a part of it; leave it out of rois")
        members.append(inside or touched)
    return RegionMatch(tuple(roi.name for roi in rois), tuple(members), model.roi_names)
