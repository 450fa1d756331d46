"""What every editor can do, without a browser: requests in, replies out."""

import warnings
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from l2sae.editing import Colour, EditError, FaceWarning, Named, Noise, Recipe, Style, Swap
from l2sae.editing.align import crop_reference
from l2sae.editing.bank import NamedStyle, StyleBank
from l2sae.editing.named_styles import named_styles
from l2sae.model import L2SAE
from l2sae.model.threads import one_thread
from l2sae.pictures.display import roi_colour
from l2sae.pictures.errors import FaceNotFoundError, NoPhotoError, PictureWarning
from l2sae.pictures.files import path_of
from l2sae.pictures.picture import PhotoFile
from l2sae.pictures.reading import read_picture
from l2sae.provenance.exporting_session import EditSession, save_edit
from l2sae.widgets.dispatcher import Dispatcher
from l2sae.widgets.messages import Reply, jpeg
from l2sae.widgets.opening import Face, small
from l2sae.widgets.render_worker import Request
from l2sae.widgets.swatches import named_reply
from l2sae.widgets.uploads import decode_upload, plain_name

DISPLAY = 512  # longer side of the pictures on screen, in pixels
DRAG = 256  # while a slider moves; the picture of DISPLAY pixels follows when it stops
SLIDERS = ("set_strength", "use_noise", "use_arithmetic", "use_blend")  # actions that have keyframes
KEYFRAMES = 9
THUMB = 72
DRAFT_PIXELS = 2**22  # drawn masks of larger photos take too long to pack after every stroke
FORMATS = {"png": ".png", "jpeg": ".jpg"}
VIEWS = ("edit", "difference", "outside")


class Controller(Dispatcher):
    """The state of one editor. Not for use by two threads at once: a `Worker` sees to that.

    Args:
        model: edits and encodes; shared, never changed.
        gallery: faces to choose a photo or a style from.
        note: to show at the start.
        exports: folder that pictures and recipes are written to.
        root: folder that relative paths in a loaded recipe start from and stay in; without ``paths``, all of them.
        paths: whether the user may name files of this machine.
    """

    actions: tuple[str, ...] = (
        "start", "choose_photo", "open_path", "upload_photo", "upload_style", "choose_roi", "keep", "use_named",
        "use_colour", "use_style", "use_noise", "set_strength", "keyframes", "mute", "remove", "move", "clear", "undo",
        "redo", "set_compose", "set_view", "save_recipe", "load_recipe", "export",
    )  # fmt: skip

    def __init__(
        self,
        model: L2SAE,
        gallery: Sequence[Face] = (),
        note: str = "",
        exports: str | Path = "reports/edits",
        root: str | Path = ".",
        paths: bool = True,
    ) -> None:
        super().__init__(note)
        self.model, self.note, self.paths = model, note, paths
        self.exports, self.root = Path(exports), Path(root)
        self.session = EditSession(model)
        self.bank = StyleBank(model)
        self.faces: dict[str, Face] = {face.name: face for face in gallery}
        self.roi = model.roi_names[0]
        self.view = "edit"
        self.photo_name = ""
        self._styles_sent: tuple[str, ...] = ()
        # a moving slider makes many styles; only those that a layer or the history holds keep their label
        self._labels: MutableMapping[Style, dict[str, Any]] = WeakKeyDictionary()
        self._error: dict[str, Any] | None = None
        for face in gallery:
            self.bank.add_picture(face.name, face.picture if face.crop is None else face.crop)

    # --- what the browser shows

    def draft(self, requests: Sequence[Request]) -> list[Reply]:
        """The edit after ``requests`` for the browser to keep, so that a restart of the kernel loses nothing.

        The draft is a reply of its own, so that the pictures do not wait for it. While something moves, there is none.
        """
        session = self.session
        drawn = any(layer.matte is not None for layer in session.layers)
        if requests[-1].live:
            return []
        if not session.layers or (drawn and session.original().size > 3 * DRAFT_PIXELS):
            return []
        recipe = session.recipe(draft=True).to_json()
        return [Reply({"type": "draft", "photo": self.photo_name, "recipe": recipe})]

    def state(self) -> dict[str, Any]:
        """All that the browser shows beside pictures, as JSON."""
        session = self.session
        return {
            "loaded": session.loaded,
            "photo": self._photo_state(),
            "faces": list(self.faces),
            "styles": [{"name": style.name, "rois": style.rois} for style in self.bank],
            "rois": [{"name": roi, "colour": roi_colour(i)} for i, roi in enumerate(self.model.roi_names)],
            "roi": self.roi,
            "view": self.view,
            "compose": session.compose,
            "layers": [self._layer_state(index) for index in range(len(session.layers))],
            "layer": self._layer_of(self.roi),
            "can_undo": session.can_undo,
            "can_redo": session.can_redo,
            "error": self._error,
            "paths": self.paths,
            "message": self._message,
        }

    def _photo_state(self) -> dict[str, Any] | None:
        if not self.session.loaded:
            return None
        frame = self.session.editor.frame
        return {"name": self.photo_name, "width": frame.width, "height": frame.height}

    def _layer_state(self, index: int) -> dict[str, Any]:
        layer = self.session.layers[index]
        label = self._labels.get(layer.style) or layer.style.label(layer.seed)
        shown = {"rois": layer.rois, "strength": layer.strength, "seed": layer.seed, "muted": layer.muted}
        return shown | {"drawn": layer.matte is not None, "sigma": None} | label

    def _pictures(self) -> list[Reply]:
        names = tuple(style.name for style in self.bank)
        if names == self._styles_sent:
            return []
        fresh = [s for s in self.bank if s.name not in self._styles_sent and s.picture is not None]
        thumbs = [jpeg(small(s.picture, THUMB)) for s in fresh if s.picture is not None]
        self._styles_sent = names
        return [Reply({"type": "thumbs", "names": [s.name for s in fresh]}, thumbs)]

    def _view(self, live: bool) -> Reply:
        size = DRAG if live else DISPLAY
        content: dict[str, Any] = {"type": "state"}
        if not self.session.loaded:
            return Reply(content)
        try:
            if self.view == "difference":
                return Reply(content, [jpeg(self.session.difference(size))])
            if self.view == "outside":
                outside = self.session.outside(size)
                content |= {"share": outside.share, "largest": outside.largest}
                return Reply(content, [jpeg(outside.picture)])
            return Reply(content, [jpeg(self.session.render(size=size))])
        except EditError as error:
            self.say("error", str(error))
            return Reply(content)

    # --- the photo

    def start(self) -> None:
        """Send everything afresh, for a view that has just opened; the first face is loaded if there is no photo."""
        self._styles_sent = ()
        self._extra.append(named_reply(self.model))
        if self.session.loaded:
            self._send_before()
        elif self.faces:
            self.choose_photo(next(iter(self.faces)))
        if self.note and not self._message:
            self.say("note", self.note)

    def choose_photo(self, name: str) -> None:
        """Edit a face of the gallery."""
        if name not in self.faces:
            raise EditError(f"no face named {name!r} in the gallery")
        self._load(self.faces[name].picture, name)

    def open_path(self, path: str) -> None:
        """Edit a photo file of this machine."""
        if not self.paths:
            raise EditError("files of the server cannot be opened here: upload the photo instead")
        file = path_of(path.strip())
        if not path.strip():
            raise EditError("type the path of a photo first")
        read_picture(file)
        self._load(file, file.name)

    def upload_photo(self, name: str, data: bytes) -> None:
        """Edit a photo that the browser sent."""
        self._load(decode_upload(name, data), name)

    def upload_style(self, name: str, data: bytes) -> None:
        """Add the face in a photo that the browser sent to the styles."""
        self.bank.add_picture(self._free_name(Path(name).stem[:40]), crop_reference(decode_upload(name, data).shown))

    def _free_name(self, wanted: str) -> str:
        name, number = wanted or "style", 2
        while name in self.bank:
            name, number = f"{wanted} {number}", number + 1
        return name

    def _load(self, photo: PhotoFile, name: str) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", FaceWarning)
            warnings.simplefilter("always", PictureWarning)
            try:
                self.session.load(photo)
            except FaceNotFoundError:
                self.session.load(photo, align=None)
                warnings.warn("no face found, so it is taken as a face crop", FaceWarning, stacklevel=1)
        self.photo_name = name
        error = self.session.reconstruction_error()
        self._error = {"psnr": error.psnr, "levels": error.levels, "rois": error.rois}
        self.view = "edit"
        self._send_before()
        missing = [roi for roi, value in error.rois.items() if value is None]
        doubts = [one.message for one in caught if issubclass(one.category, FaceWarning)]
        notes = [one.message for one in caught if issubclass(one.category, PictureWarning)]
        if doubts:
            self.say("warning", f"{name}: {doubts[-1]}")
        elif missing:
            self.say("note", f"{name} shows no {', '.join(missing)}: to edit there, draw a mask first.")
        elif notes:
            self.say("note", f"{notes[-1]}.")

    def _send_before(self) -> None:
        self._extra.append(Reply({"type": "before"}, [jpeg(self.session.original(DISPLAY))]))

    # --- layers

    def choose_roi(self, roi: str) -> None:
        """Make an ROI the one that style sources and masks apply to."""
        if roi not in self.model.roi_names:
            raise EditError(f"unknown ROI {roi!r}: this model has {', '.join(self.model.roi_names)}")
        self.roi = roi

    def keep(self) -> None:
        """Give the ROI its own style back: its layer goes."""
        index = self._layer_of(self.roi)
        if index is not None:
            self.session.remove_layer(index)

    def use_named(self, name: str) -> None:
        """Give the ROI a style that comes with the model."""
        named_styles(self.model).get(self.roi, name)
        self._set_style(Named(name))

    def use_colour(self, code: str, gesture: int | None = None) -> None:
        """Give the ROI a mean colour, ``#rrggbb``."""
        self._set_style(Colour(code), gesture=gesture)

    def use_style(self, name: str) -> None:
        """Give the ROI a style of the bank."""
        style = self._named(name, (self.roi,))
        self._set_style(style)

    def use_noise(self, sigma: float, seed: int = 0, gesture: int | None = None) -> None:
        """Vary the ROI's style by noise."""
        if not 0 <= int(seed) < 2**31:
            raise EditError(f"seed {seed}: need a whole number from 0 to {2**31 - 1}")
        self._set_style(Noise(float(sigma)), seed=int(seed), gesture=gesture)

    def set_strength(self, index: int, value: float, gesture: int | None = None) -> None:
        """Set the strength of a layer, 0 to 2; one drag of a slider is one ``gesture``."""
        self.session.update_layer(index, gesture=gesture, strength=float(value))

    def keyframes(
        self, slider: str, arguments: dict[str, Any], path: Sequence[str], ends: tuple[float, float], gesture: float
    ) -> None:
        """Send pictures along the whole way of a slider; the edit stays as it is.

        The browser blends between them while the slider moves, instead of asking for a picture at every place.

        Args:
            slider: the action that a move of the slider asks for.
            arguments: of that action.
            path: keys that lead to the slider's value in the arguments.
            ends: the values at the slider's two ends.
            gesture: names the movement that the pictures are for.
        """
        sliders = [name for name in SLIDERS if name in self.actions]
        if slider not in sliders:
            raise EditError(f"keyframes of {slider!r}: there are some of {', '.join(sliders)}")
        low, high = (float(end) for end in ends)
        pictures = []
        with self.session.trial(), one_thread():
            for value in np.linspace(low, high, KEYFRAMES):
                getattr(self, slider)(**_with(arguments, path, float(value)))
                pictures.append(jpeg(self.session.render(size=DRAG)))
        self._extra.append(Reply({"type": "keyframes", "gesture": gesture, "ends": [low, high]}, pictures))

    def mute(self, index: int, muted: bool) -> None:
        """Switch a layer off, or on again."""
        self.session.mute(index, bool(muted))

    def remove(self, index: int) -> None:
        """Take a layer away."""
        self.session.remove_layer(index)

    def move(self, index: int, to: int) -> None:
        """Change the order of the layers."""
        self.session.move_layer(index, to)

    def clear(self) -> None:
        """Take all layers away; `undo` brings them back."""
        self.session.clear()

    def undo(self) -> None:
        """Take the last change back."""
        if not self.session.undo():
            self.say("note", "Nothing to undo.")

    def redo(self) -> None:
        """Make the last undone change again."""
        if not self.session.redo():
            self.say("note", "Nothing to redo.")

    def set_compose(self, compose: Any) -> None:
        """Composite by ``detail`` or ``replace``."""
        self.session.set_compose(compose)

    def set_view(self, view: str) -> None:
        """Show the ``edit``, the ``difference``, or the change ``outside`` the ROIs."""
        if view not in VIEWS:
            raise EditError(f"view {view!r}: choose one of {', '.join(VIEWS)}")
        self.view = view

    def _layer_of(self, roi: str) -> int | None:
        """Index of the topmost layer of this ROI alone."""
        found = [index for index, layer in enumerate(self.session.layers) if layer.rois == (roi,)]
        return found[-1] if found else None

    def _set_style(self, style: Style, seed: int = 0, gesture: int | None = None) -> None:
        index = self._layer_of(self.roi)
        if index is None:
            self.session.add_layer(self.roi, style, seed=seed, gesture=gesture)
        else:
            self.session.update_layer(index, gesture=gesture, style=style, seed=seed)

    def _named(self, name: str, rois: Sequence[str]) -> Swap:
        entry = self.bank[name]
        swap = entry.swap(rois)
        self._label(swap, "face" if entry.picture is not None else "kept", entry.name, entry)
        return swap

    def _label(self, style: Style, kind: str, text: str, entry: NamedStyle | None = None) -> None:
        face = entry.name if entry is not None and entry.picture is not None else None
        self._labels[style] = {"kind": kind, "text": text, "face": face}

    # --- files

    def save_recipe(self) -> None:
        """Hand the recipe to the browser as a file, and keep it in the folder of exports."""
        recipe = self.session.recipe()
        path = self._free_path(".recipe.json")
        recipe.save(path)
        self._send_file(f"{plain_name(self.photo_name)}.recipe.json", "application/json", recipe.to_json().encode())
        self.say("note", f"Recipe saved as {path}.")

    def load_recipe(self, name: str, data: bytes) -> None:
        """Apply the layers of a recipe that the browser sent to the present photo."""
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise EditError(f"{name}: not a recipe: no UTF-8 text") from None
        recipe = Recipe.parse(text, name, self.root, None if self.paths else self.root)
        if self.session.apply(recipe):
            self.say("note", f"{name}: the recorded edit of this photo.")
        else:
            self.say("note", f"{name}: made on another photo; its layers are applied afresh, without drawn masks.")

    def export(self, purpose: str = "research", format: str = "png") -> None:
        """Write the edit at full size with its recipe, as ``png`` or ``jpeg``, and hand the picture to the browser."""
        if format not in FORMATS:
            raise EditError(f"format {format!r}: choose one of {', '.join(FORMATS)}")
        path = self._free_path(FORMATS[format])
        save_edit(self.session, path, purpose)
        self._send_file(path.name, f"image/{format}", path.read_bytes())
        self.say("note", f"Exported as {path}, with its recipe beside it.")

    def _free_path(self, suffix: str) -> Path:
        stem = plain_name(self.photo_name or "edit")
        if not self.session.loaded:
            raise NoPhotoError("no photo loaded")
        numbers = (self.exports / f"{stem}-{number:03d}" for number in range(1, 10_000))
        free = (
            p for p in numbers if not any(Path(f"{p}{end}").exists() for end in (*FORMATS.values(), ".recipe.json"))
        )
        return Path(f"{next(free)}{suffix}")

    def _send_file(self, name: str, mime: str, data: bytes) -> None:
        self._extra.append(Reply({"type": "file", "name": name, "mime": mime}, [data]))


def _with(arguments: Mapping[str, Any], path: Sequence[str], value: float) -> dict[str, Any]:
    """Nested arguments with one value changed."""
    first, *rest = path
    return {**arguments, first: _with(arguments[first], rest, value) if rest else value}
