"""The placement of a face's surroundings, which the looser crop of the whole head shows."""

from functools import cached_property

import torch
from torch import Tensor

from l2sae.editing.canvas import Canvas
from l2sae.editing.edit_layers import MattePicture
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.placement import Placement
from l2sae.editing.resolution import Matte
from l2sae.editing.whole_head import HeadFrame, keep_linked, reaches_border
from l2sae.model import L2SAE
from l2sae.pictures.conversions import to_model
from l2sae.pictures.crops import CropTransform


class HeadCrop:
    """The looser crop of a photo; encoded when something leaves the face's crop, and then once for all sizes."""

    def __init__(self, model: L2SAE, canvas: Canvas, crop: CropTransform) -> None:
        self._model, self._canvas, self._crop = model, canvas, crop

    @cached_property
    def face(self) -> EncodedFace:
        """What the model makes of it."""
        images = to_model(self._canvas.cut(self._crop), self._model.image_size)
        return EncodedFace(self._model, images.to(self._model.device), surroundings=True)


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


def beyond(inner: Placement, head: HeadCrop, crop: CropTransform) -> HeadPlacement:
    """The placement of the looser crop around the face that lies on a photo as ``inner``."""
    with torch.inference_mode():
        return HeadPlacement(head.face, inner, crop)
