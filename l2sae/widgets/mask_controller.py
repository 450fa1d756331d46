"""The controller of the ROI-mask editor: predicted mattes as layers, drawn and refined, with the edit live in them."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from l2sae.editing import EditError, Noise
from l2sae.editing import mask_tools as masks
from l2sae.editing.mask_tools import Mask, Point
from l2sae.model import L2SAE
from l2sae.pictures.display import roi_colour
from l2sae.pictures.errors import PictureWarning
from l2sae.pictures.picture import PhotoFile
from l2sae.widgets.controller import DISPLAY, Controller
from l2sae.widgets.messages import Reply, coloured
from l2sae.widgets.opening import Face
from l2sae.widgets.slices import slice_replies
from l2sae.widgets.uploads import plain_name

COMBINE = ("replace", "add", "subtract")


class MaskController(Controller):
    """Each ROI's mask is its predicted matte until it is changed; the change and the edit in it are one layer."""

    actions = (
        *Controller.actions, "stroke", "polygon", "click", "feather", "grow", "invert", "refine", "predicted",
        "empty", "load_mask", "save_mask", "slices",
    )  # fmt: skip

    def __init__(self, model: L2SAE, gallery: Sequence[Face] = (), **settings: Any) -> None:
        super().__init__(model, gallery, **settings)
        self._predicted: dict[str, Mask] = {}
        self._sent: dict[str, Mask] = {}

    def mask(self, roi: str) -> Mask:
        """The ROI's mask (H, W) uint8 at the photo's size: drawn, or as predicted."""
        index = self._layer_of(roi)
        drawn = None if index is None else self.session.layers[index].matte
        if drawn is not None:
            return drawn
        if not self._predicted:
            fitted = self.session.mattes()
            self._predicted = {name: np.round(matte * 255).astype(np.uint8) for name, matte in fitted.items()}
        return self._predicted[roi]

    def state(self) -> dict[str, Any]:
        """All that the browser shows beside pictures, with the cover of each mask."""
        cover = {}
        if self.session.loaded:
            cover = {roi: float(self.mask(roi).mean() / 255) for roi in self.model.roi_names}
        return super().state() | {"cover": cover}

    # --- drawing; each is one step of undo

    def stroke(
        self, points: Sequence[Sequence[float]], size: float, hardness: float = 0.8, erase: bool = False
    ) -> None:
        """Draw a stroke of (x, y, pressure) in pixels of the photo, with a brush of ``size`` pixels."""
        path = [Point(*(float(value) for value in point)) for point in points]
        self._change(masks.stroke(self.mask(self.roi), path, float(size), float(hardness), bool(erase)))

    def polygon(self, points: Sequence[Sequence[float]], erase: bool = False) -> None:
        """Fill, or clear, a polygon of (x, y) in pixels of the photo."""
        corners = [(float(x), float(y)) for x, y in points]
        self._change(masks.polygon(self.mask(self.roi), corners, bool(erase)))

    def click(self, x: float, y: float, tolerance: float = 0.3, combine: str = "replace") -> None:
        """Mask whatever is at a place of the photo: in place of the present mask, added to it, or taken away."""
        if combine not in COMBINE:
            raise EditError(f"combine={combine!r}: choose one of {', '.join(COMBINE)}")
        found = masks.click_mask(self.session.editor, float(x), float(y), float(tolerance))
        before = self.mask(self.roi)
        joined = {"replace": found, "add": np.maximum(before, found), "subtract": np.minimum(before, 255 - found)}
        self._change(joined[combine])

    def feather(self, radius: float) -> None:
        """Soften the mask's rim."""
        self._change(masks.feather(self.mask(self.roi), float(radius)))

    def grow(self, pixels: int) -> None:
        """Widen the mask, or narrow it where negative."""
        self._change(masks.grow(self.mask(self.roi), int(pixels)))

    def invert(self) -> None:
        """Swap inside and outside."""
        self._change(masks.invert(self.mask(self.roi)))

    def refine(self) -> None:
        """Fit the mask to the photo's edges."""
        self._change(masks.refine(self.mask(self.roi), self.session.original()))

    def predicted(self) -> None:
        """Go back to the predicted matte."""
        index = self._layer_of(self.roi)
        if index is not None and self.session.layers[index].matte is not None:
            self.session.update_layer(index, matte=None)

    def empty(self) -> None:
        """Begin with nothing masked."""
        self._change(np.zeros_like(self.mask(self.roi)))

    def load_mask(self, name: str, data: bytes) -> None:
        """Take a mask file that the browser sent; what was guessed of it is said."""
        frame = self.session.editor.frame
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", PictureWarning)
            mask = masks.load_mask(data, (frame.height, frame.width), name)
        self._change(mask)
        for warning in caught:
            self.say("note", str(warning.message))

    def save_mask(self) -> None:
        """Hand the mask to the browser as a grey PNG."""
        name = f"{plain_name(self.photo_name)}-{self.roi}.png"
        self._send_file(name, "image/png", masks.mask_png(self.mask(self.roi)))

    def slices(self) -> None:
        """Send the pictures that explain which channels of the structure code carry which ROI."""
        self._extra.extend(slice_replies(self.session.editor))

    def _change(self, mask: Mask) -> None:
        index = self._layer_of(self.roi)
        if index is None:
            self.session.add_layer(self.roi, self._first_style(), matte=mask)
        else:
            self.session.update_layer(index, matte=mask)
        pixels = int((mask >= 128).sum())
        if pixels == 0:
            self.say("note", f"The mask of {self.roi} is empty: nothing is edited until you draw in it.")
        elif pixels < 20:
            self.say(
                "note", f"The mask of {self.roi} has {pixels} pixel{'s' * (pixels > 1)}: the edit is hardly visible."
            )

    def _first_style(self) -> Any:
        """A style that shows the mask at work until another is chosen."""
        candidates = [style.name for style in self.bank if style.name != self.photo_name and self.roi in style.rois]
        return self._named(candidates[-1], (self.roi,)) if candidates else Noise(2.0)

    # --- replies

    def start(self) -> None:
        """Send everything afresh, masks included."""
        self._sent = {}
        super().start()

    def _load(self, photo: PhotoFile, name: str) -> None:
        self._predicted, self._sent = {}, {}
        super()._load(photo, name)

    def _pictures(self) -> list[Reply]:
        replies = super()._pictures()
        if self.session.loaded:
            for index, roi in enumerate(self.model.roi_names):
                mask = self.mask(roi)
                if self._sent.get(roi) is not mask:
                    self._sent[roi] = mask
                    picture = coloured(_reduced(mask), roi_colour(index))
                    replies.append(Reply({"type": "matte", "roi": roi}, [picture]))
        return replies


def _reduced(mask: Mask) -> Mask:
    image = Image.fromarray(mask)
    if max(mask.shape) > DISPLAY:
        scale = DISPLAY / max(mask.shape)
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(image)
