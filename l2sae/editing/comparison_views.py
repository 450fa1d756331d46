"""What a person judges an edit by: how well the model knows the photo, what has changed, and what outside the ROI."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from l2sae.editing.face_editor import Renderer
from l2sae.editing.references import shows
from l2sae.pictures.fidelity import psnr

VISIBLE_LEVELS = 2  # 8-bit levels; a smaller change is not seen


@dataclass(frozen=True)
class ReconstructionError:
    """The photo decoded without any edit, against the photo, at model resolution.

    Attributes:
        psnr: in dB, peak 1.0.
        levels: mean absolute difference in 8-bit levels.
        rois: the same for each ROI, weighted by its predicted matte; None where the photo does not show it.
    """

    psnr: float
    levels: float
    rois: dict[str, float | None]


@dataclass(frozen=True, eq=False)
class Outside:
    """Change outside the edited ROIs.

    Attributes:
        picture: (H, W, 3) uint8, the photo in grey with visible changes outside the ROIs in orange.
        share: of the outside pixels, those that changed by more than `VISIBLE_LEVELS`.
        largest: change in 8-bit levels outside the mattes altogether, where every matte is 0.
    """

    picture: NDArray[np.uint8]
    share: float
    largest: int


@torch.inference_mode()
def reconstruction_error(editor: Renderer) -> ReconstructionError:
    """Decode the photo's own latents and compare."""
    decoded = editor.model.decode(editor.latents.structure, editor.latents.style, editor.latents.mattes)
    gap = (decoded - editor.images) / 2
    per_pixel = gap.abs().mean(dim=1, keepdim=True) * 255
    rois = {
        roi: float((per_pixel * matte).sum() / matte.sum()) if bool(shows(matte).all()) else None
        for roi, matte in editor.mattes().items()
    }
    return ReconstructionError(float(psnr(decoded, editor.images)), float(per_pixel.mean()), rois)


def difference(before: NDArray[np.uint8], after: NDArray[np.uint8], gain: float = 4.0) -> NDArray[np.uint8]:
    """Signed change of (H, W, 3) uint8 pictures around mid-grey, magnified ``gain`` times."""
    change = after.astype(np.float32) - before
    return np.clip(np.round(128 + gain * change), 0, 255).astype(np.uint8)


def outside_change(before: NDArray[np.uint8], after: NDArray[np.uint8], inside: NDArray[np.float32]) -> Outside:
    """Change where ``inside`` (H, W) in [0, 1], the strongest matte of the edit, is below one half."""
    change = np.abs(after.astype(np.int16) - before).max(axis=2)
    outside = inside < 0.5
    visible = outside & (change > VISIBLE_LEVELS)
    grey = before.mean(axis=2, keepdims=True) * 0.6 + 60
    picture = np.repeat(np.where(outside[..., None], grey, 0.5 * grey), 3, axis=2)
    picture[visible] = (230, 159, 0)
    share = float(visible.sum() / max(1, outside.sum()))
    return Outside(picture.round().astype(np.uint8), share, int(change[inside == 0].max(initial=0)))
