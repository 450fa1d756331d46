"""L2SAE: localized style editing of faces. Names are imported on first use, so that ``import l2sae`` is quick."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l2sae.bulk import edit_folder
    from l2sae.editing import Blend, Colour, Named, Noise, Recipe, Swap, align_face, edit
    from l2sae.model import load_model
    from l2sae.provenance import EditSession

__all__ = [
    "Blend", "Colour", "EditSession", "Named", "Noise", "Recipe", "Swap", "align_face", "edit", "edit_folder",
    "load_model",
]  # fmt: skip

_ELSEWHERE = {"EditSession": "l2sae.provenance", "load_model": "l2sae.model", "edit_folder": "l2sae.bulk"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(_ELSEWHERE.get(name, "l2sae.editing")), name)
    raise AttributeError(f"module 'l2sae' has no attribute {name!r}")
