"""An edit in progress: layers over one photo, with undo and redo. Holds no user interface."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from l2sae.data.decode import square_margins
from l2sae.editing.align import face_crops
from l2sae.editing.compose import COMPOSITIONS, Composition
from l2sae.editing.edit import FaceEditor, Layer, MattePicture, warn_if_no_face
from l2sae.editing.errors import EditError
from l2sae.editing.pictures import CropFrame, Frame, as_rgb, read_picture
from l2sae.editing.recipe import (
    CropRecord,
    PhotoRecord,
    Recipe,
    RecipeLayer,
    describe_style,
    digest_model,
    digest_picture,
    encode_matte,
)
from l2sae.editing.resolution import square_matte
from l2sae.editing.styles import Style
from l2sae.model import L2SAE


@dataclass(frozen=True, eq=False)
class SessionLayer:
    """One step of an edit: ``matte`` (H, W) uint8 replaces a single ROI's predicted one; muted, it has no effect."""

    rois: tuple[str, ...]
    style: Style
    strength: float = 1.0
    seed: int = 0
    matte: NDArray[np.uint8] | None = None
    muted: bool = False

    def as_layer(self) -> Layer:
        """What the editor renders."""
        if self.matte is not None and len(self.rois) != 1:
            raise EditError(f"one matte for {len(self.rois)} ROIs: give a layer with a matte one ROI")
        mattes: Mapping[str, MattePicture] = {} if self.matte is None else {self.rois[0]: self.matte}
        return Layer(dict.fromkeys(self.rois, self.style), self.strength, self.seed, mattes)


class EditSession:
    """Layers over one photo, applied in order; the photo is encoded once, each style decoded once.

    Args:
        model: from `load_model`.
        compose: composition of every layer, ``detail`` or ``replace``.
    """

    def __init__(self, model: L2SAE, compose: Composition = "detail") -> None:
        if compose not in COMPOSITIONS:
            raise EditError(f"compose={compose!r}: give one of {', '.join(COMPOSITIONS)}")
        self.model = model
        self.compose: Composition = compose
        self._path: Path | None = None
        self._editor: FaceEditor | None = None
        self._history: list[tuple[SessionLayer, ...]] = [()]
        self._now = 0

    @property
    def layers(self) -> tuple[SessionLayer, ...]:
        """The present layers, first applied first."""
        return self._history[self._now]

    def load(self, photo: str | Path | NDArray[np.uint8], align: str | None = None) -> None:
        """Take a photo, a path or uint8 (H, W[, 3]); layers and history start afresh.

        Args:
            photo: a face crop or, with ``align``, any photo.
            align: ``auto`` edits the largest face in place; previews then show its crop. Needs the extra ``faces``.
        """
        path = Path(photo) if isinstance(photo, (str, Path)) else None
        pixels, alpha = as_rgb(read_picture(path) if path else np.asarray(photo))
        if alpha is not None:
            raise EditError("a session edits pictures without transparency: give RGB, photo[..., :3]")
        if align not in (None, "auto"):
            raise EditError(f"align={align!r}: a session edits one face: give 'auto' or None")
        crop = None if align is None else face_crops(pixels)[0]
        editor = FaceEditor(self.model, pixels.copy(), crop)
        warn_if_no_face(editor)
        self._path, self._editor = path, editor
        self._history, self._now = [()], 0

    def add_layer(
        self,
        roi: str | Sequence[str],
        style: Style,
        strength: float = 1.0,
        matte: MattePicture | None = None,
        seed: int = 0,
    ) -> int:
        """Put a layer on top, for one ROI or several at once; returns its index. A matte is kept in 8 bits."""
        layer = SessionLayer(_names(roi), style, strength, seed, self._as_bytes(matte))
        self._commit((*self.layers, layer))
        return len(self.layers) - 1

    def update_layer(self, index: int, **changes: Any) -> None:
        """Change fields of one layer, e.g. ``strength=0.5``."""
        if "rois" in changes:
            changes["rois"] = _names(changes["rois"])
        if "matte" in changes:
            changes["matte"] = self._as_bytes(changes["matte"])
        if unknown := sorted(changes.keys() - SessionLayer.__dataclass_fields__.keys()):
            known = ", ".join(SessionLayer.__dataclass_fields__)
            raise EditError(f"a layer has no {', '.join(unknown)}: it has {known}")
        layers = list(self.layers)
        layers[index] = replace(layers[self._check(index)], **changes)
        self._commit(tuple(layers))

    def remove_layer(self, index: int) -> None:
        """Take one layer away."""
        index = self._check(index)
        self._commit((*self.layers[:index], *self.layers[index + 1 :]))

    def mute(self, index: int, muted: bool = True) -> None:
        """Switch one layer off, or on again."""
        self.update_layer(index, muted=muted)

    def undo(self) -> bool:
        """Go one change back; False when there is none."""
        if self._now == 0:
            return False
        self._now -= 1
        return True

    def redo(self) -> bool:
        """Take the last undone change up again; False when there is none."""
        if self._now + 1 == len(self._history):
            return False
        self._now += 1
        return True

    def render(self, preview: bool = False) -> NDArray[np.uint8]:
        """The edited photo, (H, W, 3) uint8: at its own size, or for a preview at model resolution, longer side S."""
        return self._render(self.layers, preview)

    def recipe(self) -> Recipe:
        """The edit as a document that replays bit for bit; muted layers are left out."""
        return Recipe(
            photo=self._describe_photo(),
            model_sha256=digest_model(self.model),
            compose=self.compose,
            layers=tuple(
                RecipeLayer(
                    rois=layer.rois,
                    style=describe_style(self.model, layer.style),
                    strength=layer.strength,
                    seed=layer.seed,
                    matte=None if layer.matte is None else encode_matte(layer.matte),
                )
                for layer in self.layers
                if not layer.muted
            ),
            result_sha256=digest_picture(self.render()),
        )

    def _describe_photo(self) -> PhotoRecord:
        editor = self._loaded()
        crop = None if editor.crop is None else CropRecord(**asdict(editor.crop))
        return PhotoRecord(
            path=str(self._path) if self._path else None, sha256=digest_picture(editor.photo.numpy()), crop=crop
        )

    def _render(self, layers: Sequence[SessionLayer], preview: bool) -> NDArray[np.uint8]:
        editor = self._loaded()
        if not preview:
            return editor.render([layer.as_layer() for layer in layers if not layer.muted], self.compose).numpy()
        size = self.model.image_size
        shown = [replace(layer, matte=_square(layer.matte, editor.frame, size)) for layer in layers if not layer.muted]
        square = editor.preview().render([layer.as_layer() for layer in shown], self.compose).numpy()
        return square[editor.frame.shown(size)]

    def _commit(self, layers: tuple[SessionLayer, ...]) -> None:
        """Make ``layers`` the present state, unless rendering a preview shows that they cannot be."""
        self._render(layers, preview=True)
        self._history = [*self._history[: self._now + 1], layers]
        self._now += 1

    def _as_bytes(self, matte: MattePicture | None) -> NDArray[np.uint8] | None:
        """A matte in [0, 1] or 0 to 255 as (H, W) uint8 of the photo's size."""
        if matte is None:
            return None
        frame, values = self._loaded().frame, np.asarray(matte)
        if values.dtype != np.uint8:
            if not (values.min() >= 0 and values.max() <= 1):
                raise EditError("matte has values outside [0, 1] (or, as uint8, 0 to 255)")
            values = np.round(values * 255.0).astype(np.uint8)
        if values.size != frame.height * frame.width or values.shape[-2:] != (frame.height, frame.width):
            raise EditError(f"matte has shape {values.shape}: give the photo's, ({frame.height}, {frame.width})")
        return values.reshape(frame.height, frame.width)

    def _loaded(self) -> FaceEditor:
        if self._editor is None:
            raise EditError("no photo loaded: call session.load(photo) first")
        return self._editor

    def _check(self, index: int) -> int:
        if not 0 <= index < len(self.layers):
            raise EditError(f"no layer {index}: there are {len(self.layers)}, counted from 0")
        return index


def _names(roi: str | Sequence[str]) -> tuple[str, ...]:
    return (roi,) if isinstance(roi, str) else tuple(roi)


def _square(matte: NDArray[np.uint8] | None, frame: Frame, size: int) -> NDArray[np.uint8] | None:
    """A matte at model resolution, over the photo's square or crop."""
    if matte is None:
        return None
    if isinstance(frame, CropFrame):
        return square_matte(torch.from_numpy(matte)[None, None].float(), frame, size)[0, 0].round().byte().numpy()
    padded = np.pad(matte, square_margins(*matte.shape))
    return np.asarray(Image.fromarray(padded).resize((size, size), Image.Resampling.BILINEAR))
