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


DEFAULT_ROIS = (
    Roi(name="hair", channels=4, parts=("hair",)),
    Roi(name="skin", channels=4, parts=("skin", "neck", "l_ear", "r_ear")),
    Roi(name="brows", channels=4, parts=("l_brow", "r_brow")),
    Roi(name="eyes", channels=4, parts=("l_eye", "r_eye")),
    Roi(name="nose", channels=4, parts=("nose",)),
    Roi(name="lips", channels=4, parts=("u_lip", "l_lip")),
)
"""The regions of the default preset, in the parts of CelebAMask-HQ."""

SHORTHANDS = {"face": ("skin", "nose")}
"""Names that stand for several regions wherever regions are named."""


def expand_rois(names: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """The regions that ``names`` stand for, each once, in the order given.

    A shorthand stands for those of its regions that are known; a region of that name comes first.

    Args:
        names: regions or shorthands.
        known: the regions that there are.

    Raises:
        ValueError: a name that is neither; the message lists what there is.
    """
    expanded: dict[str, None] = {}
    for name in names:
        regions = (name,) if name in known else tuple(one for one in SHORTHANDS.get(name, ()) if one in known)
        if not regions:
            usable = [short for short, stands_for in SHORTHANDS.items() if set(stands_for) & set(known)]
            raise ValueError(f"unknown region {name}: there are {', '.join([*known, *usable])}")
        expanded |= dict.fromkeys(regions)
    return tuple(expanded)


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


def hair_and_skin(rois: Sequence[Roi]) -> tuple[int | None, int | None]:
    """The numbers of the ROIs of hair and of skin; None where there is none, or where hair and skin are one."""
    index = {part: number for number, roi in enumerate(rois) for part in roi.parts}
    hair, skin = index.get("hair"), index.get("skin")
    return hair, None if skin == hair else skin
