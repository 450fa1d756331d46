"""The layers of a session, and their drawn mattes at other sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing.align import FacePlace
from l2sae.editing.compose import Composition
from l2sae.editing.edit_layers import Layer, MattePicture
from l2sae.editing.face_editor import Renderer
from l2sae.editing.recipe import RecipeLayer, encode_matte
from l2sae.editing.resolution import square_matte
from l2sae.editing.styles import Style
from l2sae.model import L2SAE
from l2sae.pictures.conversions import square_resized
from l2sae.pictures.errors import EditError, NoPhotoError
from l2sae.pictures.frames import CropFrame, Frame

Part = TypeVar("Part")

MAX_MATTE_BYTES = 2**29  # that the drawn mattes of all steps may hold together; beyond it the oldest steps go


@dataclass(frozen=True, eq=False)
class SessionLayer:
    """One step of an edit: ``matte`` (H, W) uint8 replaces a single ROI's predicted one; muted, it has no effect."""

    rois: tuple[str, ...]
    style: Style
    strength: float = 1.0
    seed: int = 0
    matte: NDArray[np.uint8] | None = None
    muted: bool = False

    def record(self, model: L2SAE) -> RecipeLayer:
        """The layer in a recipe."""
        matte = None if self.matte is None else encode_matte(self.matte)
        style = self.style.record(model)
        return RecipeLayer(rois=self.rois, style=style, strength=float(self.strength), seed=int(self.seed), matte=matte)

    def as_layer(self) -> Layer:
        """What the editor renders."""
        if self.matte is not None and len(self.rois) != 1:
            raise EditError(f"one matte for {len(self.rois)} ROIs: give a layer with a matte one ROI")
        mattes: Mapping[str, MattePicture] = {} if self.matte is None else {self.rois[0]: self.matte}
        return Layer(dict.fromkeys(self.rois, self.style), self.strength, self.seed, mattes)


@dataclass(frozen=True, eq=False)
class SessionState:
    """What undo goes back to; ``place`` is where the face is, since recipes bring that of their time."""

    layers: tuple[SessionLayer, ...]
    compose: Composition
    place: FacePlace = field(default_factory=FacePlace)


def fit_in_memory(states: Sequence[SessionState]) -> bool:
    """Whether the drawn mattes of these states, each counted once, may be kept together."""
    mattes = (layer.matte for state in states for layer in state.layers)
    return sum({id(matte): matte.nbytes for matte in mattes if matte is not None}.values()) <= MAX_MATTE_BYTES


def matte_levels(matte: MattePicture, frame: Frame) -> NDArray[np.uint8]:
    """A matte in [0, 1] or 0 to 255 as (H, W) uint8 of the photo's size.

    Raises:
        EditError: other values, or another size.
    """
    values = np.asarray(matte)
    if values.dtype != np.uint8:
        if not (values.min() >= 0 and values.max() <= 1):
            raise EditError("matte has values outside [0, 1] (or, as uint8, 0 to 255)")
        values = np.round(values * 255.0).astype(np.uint8)
    if values.size != frame.height * frame.width or values.shape[-2:] != (frame.height, frame.width):
        raise EditError(f"matte has shape {values.shape}: give the photo's, ({frame.height}, {frame.width})")
    return values.reshape(frame.height, frame.width)


def square_of(matte: NDArray[np.uint8] | None, frame: Frame, size: int) -> NDArray[np.uint8] | None:
    """A matte at model resolution, over the photo's square or crop."""
    if matte is None:
        return None
    if isinstance(frame, CropFrame):
        return square_matte(torch.from_numpy(matte)[None, None].float(), frame, size)[0, 0].round().byte().numpy()
    return square_resized(matte, size, Image.Resampling.BILINEAR)


def fitted_to(matte: NDArray[np.uint8] | None, frame: Frame) -> NDArray[np.uint8] | None:
    """A matte at the size of a reduced photo."""
    if matte is None or matte.shape == (frame.height, frame.width):
        return matte
    return np.asarray(Image.fromarray(matte).resize((frame.width, frame.height), Image.Resampling.BILINEAR))


def cover_of(
    layers: Sequence[SessionLayer], mattes: Mapping[str, NDArray[np.float32]], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """The strongest matte of layers at each pixel, (H, W) in [0, 1].

    Args:
        layers: whose drawn mattes count; where there is none, the predicted ones of their ROIs.
        mattes: ROI -> predicted matte (H, W) in [0, 1].
        shape: (H, W).
    """
    height, width = shape
    inside = np.zeros((height, width), np.float32)
    for layer in layers:
        if layer.matte is not None:
            drawn = np.asarray(Image.fromarray(layer.matte).resize((width, height), Image.Resampling.BILINEAR))
            inside = np.maximum(inside, drawn / np.float32(255))
        else:
            inside = np.maximum.reduce([inside, *(mattes[roi] for roi in layer.rois)])
    return inside


def edited_area(editor: Renderer, layers: Sequence[SessionLayer]) -> NDArray[np.uint8]:
    """The union of the mattes of layers, (H, W) uint8: 0 where no layer edits the photo."""
    union = np.zeros(editor.photo.shape[:2], np.uint8)
    used = dict.fromkeys(roi for layer in layers if layer.matte is None for roi in layer.rois)
    predicted = editor.photo_mattes(tuple(used)) if used else {}
    for layer in layers:
        mattes = [predicted[roi][..., 0] for roi in layer.rois] if layer.matte is None else []
        given = [] if layer.matte is None else [layer.matte]
        for one in [*given, *(np.ceil(matte * 255).astype(np.uint8) for matte in mattes)]:
            np.maximum(union, one, out=union)
    return union


def loaded_part(part: Part | None) -> Part:
    """What a loaded photo has, or an error that there is none."""
    if part is None:
        raise NoPhotoError("no photo loaded: call session.load(photo) first")
    return part
