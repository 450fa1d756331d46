"""A face as the model knows it: encoded once, then decoded with any number of styles."""

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import torch
from torch import Tensor

from l2sae.editing.bald_heads import without_shine
from l2sae.editing.compose import VARIED, Effect, Step, composite_images, recolouring
from l2sae.editing.edit_layers import Layer
from l2sae.editing.irises import are_eyes, iris_matte, strengthened
from l2sae.editing.islands import without_islands
from l2sae.editing.photo_light import have_no_colours, in_light_of, without_colours
from l2sae.editing.resolution import MIN_MATTE, Matte
from l2sae.editing.styles import Style
from l2sae.model import L2SAE, Latents
from l2sae.pictures.frames import Frame
from l2sae.rois import hair_and_skin

CACHED = 32  # styles that a face keeps, for sliders that go to and fro
StyleKey = tuple[Style, int, tuple[str, ...]]  # style, seed, ROIs that share it
Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, eq=False)
class Recolouring:
    """What ``detail`` does in one ROI: the ``field`` (B, 8, S, S), and the face as it was ``drawn`` for it."""

    field: Tensor
    drawn: Tensor


class EncodedFace:
    """One face crop (or a batch) at model resolution, with what was decoded from it.

    Attributes:
        model: encodes and decodes.
        images: what the model sees, (B, 3, S, S) in [-1, 1]; a face fills it, unless these are its surroundings.
        latents: structure, style and mattes of ``images``.

    Args:
        model: likewise.
        images: likewise.
        latents: likewise, if they are known.
        around: the face whose surroundings these images are.
        keeps_light: whether styles of other faces are put into the light of ``images``, or of the face in the middle of
            them; see `l2sae.editing.photo_light`.
    """

    def __init__(
        self,
        model: L2SAE,
        images: Tensor,
        latents: Latents | None = None,
        around: "EncodedFace | None" = None,
        keeps_light: bool = False,
    ) -> None:
        self.model, self.images, self._around, self.keeps_light = model, images, around, keeps_light
        self.latents = model.encode(images) if latents is None else latents
        self._styles: dict[StyleKey, Tensor | None] = {}
        self._decoded: dict[tuple[Style, int], Tensor] = {}
        self._fields: dict[tuple[str, StyleKey], Recolouring] = {}
        self._irises: dict[str, Tensor] = {}

    @cached_property
    def mattes(self) -> dict[str, Tensor]:
        """ROI -> predicted matte (B, 1, S, S) in [0, 1]; below 1/255, and on islands of hair off the head, it is 0.

        The shine on a bald head is skin.
        """
        mattes = torch.where(self.latents.mattes < MIN_MATTE, 0.0, self.latents.mattes)
        hair, skin = hair_and_skin(self.model.rois)
        if self._around is None and hair is not None and skin is not None:
            mattes = without_shine(self.images, mattes, hair, skin)
        found = dict(zip(self.model.roi_names, mattes.split(1, dim=1), strict=True))
        for roi in self.model.rois:
            if "hair" in roi.parts:
                others = [matte for name, matte in found.items() if name != roi.name]
                found[roi.name] = without_islands(found[roi.name], torch.cat(others, dim=1))
        return found

    @cached_property
    def decoded(self) -> Tensor:
        """The face decoded with its own style, (B, 3, S, S)."""
        drawn = self.model.decode(self.latents.structure, self.latents.style, self.latents.mattes)
        return without_colours(drawn) if self._is_grey else drawn

    @cached_property
    def _is_grey(self) -> bool:
        return self.keeps_light and have_no_colours(self.images)

    def new_style(self, layer: Layer, roi: str) -> Tensor | None:
        """The style vectors (B, D) that a layer gives an ROI; None where they are the face's own."""
        style = layer.styles[roi]
        key = (style, layer.seed, layer.sharing(style))
        if key not in self._styles:
            own = self.latents.style
            made = style.vectors(self.model, own, layer.seed, key[2])
            if self.keeps_light and style.follows_light:
                made = in_light_of(self.model, made, own if self._around is None else self._around.latents.style)
            _remember(self._styles, key, None if torch.equal(made, own) else made)
        return self._styles[key]

    def changes(self, layer: Layer, roi: str) -> bool:
        """Whether a layer draws an ROI in another way than with the face's own style."""
        return layer.styles[roi].redraws or self.new_style(layer, roi) is not None

    def changes_irises(self, layer: Layer, roi: str) -> bool:
        """Whether a layer changes but the irises of an ROI: those of a photo's eyes, unless a matte is given."""
        eyes = any(one.name == roi and are_eyes(one) for one in self.model.rois)
        return self.keeps_light and eyes and roi not in layer.mattes

    def irises(self, roi: str) -> Tensor:
        """The matte (B, 1, S, S) of the irises in an ROI of eyes."""
        if roi not in self._irises:
            self._irises[roi] = iris_matte(self.images, self.mattes[roi])
        return self._irises[roi]

    def replacement(self, layer: Layer, roi: str, matte: Tensor) -> Tensor:
        """The face drawn with a layer's style of an ROI, whose matte is (B, 1, S, S), to take the photo's place."""
        return layer.styles[roi].redraw(self.decode(layer, roi), matte, lambda drawn: self.images.lerp(drawn, matte))

    def decode(self, layer: Layer, roi: str) -> Tensor:
        """The face decoded with the style that a layer gives an ROI, (B, 3, S, S).

        Styles are decoded one by one: the last bits of a convolution depend on the size of its batch, and a recipe
        has to meet them when it replays.
        """
        vectors = self.new_style(layer, roi)
        if vectors is None:
            return self.decoded
        key = (layer.styles[roi], layer.seed)
        if key not in self._decoded:
            drawn = self.model.decode(self.latents.structure, vectors, self.latents.mattes)
            _remember(self._decoded, key, without_colours(drawn) if self._is_grey and key[0].follows_light else drawn)
        return self._decoded[key]

    def recolouring(self, layer: Layer, roi: str, matte: Tensor) -> Recolouring:
        """What ``detail`` does to the face itself in the predicted matte (B, 1, S, S); kept for sliders."""
        style = layer.styles[roi]
        key = (roi, (style, layer.seed, layer.sharing(style)))
        if key not in self._fields:
            found = self.recolour(layer, roi, matte, self.images, self.decoded)
            _remember(self._fields, key, found)
        return self._fields[key]

    def recolour(self, layer: Layer, roi: str, matte: Tensor, images: Tensor, decoded: Tensor) -> Recolouring:
        """What ``detail`` does to ``images`` (B, 3, S, S), which the decoder draws as ``decoded``, in a matte."""
        varied = VARIED if self.keeps_light and layer.styles[roi].evened else 1.0

        def field(drawn: Tensor) -> Tensor:
            return recolouring(images, decoded, drawn, matte, varied)

        def show(drawn: Tensor) -> Tensor:
            effect = Effect(field(drawn), Matte(matte), Frame(*images.shape[-2:]))
            return composite_images(images, [Step([effect], 1.0)], "detail")

        drawn = layer.styles[roi].redraw(self.decode(layer, roi), matte, show)
        if self.changes_irises(layer, roi) and not layer.styles[roi].redraws:
            drawn = strengthened(drawn, decoded, self.mattes[roi], matte)
        return Recolouring(field(drawn), drawn)


def _remember(cache: dict[Key, Value], key: Key, value: Value) -> None:
    """Put a value into a cache, and drop the oldest beyond its size."""
    cache[key] = value
    while len(cache) > CACHED:
        del cache[next(iter(cache))]
