"""Rendering of layers: a photo is encoded once, and rendered with any number of layers."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.editing.align import FacePlace
from l2sae.editing.canvas import PhotoCanvas, as_canvas
from l2sae.editing.compose import Effect, Step, check_composition, composite_images, replacement
from l2sae.editing.edit_layers import Layer
from l2sae.editing.encoded_face import EncodedFace
from l2sae.editing.placement import Placement
from l2sae.editing.resolution import Matte
from l2sae.editing.whole_head import HeadCrop, HeadPlacement, leaves_crop
from l2sae.model import L2SAE, Latents
from l2sae.pictures.conversions import to_model, values_to_levels
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError
from l2sae.pictures.frames import Frame


@dataclass(frozen=True, eq=False)
class _Below:
    """What a layer edits, at model resolution: the photo after earlier layers, and the decoded picture after them.

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
    """Renders layers on a picture whose face is encoded already.

    Args:
        placement: of the face.
        head: a looser crop of the photo, through which what leaves the face's own crop is edited too.
        around: that crop, encoded, if it is known.

    Attributes:
        model: what encodes and decodes.
        photo: the picture: (H, W, 3) uint8 or (B, 3, H, W) float in [-1, 1].
        crop: the square of a photo that holds the face; None takes the whole photo as a face crop.
        frame: the picture's size, and the place in it of what the model sees.
        images: what the model sees, (B, 3, S, S) in [-1, 1].
        latents: structure, style and mattes.
    """

    def __init__(self, placement: Placement, head: CropTransform | None = None, around: HeadCrop | None = None) -> None:
        self._placement, self.head = placement, head
        self.photo, self.crop, self.frame = placement.canvas.pixels, placement.crop, placement.frame
        self.model, self.images, self.latents = placement.face.model, placement.face.images, placement.face.latents
        self._around = (
            HeadCrop(placement.face, placement.canvas, head) if head is not None and around is None else around
        )

    @property
    def place(self) -> FacePlace:
        """Where the face lies, and in whose light it is edited."""
        return FacePlace(self.crop, self.head, self._placement.face.keeps_light)

    @torch.inference_mode()
    def mattes(self) -> dict[str, Tensor]:
        """ROI -> predicted matte (B, 1, S, S) in [0, 1] at model resolution; below 1/255 it is 0."""
        return self._placement.face.mattes

    @torch.inference_mode()
    def photo_mattes(self, rois: Sequence[str] | None = None) -> dict[str, NDArray[np.float32]]:
        """ROI -> matte (H, W, 1) in [0, 1] as an edit of a photo uses it, of the named ``rois`` or of all."""
        wanted = self.model.roi_names if rois is None else rois
        found = {roi: self._placement.photo_matte(roi) for roi in wanted}
        for roi in wanted:
            if self._around is not None and leaves_crop(self._placement, roi, None):
                found[roi] = np.minimum(found[roi] + self._surroundings.photo_matte(roi), 1)
        return found

    @torch.inference_mode()
    def style_of(self, layer: Layer, roi: str) -> Tensor:
        """The style vectors (B, D) with which a layer draws one of its ROIs, in the photo's light."""
        made = self._placement.face.new_style(layer, roi)
        return self.latents.style if made is None else made

    def preview(self) -> "Renderer":
        """The same face at model resolution, (S, S, 3) uint8 over the padded square; shares what was decoded."""
        pixels = values_to_levels(self.images[0]).permute(1, 2, 0).to("cpu")
        return Renderer(Placement(self._placement.face, PhotoCanvas(pixels), None))

    def resized(self, side: int) -> "Renderer":
        """The same face with its photo reduced to a longer side of ``side``; shares what was decoded."""
        place = self._placement
        longer = max(place.canvas.size)
        if side >= longer:
            return self
        crop = None if place.crop is None else place.crop.scaled(side / longer)
        head = None if self.head is None else self.head.scaled(side / longer)
        return Renderer(Placement(place.face, place.canvas.resized(side), crop), head, self._around)

    @torch.inference_mode()
    def render(self, layers: Sequence[Layer], compose: str = "detail") -> Tensor:
        """The photo with ``layers`` applied in order; same shape and type as ``photo``.

        Raises:
            FaceNotFoundError: a photo, or a reference picture, lacks the ROI to be edited.
            EditError: an unknown ROI or composition, or mattes of another size.
        """
        check_composition(compose)
        for layer in layers:
            if unknown := [roi for roi in layer.styles if roi not in self.model.roi_names]:
                raise EditError(f"unknown ROI {', '.join(unknown)}: this model has {', '.join(self.model.roi_names)}")
        shown = [layer for layer in layers if layer.strength > 0]
        passes = [_layer_effects(self._placement, shown, compose)]
        if self._around is not None and any(self._leaves_crop(layer) for layer in shown):
            passes.append(_layer_effects(self._surroundings, shown, compose))
        effects = [[effect for one in together for effect in one] for together in zip(*passes, strict=True)]
        steps = [Step(some, layer.strength) for layer, some in zip(shown, effects, strict=True) if some]
        return self._placement.canvas.composite(steps, compose)

    @cached_property
    def _surroundings(self) -> HeadPlacement:
        assert self.head is not None  # noqa: S101 # for the type checker: asked for where both are there
        assert self._around is not None  # noqa: S101 # likewise
        with torch.inference_mode():
            return HeadPlacement(self._around.face, self._placement, self.head)

    def _leaves_crop(self, layer: Layer) -> bool:
        return any(leaves_crop(self._placement, roi, layer.mattes.get(roi)) for roi in layer.styles)


class FaceEditor(Renderer):
    """One photo (or batch), encoded once and rendered with any number of layers.

    Args:
        model: from `load_model`.
        photo: (H, W, 3) uint8, or (B, 3, H, W) float in [-1, 1].
        crop: the square of a uint8 photo that holds the face; None takes the whole photo as a face crop.
        latents: of the photo, if they are known.
        head: a looser crop, through which what leaves ``crop`` is edited too; see `l2sae.editing.whole_head`.
        keeps_light: whether styles of other faces are put into the photo's light; see `l2sae.editing.photo_light`.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: L2SAE,
        photo: NDArray[np.uint8] | Tensor,
        crop: CropTransform | None = None,
        latents: Latents | None = None,
        head: CropTransform | None = None,
        keeps_light: bool = False,
    ) -> None:
        canvas = as_canvas(photo)
        images = to_model(canvas.cut(crop), model.image_size).to(model.device)
        face = EncodedFace(model, images, latents, keeps_light=keeps_light)
        super().__init__(Placement(face, canvas, crop), head)

    @classmethod
    def at(cls, model: L2SAE, photo: NDArray[np.uint8], place: FacePlace) -> "FaceEditor":
        """A photo (H, W, 3) uint8 whose face lies at a known place."""
        return cls(model, photo, place.crop, head=place.head, keeps_light=place.keeps_light)


def _layer_effects(place: Placement, layers: Sequence[Layer], compose: str) -> list[list[Effect]]:
    """The effects of each layer on the photo; a layer changes what the next ones edit."""
    below = _Below(place.face.images, None)
    found, last = [], len(layers) - 1
    for number, layer in enumerate(layers):
        effects, changes = _effects(place, layer, compose, below, _hidden(layer, layers[number + 1 :]))
        found.append(effects)
        if changes and number < last:
            below = _after(place.face, below, layer.strength, changes)
    return found


def _hidden(layer: Layer, above: Sequence[Layer]) -> set[str]:
    """The ROIs of a layer of which nothing shows, since a layer above gives them, whole, another style."""
    whole = {roi for upper in above if upper.strength == 1 for roi in upper.styles if roi not in upper.mattes}
    return {roi for roi in layer.styles if roi in whole and roi not in layer.mattes}


def _effects(
    place: Placement, layer: Layer, compose: str, below: _Below, hidden: set[str]
) -> tuple[list[Effect], list[_Change]]:
    """Effects of one layer on the photo, and what they are at model resolution, if the next layer depends on it."""
    face, square = place.face, Frame(*place.face.images.shape[-2:])
    effects, changes = [], []
    for roi in layer.styles:
        face.new_style(layer, roi)  # all references are read before anything is decoded
    for roi in layer.styles:
        if roi in hidden:
            continue
        found = place.matte(roi, layer.mattes.get(roi))
        if found is None:
            continue
        small, matte = place.irises(roi) if compose == "detail" and face.changes_irises(layer, roi) else found
        if compose == "replace":
            effects.append(place.effect(replacement(face.replacement(layer, roi, small)), matte))
        elif below.decoded is not None or face.changes(layer, roi):  # else no change, to the bit
            old = face.decoded if below.decoded is None else below.decoded
            if below.decoded is None and roi not in layer.mattes:
                new = face.recolouring(layer, roi, small)
            else:
                new = face.recolour(layer, roi, small, below.images, old)
            effects.append(place.effect(new.field, matte))
            changes.append(_Change(Effect(new.field, Matte(small), square), small * (new.drawn - old)))
    return effects, changes


def _after(face: EncodedFace, below: _Below, strength: float, changes: Sequence[_Change]) -> _Below:
    """What the next layer edits: the photo and the decoded picture after these changes."""
    step = Step([change.effect for change in changes], strength)
    images = composite_images(below.images, [step], "detail")
    decoded = face.decoded if below.decoded is None else below.decoded
    decoded = decoded + strength * torch.stack([change.decoded for change in changes]).sum(dim=0)
    return _Below(images, decoded.clamp(-1, 1))
