"""Where an encoded face lies on a picture: its mattes and fields are brought to the picture's own pixels."""

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing.canvas import Canvas
from l2sae.editing.compose import STRIP_PIXELS, Effect
from l2sae.editing.edit_layers import MattePicture
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.references import shows
from l2sae.editing.resolution import (
    GUIDE_SIDE,
    MIN_MATTE,
    Guide,
    Matte,
    fit_field,
    guided_matte,
    make_guide,
    square_matte,
)
from l2sae.pictures.conversions import to_model
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError, FaceNotFoundError
from l2sae.pictures.frames import CropFrame, Frame


class Placement:
    """A face on a canvas.

    Attributes:
        face: at model resolution.
        canvas: the picture.
        crop: the square of a photo that holds the face; None takes the whole picture as a face crop.
        frame: the same, with the picture's size.
    """

    def __init__(self, face: EncodedFace, canvas: Canvas, crop: CropTransform | None) -> None:
        self.face, self.canvas, self.crop = face, canvas, crop
        self.frame = Frame(*canvas.size) if crop is None else CropFrame(*canvas.size, crop)
        self._fitted: dict[str, Matte] = {}

    def effect(self, field: Tensor, matte: Matte) -> Effect:
        """What happens to the picture, of a field (B, C, S, S) at model resolution."""
        device = self.canvas.pixels.device
        return Effect(fit_field(field, self.frame).to(device), matte.to(device), self.frame)

    def matte(self, roi: str, given: MattePicture | None) -> tuple[Tensor, Matte] | None:
        """The ROI's matte, predicted or given, at model resolution (B, 1, S, S) and on the picture.

        None is for placements that have nothing to add to others.

        Raises:
            FaceNotFoundError: a photo does not show the ROI.
            EditError: a given matte has another size than the picture or the model, or values outside its range.
        """
        if given is not None:
            return self._place_given(roi, given)
        small = self.small(roi)
        if self.canvas.must_show and not bool(shows(small)):
            raise FaceNotFoundError(
                f"no {roi} found in the photo: give a face crop, or its place as box=(left, top, right, bottom), "
                f"or a matte as mattes={{'{roi}': ...}}",
                missing=roi,
            )
        return small, self.predicted(roi)

    def irises(self, roi: str) -> tuple[Tensor, Matte]:
        """The matte of the irises in an ROI of eyes, at model resolution (B, 1, S, S) and on the picture."""
        small = self.face.irises(roi)
        key = f"irises of {roi}"
        if key not in self._fitted:
            self._fitted[key] = self._kept(small)
        return small, self._fitted[key]

    def small(self, roi: str) -> Tensor:
        """The predicted matte at model resolution, (B, 1, S, S)."""
        return self.face.mattes[roi]

    def predicted(self, roi: str) -> Matte:
        """The predicted matte on the picture; computed once, since a slider asks for it again and again."""
        if roi not in self._fitted:
            self._fitted[roi] = self._kept(self.small(roi))
        return self._fitted[roi]

    def photo_matte(self, roi: str) -> NDArray[np.float32]:
        """The predicted matte (H, W, 1) in [0, 1] on a photo, as an edit uses it: fitted to the photo's edges."""
        rows, columns = self.frame.window
        height = max(1, STRIP_PIXELS // max(1, columns.stop - columns.start))
        matte = self.predicted(roi).to(self.canvas.pixels.device)
        found = np.zeros((*self.canvas.size, 1), np.float32)
        for start in range(rows.start, rows.stop, height):
            strip = slice(start, min(start + height, rows.stop))
            values = matte.rows(self.canvas.strip(strip, columns), self.frame, start)
            found[strip, columns] = values[0, 0, ..., None].numpy()
        return found

    def _kept(self, small: Tensor) -> Matte:
        """A matte (B, 1, S, S) on the picture; of a photo of a screen's size pixel by pixel, since that is quicker."""
        fitted = self._fit(small)
        height, width = self.canvas.size
        if self.canvas.must_show and self.crop is None and height * width <= STRIP_PIXELS:
            pixels = self.canvas.strip(slice(0, height), slice(0, width))
            fitted = Matte(fitted.to(pixels.device).rows(pixels, self.frame, 0), full_size=True)
        return fitted

    def _fit(self, small: Tensor) -> Matte:
        if self.frame.side <= self.face.model.image_size:
            return Matte(fit_field(small, self.frame))
        return guided_matte(small, self._guide)

    @cached_property
    def _guide(self) -> Guide:
        square = to_model(self.canvas.cut(self.crop), min(self.frame.side, GUIDE_SIDE))
        return make_guide((square.to(self.face.model.device) + 1) / 2)

    def _place_given(self, roi: str, given: MattePicture) -> tuple[Tensor, Matte]:
        count, size, photo_size = len(self.face.images), self.face.model.image_size, self.canvas.size
        matte = _as_fractions(given).to(self.face.model.device)
        if matte.shape[-2:] not in (photo_size, (size, size)) or len(matte) not in (1, count):
            raise EditError(
                f"matte of {roi} has shape {tuple(given.shape)}: give (H, W) or (B, 1, H, W) with H x W that of the "
                f"photo, {photo_size[0]} x {photo_size[1]}, or of the model's square, {size} x {size}"
            )
        if not bool(((matte >= 0) & (matte <= 1)).all()):
            raise EditError(f"matte of {roi} has values outside [0, 1] (or, as uint8, 0 to 255)")
        matte = torch.where(matte < MIN_MATTE, 0.0, matte).expand(count, -1, -1, -1)
        if matte.shape[-2:] != photo_size:
            return matte, self._fit(matte)
        return square_matte(matte, self.frame, size), Matte(matte, full_size=True)


def _as_fractions(given: MattePicture) -> Tensor:
    """A matte (H, W), (B, H, W) or (B, 1, H, W), uint8 or in [0, 1], as (B, 1, H, W) float."""
    if not isinstance(given, (np.ndarray, Tensor)) or (
        isinstance(given, np.ndarray) and given.dtype.kind not in "buif"
    ):
        raise EditError(f"a matte of type {type(given).__name__}: give an array (H, W), uint8 or in [0, 1]")
    values = torch.from_numpy(given.copy()) if isinstance(given, np.ndarray) else given
    matte = values.float() / 255 if values.dtype == torch.uint8 else values.float()
    return matte.reshape(-1, 1, *matte.shape[-2:]) if matte.dim() in (2, 3, 4) else matte
