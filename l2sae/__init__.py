"""L2SAE: localized style editing of faces. Names are imported on first use, so that ``import l2sae`` is quick."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l2sae.editing import Blend, EditSession, Noise, Recipe, Swap, align_face, edit
    from l2sae.model import load_model

__all__ = ["Blend", "EditSession", "Noise", "Recipe", "Swap", "align_face", "edit", "load_model"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("l2sae.model" if name == "load_model" else "l2sae.editing"), name)
    raise AttributeError(f"module 'l2sae' has no attribute {name!r}")
