"""Edits of photos: one pass through the model, no optimisation."""

import copy
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from l2sae.editing.align import align_styles, face_crops
from l2sae.editing.compose import COMPOSITIONS, STRIP_PIXELS, Effect, Step, composite, recolouring, replacement
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
from l2sae.editing.styles import Blend, Noise, Style, Swap, new_style, shows
from l2sae.model import L2SAE, Latents
from l2sae.pictures.conversions import check_images, to_model, with_alpha
from l2sae.pictures.crops import CropTransform
from l2sae.pictures.errors import EditError, FaceNotFoundError, FaceWarning
from l2sae.pictures.frames import Box, CropFrame, Frame, check_box
from l2sae.pictures.picture import Photo
from l2sae.pictures.reading import as_picture

MattePicture = Tensor | NDArray[Any]
Key = TypeVar("Key")
Value = TypeVar("Value")
MAX_STRENGTH = 2.0
MAX_SEED = 2**63 - 1
CACHED = 32  # styles that an editor keeps, for sliders that go to and fro
PLAUSIBLE_COVER = (0.05, 0.98)  # share of a face crop that all ROIs together cover


@dataclass(frozen=True, eq=False)
class Layer:
    """Edits made at once: ``styles`` maps each ROI to its style, ``mattes`` replaces predicted mattes."""

    styles: Mapping[str, Style]
    strength: float = 1.0
    seed: int = 0
    mattes: Mapping[str, MattePicture] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and 0 <= self.strength <= MAX_STRENGTH):
            raise EditError(f"strength={self.strength}: need 0 (no change) to {MAX_STRENGTH:g}; 1 is the full edit")
        if not isinstance(self.seed, (int, np.integer)) or not 0 <= self.seed <= MAX_SEED:
            raise EditError(f"seed={self.seed}: need a whole number, 0 to {MAX_SEED}")
        if not self.styles:
            raise EditError('rois is empty: name at least one region, e.g. rois=("hair",)')
        if unused := sorted(self.mattes.keys() - self.styles.keys()):
            raise EditError(f"mattes for {', '.join(unused)}, which rois does not name: add to rois or leave out")
        for roi, style in self.styles.items():
            if not isinstance(style, (Noise, Swap, Blend)):
                raise EditError(f"style of {roi} is {type(style).__name__}: give Noise(...), Swap(...) or Blend(...)")


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


class FaceEditor:
    """One photo (or batch), encoded once and edited any number of times.

    Attributes:
        photo: (H, W, 3) uint8 or (B, 3, H, W) float in [-1, 1], as a tensor.
        crop: the square of a uint8 photo that holds the face; None takes the whole photo as a face crop.
        images: what the model sees, (B, 3, S, S) in [-1, 1].
        latents: its structure and style; encoded from the photo where they are not given.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: L2SAE,
        photo: NDArray[np.uint8] | Tensor,
        crop: CropTransform | None = None,
        latents: Latents | None = None,
    ) -> None:
        self.model = model
        self.crop = crop
        self._source = photo if crop is None else crop.crop(np.asarray(photo))
        self.photo = torch.from_numpy(np.ascontiguousarray(photo)) if isinstance(photo, np.ndarray) else photo
        height, width = self.photo.shape[:2] if self.photo.dtype == torch.uint8 else self.photo.shape[-2:]
        self.frame = Frame(height, width) if crop is None else CropFrame(height, width, crop)
        self.images = to_model(self._source, model.image_size).to(model.device)
        self.latents = model.encode(self.images) if latents is None else latents
        self._mattes: dict[str, Tensor] = {}
        self._styles: dict[tuple[Style, int, tuple[str, ...]], Tensor | None] = {}
        self._decoded: dict[tuple[Style, int] | None, Tensor] = {}  # None: the photo's own style
        self._guide: Guide | None = None
        self._fitted: dict[str, Matte] = {}  # predicted mattes, fitted to the photo's edges
        self._fields: dict[tuple[str, Style, int, tuple[str, ...]], Tensor] = {}  # of `detail`, on the photo itself

    def preview(self) -> "FaceEditor":
        """The same face at model resolution, (S, S, 3) uint8 over the padded square; shares what was computed."""
        small = copy.copy(self)
        small.photo = ((self.images[0].permute(1, 2, 0) + 1) * 127.5).round().to("cpu", torch.uint8)
        small.crop, small.frame = None, Frame(*small.photo.shape[:2])
        small._guide, small._fitted = None, {}
        return small

    def resized(self, side: int) -> "FaceEditor":
        """The same face with its uint8 photo reduced to a longer side of ``side``; shares what was computed."""
        longer = max(self.frame.height, self.frame.width)
        if side >= longer:
            return self
        height, width = (max(1, round(x * side / longer)) for x in (self.frame.height, self.frame.width))
        pixels = Image.fromarray(self.photo.numpy()).resize((width, height), Image.Resampling.BICUBIC, reducing_gap=3)
        small = copy.copy(self)
        small._source = np.array(pixels)
        small.photo = torch.from_numpy(small._source)
        small.crop = None if self.crop is None else self.crop.scaled(side / longer)
        small.frame = Frame(height, width) if small.crop is None else CropFrame(height, width, small.crop)
        small._guide, small._fitted = None, {}
        return small

    @torch.inference_mode()
    def mattes(self) -> dict[str, Tensor]:
        """ROI -> predicted matte (B, 1, S, S) in [0, 1] at model resolution; below 1/255 it is 0."""
        if not self._mattes:
            mattes = torch.where(self.latents.mattes < MIN_MATTE, 0.0, self.latents.mattes)
            self._mattes = dict(zip(self.model.roi_names, mattes.split(1, dim=1), strict=True))
        return self._mattes

    @torch.inference_mode()
    def render(self, layers: Sequence[Layer], compose: str = "detail") -> Tensor:
        """The photo with ``layers`` applied in order; same shape and type as ``photo``.

        Raises:
            FaceNotFoundError: a uint8 photo, or a reference picture, lacks the ROI to be edited.
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
                steps.append(Step(effects, layer.strength))
                if changes and number < last:
                    below = self._after(below, layer.strength, changes)
        return composite(self.photo, self.frame, [step for step in steps if step.effects], compose)

    @torch.inference_mode()
    def photo_mattes(self, rois: Sequence[str] | None = None) -> dict[str, NDArray[np.float32]]:
        """ROI -> matte (H, W, 1) in [0, 1] as an edit of a uint8 photo uses it: fitted to the photo's edges.

        Of the named ``rois``, or of all.
        """
        rows, columns = self.frame.window
        height = max(1, STRIP_PIXELS // max(1, columns.stop - columns.start))
        wanted = list(self.mattes()) if rois is None else list(rois)
        mattes = {roi: self._fit_predicted(roi).to(self.photo.device) for roi in wanted}
        found = {roi: np.zeros((self.frame.height, self.frame.width, 1), np.float32) for roi in wanted}
        for start in range(rows.start, rows.stop, height):
            strip = slice(start, min(start + height, rows.stop))
            pixels = self.photo[strip, columns].permute(2, 0, 1)[None].float() / 255
            for roi, matte in mattes.items():
                found[roi][strip, columns] = matte.rows(pixels, self.frame, start)[0, 0, ..., None].numpy()
        return found

    def _effects(self, layer: Layer, compose: str, below: _Below) -> tuple[list[Effect], list[_Change]]:
        """Effects of one layer on the photo, and what they are at model resolution, if the next layer depends on it."""
        effects, changes = [], []
        for roi, (style, vectors) in self._new_styles(layer).items():
            small, matte = self._matte(roi, layer.mattes.get(roi))
            if compose == "replace":
                new = self._decode(vectors, (style, layer.seed))
                effects.append(self._on_photo(replacement(new), matte))
            elif vectors is not None or below.decoded is not None:  # else the photo's own style: no change, to the bit
                new = self._decode(vectors, (style, layer.seed))
                old = self._decode(None, None) if below.decoded is None else below.decoded
                if below.decoded is None and roi not in layer.mattes:  # does not change while a slider moves
                    key = (roi, style, layer.seed, tuple(layer.styles))
                    if key not in self._fields:
                        _remember(self._fields, key, recolouring(below.images, old, new, small))
                    field = self._fields[key]
                else:
                    field = recolouring(below.images, old, new, small)
                effects.append(self._on_photo(field, matte))
                changes.append(_Change(Effect(field, Matte(small)), small * (new - old)))
        return effects, changes

    def _after(self, below: _Below, strength: float, changes: Sequence[_Change]) -> _Below:
        """What the next layer edits: the photo and the decoded picture after these changes."""
        square = Frame(*self.images.shape[-2:])
        images = composite(below.images, square, [Step([change.effect for change in changes], strength)], "detail")
        decoded = self._decode(None, None) if below.decoded is None else below.decoded
        decoded = decoded + strength * torch.stack([change.decoded for change in changes]).sum(dim=0)
        return _Below(images, decoded.clamp(-1, 1))

    def _on_photo(self, values: Tensor, matte: Matte) -> Effect:
        return Effect(fit_field(values, self.frame).to(self.photo.device), matte.to(self.photo.device))

    def _new_styles(self, layer: Layer) -> dict[str, tuple[Style, Tensor | None]]:
        """Each ROI -> its style and the style vectors that it makes, None where they are the photo's own."""
        own = self.latents.style
        found = {}
        for roi, style in layer.styles.items():
            rois = tuple(name for name, other in layer.styles.items() if other == style)
            key = (style, layer.seed, rois)
            if key not in self._styles:
                made = new_style(self.model, own, style, layer.seed, rois)
                _remember(self._styles, key, None if torch.equal(made, own) else made)
            found[roi] = (style, self._styles[key])
        return found

    def _decode(self, vectors: Tensor | None, key: tuple[Style, int] | None) -> Tensor:
        """The face (B, 3, S, S) with these style vectors, None for its own; ``key`` names them in the cache.

        Styles are decoded one by one: the last bits of a convolution depend on the size of its batch, and a recipe
        has to meet them when it replays.
        """
        if key not in self._decoded:
            latents = self.latents
            style = latents.style if vectors is None else vectors
            images = self.model.decode(latents.structure, style, latents.mattes)
            _remember(self._decoded, key, images)
        return self._decoded[key]

    def _matte(self, roi: str, given: MattePicture | None) -> tuple[Tensor, Matte]:
        """The ROI's matte at model resolution (B, 1, S, S), and as it is on the photo."""
        if given is not None:
            return self._given_matte(roi, given)
        small = self.mattes()[roi]
        if self.photo.dtype == torch.uint8 and not bool(shows(small)):
            raise FaceNotFoundError(
                f"no {roi} found in the photo: give a face crop, or its place as box=(left, top, right, bottom), "
                f"or a matte as mattes={{'{roi}': ...}}"
            )
        return small, self._fit_predicted(roi)

    def _fit_predicted(self, roi: str) -> Matte:
        """The predicted matte on the photo; computed once, since a slider asks for it again and again."""
        if roi not in self._fitted:
            fitted = self._fit_matte(self.mattes()[roi])
            small = self.frame.height * self.frame.width <= STRIP_PIXELS and not isinstance(self.frame, CropFrame)
            if small and self.photo.dtype == torch.uint8:  # as on a screen: worth keeping pixel by pixel
                pixels = self.photo.permute(2, 0, 1)[None].float() / 255
                fitted = Matte(fitted.to(self.photo.device).rows(pixels, self.frame, 0), full_size=True)
            self._fitted[roi] = fitted
        return self._fitted[roi]

    def _fit_matte(self, small: Tensor) -> Matte:
        if self.frame.side <= self.model.image_size:
            return Matte(fit_field(small, self.frame))
        if self._guide is None:
            size = min(self.frame.side, GUIDE_SIDE)
            self._guide = make_guide((to_model(self._source, size).to(self.model.device) + 1) / 2)
        return guided_matte(small, self._guide)

    def _given_matte(self, roi: str, given: MattePicture) -> tuple[Tensor, Matte]:
        values = torch.from_numpy(given.copy()) if isinstance(given, np.ndarray) else given
        matte = values.to(self.model.device)
        matte = matte.float() / 255 if matte.dtype == torch.uint8 else matte.float()
        matte = matte.reshape(-1, 1, *matte.shape[-2:]) if matte.dim() in (2, 3, 4) else matte
        size = self.model.image_size
        shapes = ((self.frame.height, self.frame.width), (size, size))
        if matte.shape[-2:] not in shapes or matte.shape[0] not in (1, len(self.images)):
            raise EditError(
                f"matte of {roi} has shape {tuple(given.shape)}: give (H, W) or (B, 1, H, W) with H x W that of the "
                f"photo, {shapes[0][0]} x {shapes[0][1]}, or of the model's square, {size} x {size}"
            )
        if not bool(((matte >= 0) & (matte <= 1)).all()):
            raise EditError(f"matte of {roi} has values outside [0, 1] (or, as uint8, 0 to 255)")
        matte = torch.where(matte < MIN_MATTE, 0.0, matte).expand(len(self.images), -1, -1, -1)
        if matte.shape[-2:] != shapes[0]:
            return matte, self._fit_matte(matte)
        return square_matte(matte, self.frame, size), Matte(matte, full_size=True)

    def _check_rois(self, rois: Mapping[str, Style]) -> None:
        if unknown := [roi for roi in rois if roi not in self.model.roi_names]:
            raise EditError(f"unknown ROI {', '.join(unknown)}: this model has {', '.join(self.model.roi_names)}")


def _remember(cache: dict[Key, Value], key: Key, value: Value) -> None:
    """Put a value into a cache, and drop the oldest beyond its size."""
    cache[key] = value
    while len(cache) > CACHED:
        del cache[next(iter(cache))]


def edit(
    model: L2SAE,
    photo: Photo,
    rois: str | Sequence[str] | None = None,
    style: Style | Mapping[str, Style] | None = None,
    strength: float = 1.0,
    compose: str = "detail",
    seed: int = 0,
    mattes: Mapping[str, MattePicture] | None = None,
    box: Box | None = None,
    align: str | None = None,
) -> Any:
    """Edit the style of some regions of a face (arXiv 2312.15037).

    A photo is taken as a face crop: it is padded to a square and brought to the model's size; decoded change and
    mattes are brought back to the photo's own size. The same seed gives the same edit.

    Args:
        model: from `load_model`.
        photo: a path, a Pillow picture, or uint8 (H, W), (H, W, 3) or (H, W, 4); or float (B, 3, H, W) in [-1, 1].
            Where a file has a colour profile, the edit is computed in sRGB and brought back to the profile's space.
        rois: regions to edit, e.g. ``("hair", "lips")``; may be left out where ``style`` is a dict.
        style: `Noise`, `Swap`, `Blend`, or a dict from each ROI to its own style.
        strength: 0 (the photo, to the bit) to 2; 1 is the full edit, more exaggerates it.
        compose: ``detail`` recolours the photo's own pixels, ``replace`` puts the decoded ones in their place.
        seed: of noise.
        mattes: ROI -> matte to use instead of the predicted one: (H, W) or (B, 1, H, W), uint8 or float in [0, 1],
            at the photo's (or box's) size, which is then used as it is, or at the model's size over the padded square.
        box: (left, top, right, bottom) in pixels: the face in a larger photo; the rest stays as it is.
        align: ``auto`` finds the largest face of a photo of any size, crops it upright, and edits it in place; ``all``
            edits every face. References that are paths or uint8 pictures are cropped to their face likewise. Needs
            the extra ``faces``.

    Returns:
        A picture like ``photo``: uint8 (H, W, 3), with alpha unchanged for (H, W, 4); grey comes back as (H, W, 3),
        since edits bring colour in. Or (B, 3, H, W). Pixels where every chosen matte is 0 are bit-identical.

    Raises:
        FaceNotFoundError: a picture, or a reference, does not show the ROI. In a batch of tensors, samples that lack it
            come back unchanged instead.
        EditError: anything else that cannot be; the message says what to do.

    Warns:
        FaceWarning: the photo does not look like a face crop.
    """
    if align is not None and (box is not None or isinstance(photo, Tensor)):
        what = "a tensor, which holds face crops" if box is None else "a box, which says where the face is"
        raise EditError(f"align={align!r} with {what}: leave one of them out")
    layer = Layer(assign_styles(rois, style), strength, seed, mattes or {})
    if isinstance(photo, Tensor):
        check_images(photo)
        result = photo.clone()
        window = result[..., *_window(box, *photo.shape[-2:])]
        window.copy_(_edited(model, window, layer, compose))
        return result
    picture = as_picture(photo)
    pixels = picture.srgb.copy()
    if align is not None:
        pixels = _edit_faces(model, pixels, layer, compose, align)
    else:
        rows, columns = _window(box, *pixels.shape[:2])
        pixels[rows, columns] = _edited(model, pixels[rows, columns], layer, compose).numpy()
    return with_alpha(picture.edited(pixels), picture.alpha)


def assign_styles(rois: str | Sequence[str] | None, style: Style | Mapping[str, Style] | None) -> dict[str, Style]:
    """Give each ROI its style; one style serves all of ``rois``, a dict has to name each."""
    if rois is None and not isinstance(style, Mapping):
        raise EditError('name the regions to edit, e.g. rois=("hair",), or give style={"hair": ...}')
    if style is None:
        raise EditError("give a style: Noise(sigma), Swap(reference) or Blend([(reference, weight), ...])")
    if not isinstance(style, Mapping):
        names = (rois,) if isinstance(rois, str) else rois or ()
        return dict.fromkeys(names, style)
    names = tuple(style) if rois is None else (rois,) if isinstance(rois, str) else rois
    if set(names) != set(style):
        raise EditError(f"rois names {', '.join(names) or 'nothing'}, style has {', '.join(style)}: let them agree")
    return {roi: style[roi] for roi in names}


def warn_if_no_face(editor: FaceEditor) -> None:
    """Warn when the predicted mattes are not those of a face crop."""
    total = torch.stack(list(editor.mattes().values())).amax(dim=0)
    cover = total.mean(dim=(1, 2, 3))
    low, high = PLAUSIBLE_COVER
    if bool(((cover < low) | (cover > high)).any()):
        worst = float(cover[(cover - (low + high) / 2).abs().argmax()])
        warnings.warn(
            f"the model's regions cover {worst:.0%} of the picture, which is unlike a face: give a face crop, "
            "or the face's place as box=(left, top, right, bottom)",
            FaceWarning,
            stacklevel=4,
        )


def _window(box: Box | None, height: int, width: int) -> tuple[slice, slice]:
    if box is None:
        return slice(0, height), slice(0, width)
    check_box(box, height, width)
    return slice(box[1], box[3]), slice(box[0], box[2])


def _edited(model: L2SAE, photo: NDArray[np.uint8] | Tensor, layer: Layer, compose: str) -> Tensor:
    editor = FaceEditor(model, photo)
    warn_if_no_face(editor)
    return editor.render([layer], compose)


def _edit_faces(model: L2SAE, photo: NDArray[np.uint8], layer: Layer, compose: str, align: str) -> NDArray[np.uint8]:
    """Edit the faces found in a photo, one after the other; of several, those without the ROI stay as they are."""
    layer = replace(layer, styles=align_styles(layer.styles))
    edited, crops, refused = photo, face_crops(photo, align), []
    for crop in crops:
        editor = FaceEditor(model, edited, crop)
        warn_if_no_face(editor)
        try:
            edited = editor.render([layer], compose).numpy()
        except FaceNotFoundError as error:
            refused.append(error)
    if len(refused) == len(crops):
        raise refused[0]
    for reason in refused:
        warnings.warn(f"one of {len(crops)} faces stays as it is: {reason}", FaceWarning, stacklevel=3)
    return edited
