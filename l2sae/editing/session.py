"""An edit in progress: layers over one photo, with undo and redo. Holds no user interface."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2sae.editing.align import FacePlace, align_style, find_places
from l2sae.editing.comparison_views import (
    Outside,
    ReconstructionError,
    difference,
    outside_change,
    reconstruction_error,
)
from l2sae.editing.compose import Composition, check_composition
from l2sae.editing.edit_layers import MattePicture, expand_names
from l2sae.editing.face_check import warn_if_no_face, warn_if_the_rest_stays
from l2sae.editing.face_editor import FaceEditor, Renderer
from l2sae.editing.history import History
from l2sae.editing.recipe import PhotoRecord, Recipe
from l2sae.editing.recipe_fields import RecipeError, digest_model, digest_picture
from l2sae.editing.session_layer import (
    SessionLayer,
    SessionState,
    cover_of,
    edited_area,
    fit_in_memory,
    fitted_to,
    loaded_part,
    matte_levels,
    square_of,
)
from l2sae.editing.styles import Style
from l2sae.model import L2SAE
from l2sae.model.threads import fair_threads
from l2sae.pictures.conversions import with_alpha
from l2sae.pictures.errors import EditError
from l2sae.pictures.frames import Box
from l2sae.pictures.metadata import check_choice
from l2sae.pictures.picture import PhotoFile, Picture
from l2sae.pictures.reading import as_picture


class EditSession:
    """Layers over one photo, applied in order; the photo is encoded once, each style decoded once.

    Every change goes through a method, and `undo` takes each back. A change that could not be rendered is refused and
    leaves the session as it was.

    Args:
        model: from `load_model`.
        compose: composition of every layer, ``detail`` or ``replace``.
        model_sha256: the model's digest, if it is known: computing it takes longer than small edits.
    """

    def __init__(self, model: L2SAE, compose: Composition = "detail", model_sha256: str | None = None) -> None:
        self.model = model
        self._known_sha256 = model_sha256
        self._path: Path | None = None
        self._picture: Picture | None = None
        self._editor: Renderer | None = None
        self._aligns = False
        self._resized: dict[int, Renderer] = {}
        check_composition(compose)
        self._history = History(SessionState((), compose), fit_in_memory)

    @property
    def layers(self) -> tuple[SessionLayer, ...]:
        """The present layers, first applied first."""
        return self._history.present.layers

    @property
    def compose(self) -> Composition:
        """Composition of every layer."""
        return self._history.present.compose

    @property
    def editor(self) -> Renderer:
        """The loaded photo, encoded.

        Raises:
            NoPhotoError: no photo is loaded.
        """
        place = self._history.present.place
        if loaded_part(self._editor).place != place:  # undo has moved it
            self._place(self.picture, place)
        return loaded_part(self._editor)

    @property
    def picture(self) -> Picture:
        """The loaded photo as it was read.

        Raises:
            NoPhotoError: no photo is loaded.
        """
        return loaded_part(self._picture)

    @property
    def loaded(self) -> bool:
        """Whether there is a photo."""
        return self._editor is not None

    @fair_threads()
    def load(
        self,
        photo: PhotoFile,
        align: str | None = "auto",
        path: str | Path | None = None,
        box: Box | None = None,
    ) -> None:
        """Take a photo, a path, a Pillow picture or uint8 (H, W[, C]); layers and history start afresh.

        Args:
            photo: any photo.
            align: ``auto`` edits the largest face in place, with the whole head; previews then show its crop. None
                takes the photo as a face crop. References of layers are taken likewise.
            path: where pixels were read, for the recipe.
            box: (left, top, right, bottom) in pixels: a face crop in the photo, which is not searched.

        Raises:
            FaceNotFoundError: no face was found.
            EditError: another mode, a box outside the photo, or a photo that cannot be read.
        """
        if isinstance(photo, (str, Path)):
            path = photo
        if align == "all":
            raise EditError("align='all': a session edits one face: give 'auto' or None")
        picture = as_picture(photo)
        self.load_at(picture, find_places(picture.srgb, align, box)[0], path)
        warn_if_no_face(self.editor)
        self._aligns = align is not None

    @fair_threads()
    def load_at(self, picture: Picture, place: FacePlace, path: str | Path | None = None) -> None:
        """Take a photo whose face lies at a known place, as in a recipe, and references of layers as they are."""
        self._path, self._aligns = None if path is None else Path(path), False
        self._place(picture, place)
        self._history.restart(SessionState((), self.compose, place))

    def _place(self, picture: Picture, place: FacePlace) -> None:
        self._editor = FaceEditor.at(self.model, picture.srgb.copy(), place)
        self._picture, self._resized = picture, {}

    def add_layer(
        self,
        roi: str | Sequence[str],
        style: Style,
        strength: float = 1.0,
        matte: MattePicture | None = None,
        seed: int = 0,
        gesture: object = None,
    ) -> int:
        """Put a layer on top, for one ROI or several at once; returns its index. A matte is kept in 8 bits.

        Changes that `update_layer` makes with the same ``gesture`` belong to the same step of undo.
        """
        rois = expand_names(roi, self.model.roi_names)
        layer = SessionLayer(rois, self._aligned(style), strength, seed, self._as_drawn(matte))
        self._commit((*self.layers, layer), gesture=gesture)
        warn_if_the_rest_stays(self.editor, layer.as_layer(), [name for one in self.layers for name in one.rois])
        return len(self.layers) - 1

    def update_layer(self, index: int, gesture: object = None, **changes: Any) -> None:
        """Change fields of one layer, e.g. ``strength=0.5``.

        Args:
            index: of the layer.
            gesture: names a movement, such as one drag of a slider: its changes are undone as one.
            changes: fields of `SessionLayer` and their new values.
        """
        if "rois" in changes:
            changes["rois"] = expand_names(changes["rois"], self.model.roi_names)
        if "style" in changes:
            changes["style"] = self._aligned(changes["style"])
        if "matte" in changes:
            changes["matte"] = self._as_drawn(changes["matte"])
        if unknown := sorted(changes.keys() - SessionLayer.__dataclass_fields__.keys()):
            known = ", ".join(SessionLayer.__dataclass_fields__)
            raise EditError(f"a layer has no {', '.join(unknown)}: it has {known}")
        layers = list(self.layers)
        layers[index] = replace(layers[self._check(index)], **changes)
        layers[index].as_layer()  # checks the strength
        before, after = self.layers[index], layers[index]
        rendered = after.muted or (not before.muted and before.strength > 0)  # with its style and matte
        tried = changes.keys() <= {"strength", "muted"} and rendered
        self._commit(tuple(layers), gesture=gesture, tried=tried)

    def remove_layer(self, index: int) -> None:
        """Take one layer away."""
        index = self._check(index)
        self._commit((*self.layers[:index], *self.layers[index + 1 :]))

    def mute(self, index: int, muted: bool = True) -> None:
        """Switch one layer off, or on again."""
        self.update_layer(index, muted=muted)

    def move_layer(self, index: int, to: int) -> None:
        """Put the layer at ``index`` in place ``to``; the others close up."""
        layers = list(self.layers)
        moved = layers.pop(self._check(index))
        layers.insert(self._check(to), moved)
        self._commit(tuple(layers))

    def set_layers(self, layers: Sequence[SessionLayer]) -> None:
        """Take these layers instead of the present ones, as one change. Errors in them appear in `render`."""
        self._commit(tuple(layers), tried=True)

    def clear(self) -> None:
        """Take all layers away."""
        self._commit(())

    def set_compose(self, compose: Composition) -> None:
        """Change how all layers are composited, ``detail`` or ``replace``."""
        check_composition(compose)
        self._commit(self.layers, compose)

    @property
    def can_undo(self) -> bool:
        """Whether there is a change to take back."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone change."""
        return self._history.can_redo

    def undo(self) -> bool:
        """Go one change back; False when there is none."""
        return self._history.undo()

    def redo(self) -> bool:
        """Take the last undone change up again; False when there is none."""
        return self._history.redo()

    def trial(self) -> AbstractContextManager[None]:
        """A context in which changes can be made and rendered; afterwards session and history are as before."""
        return self._history.trial()

    def render(self, preview: bool = False, size: int | None = None) -> NDArray[np.uint8]:
        """The edited photo, (H, W, 3) uint8.

        Args:
            preview: at model resolution, longer side S: the fastest.
            size: of the longer side, for a screen, in sRGB; a smaller photo keeps its own. None is the photo's own
                size, in the space of its colour profile.
        """
        shown = self._render(self.layers, self.compose, preview, size)
        return shown if preview or size is not None else self.picture.edited(shown)

    def render_with(self, index: int, size: int | None = None, **changes: Any) -> NDArray[np.uint8]:
        """What `render` would return with fields of one layer changed; the session stays as it is."""
        layers = list(self.layers)
        layers[index] = replace(layers[self._check(index)], **changes)
        return self._render(layers, self.compose, side=size)

    def original(self, size: int | None = None) -> NDArray[np.uint8]:
        """The photo itself, with its longer side reduced to ``size``, in sRGB; or as it was read."""
        return self.picture.pixels if size is None else self._editor_at(size).photo.numpy()

    def mattes(self, size: int | None = None) -> dict[str, NDArray[np.float32]]:
        """ROI -> predicted matte (H, W) in [0, 1], fitted to the photo's edges."""
        return {roi: matte[..., 0] for roi, matte in self._editor_at(size).photo_mattes().items()}

    def reconstruction_error(self) -> ReconstructionError:
        """How well the model reproduces this photo without any edit: what to expect of edits, before making any."""
        return reconstruction_error(self.editor)

    def difference(self, size: int | None = None, gain: float = 4.0) -> NDArray[np.uint8]:
        """What the edit changed, (H, W, 3) uint8: mid-grey is no change, differences are magnified ``gain`` times."""
        return difference(self.original(size), self.render(size=size), gain)

    def outside(self, size: int | None = None) -> Outside:
        """What the edit changed outside the ROIs of its layers (matte below one half)."""
        inside = cover_of(self.layers, self.mattes(size), self.original(size).shape[:2])
        return outside_change(self.original(size), self.render(size=size), inside)

    def recipe(self, draft: bool = False) -> Recipe:
        """The edit as a document that replays bit for bit; muted layers are left out.

        A ``draft`` lacks the digest of the result, which takes a rendering at full size.
        """
        return self._recipe(None if draft else digest_picture(self.render()))

    def _recipe(self, result_sha256: str | None) -> Recipe:
        return Recipe(
            photo=PhotoRecord.of(self.picture, self._history.present.place, self._path),
            model_sha256=self._model_sha256,
            compose=self.compose,
            layers=tuple(layer.record(self.model) for layer in self.layers if not layer.muted),
            result_sha256=result_sha256,
        )

    def matte(self) -> NDArray[np.uint8]:
        """The union of the mattes of the present layers, (H, W) uint8: 0 where no layer edits the photo."""
        return edited_area(self.editor, [layer for layer in self.layers if not layer.muted])

    def rendering(self, metadata: str = "keep") -> dict[str, Any]:
        """What an export says of the edit, as arguments of `l2sae.provenance.export`: pixels at full size, recipe.

        Transparency and colour profile are the photo's. ``metadata`` is ``keep`` for its date, copyright, artist and
        resolution, or ``none``.
        """
        check_choice(metadata)
        pixels, photo = self.render(), self.picture
        return {
            "picture": with_alpha(pixels, photo.alpha),
            "recipe": self._recipe(digest_picture(pixels)),
            "original": photo.array,
            "matte": self.matte(),
            "icc_profile": photo.profile,
            "metadata": photo.metadata if metadata == "keep" else None,
            "flatten": True,
        }

    def apply(self, recipe: Recipe) -> bool:
        """Take the layers of a recipe, as one change that `undo` takes back.

        On the recipe's own photo the result is the recorded one, with the face where it was then. On another photo the
        layers are applied afresh: styles, strengths and seeds are kept, and predicted mattes stand in for mattes drawn
        on the recorded photo.

        Returns:
            Whether this is the recipe's own photo.

        Raises:
            RecipeError: made with another model, or a reference has changed.
        """
        if (found := self._model_sha256) != recipe.model_sha256:
            raise RecipeError(f"model_sha256: made with model {recipe.model_sha256[:12]}..., this is {found[:12]}...")
        same = digest_picture(self.picture.pixels) == recipe.photo.sha256
        state = replace(self._history.present, place=recipe.photo.place()) if same else self._history.present
        with self._history.trial():
            self._history.commit(state)
            layers = [
                SessionLayer(record.rois, style, record.strength, record.seed, self._as_drawn(matte) if same else None)
                for record, (style, matte) in zip(recipe.layers, recipe.resolved(), strict=True)
            ]
            self._render(layers, recipe.compose, preview=True)
        self._history.commit(replace(state, layers=tuple(layers), compose=recipe.compose))
        return same

    @fair_threads()
    def _render(
        self, layers: Sequence[SessionLayer], compose: Composition, preview: bool = False, side: int | None = None
    ) -> NDArray[np.uint8]:
        shown = [layer for layer in layers if not layer.muted]
        editor = self._editor_at(None if preview else side)
        if not preview:
            fitted = [replace(layer, matte=fitted_to(layer.matte, editor.frame)) for layer in shown]
            return editor.render([layer.as_layer() for layer in fitted], compose).numpy()
        size = self.model.image_size
        shown = [replace(layer, matte=square_of(layer.matte, editor.frame, size)) for layer in shown]
        square = editor.preview().render([layer.as_layer() for layer in shown], compose).numpy()
        return square[editor.frame.shown(size)]

    @cached_property
    def _model_sha256(self) -> str:
        return self._known_sha256 or digest_model(self.model)

    def _editor_at(self, size: int | None) -> Renderer:
        frame = self.editor.frame
        if size is None or size >= max(frame.height, frame.width):
            return self.editor
        if size not in self._resized:
            self._resized[size] = self.editor.resized(size)
        return self._resized[size]

    def _commit(
        self,
        layers: tuple[SessionLayer, ...],
        compose: Composition | None = None,
        gesture: object = None,
        tried: bool = False,
    ) -> None:
        """Make ``layers`` the present state, unless rendering a preview shows that they cannot be."""
        compose = self.compose if compose is None else compose
        if not tried:
            self._render(layers, compose, preview=True)
        self._history.commit(SessionState(layers, compose, self._history.present.place), gesture)

    def _as_drawn(self, matte: MattePicture | None) -> NDArray[np.uint8] | None:
        return None if matte is None else matte_levels(matte, self.editor.frame)

    def _aligned(self, style: Style) -> Style:
        return align_style(style) if self._aligns else style

    def _check(self, index: int) -> int:
        if not 0 <= index < len(self.layers):
            raise EditError(f"no layer {index}: there are {len(self.layers)}, counted from 0")
        return index
