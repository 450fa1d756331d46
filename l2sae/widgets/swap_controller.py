"""The controller of the latent-swap editor: styles from faces, noise, blends, arithmetic and the style map."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from l2sae.editing import EditError, Swap
from l2sae.editing.bank import MAX_REACH, StyleMap, Vector, interpolate
from l2sae.editing.recipe_fields import ExactStyle
from l2sae.model import L2SAE
from l2sae.widgets.controller import Controller
from l2sae.widgets.messages import Reply, jpeg
from l2sae.widgets.opening import Face

FRAMES = 13
FRAME_SIDE = 384


class SwapController(Controller):
    """Each ROI takes the style of another face, noise, or a style made of others."""

    actions = (
        *Controller.actions, "use_blend", "use_arithmetic", "use_map", "name_style", "forget_style", "interpolate",
    )  # fmt: skip

    def __init__(self, model: L2SAE, gallery: Sequence[Face] = (), **settings: Any) -> None:
        super().__init__(model, gallery, **settings)
        # fitted to the gallery once, so that a place on the map keeps its meaning when styles are added
        self.map: StyleMap | None = self.bank.map() if len(self.bank) >= 3 else None

    def state(self) -> dict[str, Any]:
        """All that the browser shows beside pictures, with the places of the styles on the map."""
        return super().state() | {"map": self._map_state()}

    def use_blend(self, weights: Mapping[str, float], gesture: int | None = None) -> None:
        """Give the ROI a weighted mean of styles of the bank; weights of 0 are left out."""
        used = {name: float(weight) for name, weight in weights.items() if float(weight) != 0}
        if not used:
            raise EditError("blend: give at least one face a weight above 0")
        self._check_shown(used)
        text = " + ".join(f"{weight:.2g} {name}" for name, weight in used.items())
        self._use(Swap(self.bank.blend(used)), "blend", text, gesture)

    def use_arithmetic(
        self,
        base: str,
        minus: str | None = None,
        plus: str | None = None,
        amount: float = 1.0,
        gesture: int | None = None,
    ) -> None:
        """Give the ROI the style ``base + amount (plus - minus)``; an absent term stands for the mean face.

        Sums, and places on the map, are nobody's: there is no skin in them that could tell their light.
        """
        self._check_shown([name for name in (base, minus, plus) if name])
        vector = self.bank.arithmetic(base, minus or None, plus or None, float(amount))
        text = f"{base} + {float(amount):.2g} ({plus or 'mean'} − {minus or 'mean'})"
        self._use(Swap(ExactStyle(vector)), "arithmetic", text, gesture)

    def use_map(self, x: float, y: float, gesture: int | None = None) -> None:
        """Give the ROI the style at a place of the map, in standard deviations."""
        if self.map is None:
            raise EditError("the map needs at least 3 faces in the gallery")
        style = Swap(ExactStyle(self.map.style(float(x), float(y))))
        self._use(style, "map", f"map ({float(x):.1f}, {float(y):.1f})", gesture)

    def name_style(self, name: str) -> None:
        """Keep the ROI's present style in the bank under a name."""
        if name.strip() in self.bank:
            raise EditError(f"there is a style named {name.strip()!r} already: choose another name")
        self.bank.add_vector(name.strip(), self._present_vector())

    def forget_style(self, name: str) -> None:
        """Take a style out of the bank; layers that use it keep it."""
        self.bank.remove(name)

    def interpolate(self, count: int = FRAMES) -> None:
        """Compute the way from the photo's own style to the ROI's present one, to be scrubbed in the browser."""
        index = self._layer_of(self.roi)
        if index is None:
            raise EditError(f"choose a style for {self.roi} first: interpolation goes from its own style to that")
        session = self.session
        own = session.editor.latents.style[0].cpu().numpy()
        vectors = interpolate(own, self._present_vector(), int(count))
        evened = session.layers[index].style.evened
        styles = [Swap(ExactStyle(vector, evened)) for vector in vectors]
        frames = [jpeg(session.render_with(index, FRAME_SIDE, style=style, muted=False)) for style in styles]
        self._extra.append(Reply({"type": "frames", "roi": self.roi}, frames))

    def _use(self, style: Swap, kind: str, text: str, gesture: int | None) -> None:
        self._label(style, kind, text)
        self._set_style(style, gesture=gesture)

    def _check_shown(self, names: Sequence[str] | Mapping[str, float]) -> None:
        for name in names:
            self.bank[name].swap((self.roi,))

    def _present_vector(self) -> Vector:
        """The vector with which the ROI is drawn, in the photo's light."""
        index = self._layer_of(self.roi)
        if index is None:
            raise EditError(f"choose a style for {self.roi} first")
        return _vector(self.session.editor.style_of(self.session.layers[index].as_layer(), self.roi))

    def _map_state(self) -> dict[str, Any] | None:
        if self.map is None:
            return None
        dots = {style.name: self.map.locate(style.vector) for style in self.bank}
        here = None
        if self.session.loaded and (index := self._layer_of(self.roi)) is not None:
            layer, own = self.session.layers[index], self.session.editor.latents.style
            if not layer.style.seeded:  # noise has no place of its own
                here = self.map.locate(_vector(layer.style.vectors(self.model, own, layer.seed, layer.rois)))
        return {"dots": dots, "here": here, "reach": MAX_REACH, "explained": self.map.explained}


def _vector(vectors: Tensor) -> Vector:
    return np.asarray(vectors[0].detach().cpu().numpy(), np.float32)
