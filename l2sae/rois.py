"""The regions of interest (ROIs) and the channel slices of the structure tensor that belong to them."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

RoiName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
RESERVED_NAMES = ("background", "context", "mean", "pairs")  # label 0, the last slice, keys of the metric files


class Roi(BaseModel):
    """One region of interest: its name, the width of its slice, and the annotated parts that make it up."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: RoiName
    channels: int = Field(ge=1, description="channels of the structure tensor that belong to this ROI")
    parts: tuple[str, ...] = Field(min_length=1, strict=False, description="part names of the label scheme")


def roi_slices(rois: Sequence[Roi], context_channels: int) -> dict[str, slice]:
    """Map each ROI, then ``"context"``, to its channels of the structure tensor, in the order of ``rois``."""
    slices, start = {}, 0
    for name, width in [(roi.name, roi.channels) for roi in rois] + [("context", context_channels)]:
        slices[name] = slice(start, start + width)
        start += width
    return slices


def roi_labels(rois: Sequence[Roi]) -> dict[str, int]:
    """Map each ROI to its id in prepared label maps: 1, 2, ... in order; 0 is everything else."""
    return {roi.name: index for index, roi in enumerate(rois, start=1)}
