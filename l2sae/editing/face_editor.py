"""Rendering of layers: a photo is encoded once, and rendered with any number of layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing.canvas import Canvas, PhotoCanvas, as_canvas
from l2sae.editing.compose import COMPOSITIONS, Effect, Step, composite_images, recolouring, replacement
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.layers import Layer
from l2sae.editing.placement import Placement
from l2sae.editing.resolution import Matte
from l2sae.model import L2SAE, Latents
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError
from l2sae.pictures.photos import Frame, to_model


@dataclass(frozen=True, eq=False)
class _Below:
    """What a layer edits, at model resolution: the photo with earlier layers, and what the decoder makes of it.

    ``decoded`` is None where no earlier layer changed anything.
    """

    images: Tensor
    decoded: Tensor | None


@dataclass(frozen=True, eq=False)
class _Change:
    """One ROI's edit at model resolution: on the photo, and the change of the decoded picture at strength 1."""

    effect: Effect
    decoded: Tensor


class Renderer:
    """Renders layers on a picture whose face is encoded already."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement

    @property
    def model(self) -> L2SAE:
        """What encodes and decodes."""
        return self._placement.face.model

    @property
    def photo(self) -> Tensor:
        """The picture: (H, W, 3) uint8 or (B, 3, H, W) float in [-1, 1]."""
        return self._placement.canvas.pixels

    @property
    def crop(self) -> CropTransform | None:
        """The square of a photo that holds the face; None takes the whole photo as a face crop."""
        return self._placement.crop

    @property
    def frame(self) -> Frame:
        """The picture's size, and the place in it of what the model sees."""
        return self._placement.frame

    @property
    def images(self) -> Tensor:
        """What the model sees, (B, 3, S, S) in [-1, 1]."""
        return self._placement.face.images

    @property
    def latents(self) -> Latents:
        """Structure, style and mattes."""
        return self._placement.face.latents

    @torch.inference_mode()
    def mattes(self) -> dict[str, Tensor]:
        """ROI -> predicted matte (B, 1, S, S) in [0, 1] at model resolution; below 1/255 it is 0."""
        return self._placement.face.mattes

    @torch.inference_mode()
    def photo_mattes(self, rois: Sequence[str] | None = None) -> dict[str, NDArray[np.float32]]:
        """ROI -> matte (H, W, 1) in [0, 1] as an edit of a photo uses it, of the named ``rois`` or of all."""
        return {roi: self._placement.photo_matte(roi) for roi in (self.model.roi_names if rois is None else rois)}

    def preview(self) -> "Renderer":
        """The same face at model resolution, (S, S, 3) uint8 over the padded square; shares what was decoded."""
        pixels = ((self.images[0].permute(1, 2, 0) + 1) * 127.5).round().to("cpu", torch.uint8)
        return Renderer(Placement(self._placement.face, PhotoCanvas(pixels), None))

    def resized(self, side: int) -> "Renderer":
        """The same face with its photo reduced to a longer side of ``side``; shares what was decoded."""
        place = self._placement
        longer = max(place.canvas.size)
        if side >= longer:
            return self
        crop = None if place.crop is None else place.crop.scaled(side / longer)
        return Renderer(Placement(place.face, place.canvas.resized(side), crop))

    @torch.inference_mode()
    def render(self, layers: Sequence[Layer], compose: str = "detail") -> Tensor:
        """The photo with ``layers`` applied in order; same shape and type as ``photo``.

        Raises:
            FaceNotFoundError: a photo, or a reference picture, lacks the ROI to be edited.
            EditError: an unknown ROI or composition, or mattes of another size.
        """
        if compose not in COMPOSITIONS:
            raise EditError(f"compose={compose!r}: give one of {', '.join(COMPOSITIONS)}")
        for layer in layers:
            self._check_rois(layer.styles)
        below = _Below(self.images, None)
        steps, last = [], len(layers) - 1
        for number, layer in enumerate(layers):
            if layer.strength > 0:
                effects, changes = self._effects(layer, compose, below)
                if effects:
                    steps.append(Step(effects, layer.strength))
                if changes and number < last:
                    below = self._after(below, layer.strength, changes)
        return self._placement.canvas.composite(self.frame, steps, compose)

    def _effects(self, layer: Layer, compose: str, below: _Below) -> tuple[list[Effect], list[_Change]]:
        """Effects of one layer on the photo, and what they are at model resolution, if the next layer depends on it."""
        place, face = self._placement, self._placement.face
        effects, changes = [], []
        for roi in layer.styles:
            face.new_style(layer, roi)  # all references are read before anything is decoded
        for roi in layer.styles:
            small, matte = place.matte(roi, layer.mattes.get(roi))
            if compose == "replace":
                effects.append(place.effect(replacement(face.decode(layer, roi)), matte))
            elif below.decoded is not None or face.new_style(layer, roi) is not None:  # else no change, to the bit
                new = face.decode(layer, roi)
                old = face.decoded if below.decoded is None else below.decoded
                if below.decoded is None and roi not in layer.mattes:
                    field = face.recolouring(layer, roi)
                else:
                    field = recolouring(below.images, old, new, small)
                effects.append(place.effect(field, matte))
                changes.append(_Change(Effect(field, Matte(small)), small * (new - old)))
        return effects, changes

    def _after(self, below: _Below, strength: float, changes: Sequence[_Change]) -> _Below:
        """What the next layer edits: the photo and the decoded picture after these changes."""
        square = Frame(*self.images.shape[-2:])
        step = Step([change.effect for change in changes], strength)
        images = composite_images(below.images, square, [step], "detail")
        decoded = self._placement.face.decoded if below.decoded is None else below.decoded
        decoded = decoded + strength * torch.stack([change.decoded for change in changes]).sum(dim=0)
        return _Below(images, decoded.clamp(-1, 1))

    def _check_rois(self, rois: Mapping[str, object]) -> None:
        if unknown := [roi for roi in rois if roi not in self.model.roi_names]:
            raise EditError(f"unknown ROI {', '.join(unknown)}: this model has {', '.join(self.model.roi_names)}")


class FaceEditor(Renderer):
    """One photo (or batch), encoded once and rendered with any number of layers.

    Args:
        model: from `load_model`.
        photo: (H, W, 3) uint8, or (B, 3, H, W) float in [-1, 1].
        crop: the square of a uint8 photo that holds the face; None takes the whole photo as a face crop.
        latents: of the photo, if they are known.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: L2SAE,
        photo: NDArray[np.uint8] | Tensor,
        crop: CropTransform | None = None,
        latents: Latents | None = None,
    ) -> None:
        canvas: Canvas = as_canvas(photo)
        images = to_model(canvas.cut(crop), model.image_size).to(model.device)
        super().__init__(Placement(EncodedFace(model, images, latents), canvas, crop))
