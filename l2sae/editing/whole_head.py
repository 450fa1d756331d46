"""Long hair and whatever else leaves a face's crop is edited through a second, looser crop around the first."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import skimage
import torch
from scipy import ndimage
from torch import Tensor
from torch.nn import functional as F

from l2sae.editing.canvas import Canvas
from l2sae.editing.edit_layers import MattePicture
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.placement import Placement
from l2sae.editing.resolution import Matte
from l2sae.pictures.conversions import to_model
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.frames import FADE, CropFrame, faded

LINKED = 0.1  # mattes above this link what lies outside the face's crop to what lies inside
SOFTNESS = 1.0  # pixels at model resolution, of the border between what stays and what goes
_GOES_ON, _ENDS = 1, 2


@dataclass(frozen=True)
class HeadFrame(CropFrame):
    """The looser crop of a photo, where mattes fade in as those of the face's crop, ``inner``, fade out."""

    inner: CropTransform

    def fade(self, start: int, stop: int) -> Tensor:
        """Factor (1, 1, h, w) of mattes; it and that of the face's crop sum to 1 except at the looser crop's border."""
        return super().fade(start, stop) * (1 - faded(self.places(start, stop, self.inner)))


def reaches_border(matte: Tensor) -> bool:
    """Whether a matte (B, 1, S, S) reaches the rim of its crop, where it fades out."""
    rim = max(1, round(FADE * matte.shape[-1]))
    inside = F.pad(torch.zeros_like(matte[..., rim:-rim, rim:-rim]), [rim] * 4, value=1.0)
    return bool((matte * inside > 0.5).any())


def keep_linked(matte: Tensor, head: CropTransform, inner_matte: Tensor, inner: CropTransform) -> Tensor:
    """A matte of the looser crop, as far as it goes on from what the face's own matte shows.

    The face's crop shows the face larger, so its matte is more certain. A watershed (Meyer 1994, as in scikit-image)
    joins each place outside to a place on the border of that crop. The place stays where the face's own matte is above
    one half there. Otherwise it is dropped, as are walls of the hair's colour and other heads.

    Args:
        matte: (1, 1, S, S) in [0, 1] over ``head``.
        head: the looser crop.
        inner_matte: (1, 1, S, S) in [0, 1] over ``inner``.
        inner: the face's crop.
    """
    size = matte.shape[-1]
    places = inner.to_crop(head.pixels(size)) * 2 - 1
    grid = torch.from_numpy(places).to(matte).reshape(1, size, size, 2)
    own = F.grid_sample(inner_matte, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    inside = np.abs(places).max(axis=1).reshape(size, size) < 1 - 2 * FADE  # short of where the own matte fades out
    markers = np.where(inside, np.where(own[0, 0].cpu().numpy() > 0.5, _GOES_ON, _ENDS), 0)
    outer = matte[0, 0].cpu().numpy()
    basins = skimage.segmentation.watershed(1 - outer, markers, mask=inside | (outer > LINKED))
    kept = ndimage.gaussian_filter((basins == _GOES_ON).astype(np.float32), SOFTNESS)
    return matte * torch.from_numpy(kept).to(matte)


class HeadCrop:
    """The looser crop of a photo; encoded when something leaves the face's crop, and then once for all sizes."""

    def __init__(self, inner: EncodedFace, canvas: Canvas, crop: CropTransform) -> None:
        self._inner, self._canvas, self._crop = inner, canvas, crop

    @cached_property
    def face(self) -> EncodedFace:
        """What the model makes of it."""
        model = self._inner.model
        images = to_model(self._canvas.cut(self._crop), model.image_size).to(model.device)
        return EncodedFace(model, images, around=self._inner, keeps_light=self._inner.keeps_light)


class HeadPlacement(Placement):
    """Where the looser crop lies on a photo. It edits what leaves the face's own crop, ``inner``."""

    def __init__(self, face: EncodedFace, inner: Placement, crop: CropTransform) -> None:
        assert inner.crop is not None  # noqa: S101 # for the type checker: only a face that was found has a head
        super().__init__(face, inner.canvas, crop)
        self.frame = HeadFrame(*inner.canvas.size, crop, inner.crop)
        self._inner, self._head, self._face_crop = inner, crop, inner.crop
        self._linked: dict[str, Tensor] = {}

    def matte(self, roi: str, given: MattePicture | None) -> tuple[Tensor, Matte] | None:
        """The ROI's matte; None where nothing of the ROI leaves the face's crop."""
        if not leaves_crop(self._inner, roi, given):
            return None
        return super().matte(roi, given) if given is not None else (self.small(roi), self.predicted(roi))

    def small(self, roi: str) -> Tensor:
        """The predicted matte at model resolution, as far as it hangs together with that of the face's crop."""
        if roi not in self._linked:
            inner = self._inner.face.mattes[roi]
            self._linked[roi] = keep_linked(self.face.mattes[roi], self._head, inner, self._face_crop)
        return self._linked[roi]


def leaves_crop(inner: Placement, roi: str, given: MattePicture | None) -> bool:
    """Whether an ROI reaches beyond the face's crop, as predicted there or in a matte of the photo's size."""
    if given is not None:
        return tuple(given.shape[-2:]) == inner.canvas.size
    return reaches_border(inner.face.mattes[roi])
