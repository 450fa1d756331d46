from .align import AlignedFace, align_face
from .apply import apply_recipe
from .edit import FaceEditor, Layer, edit
from .errors import EditError, FaceNotFoundError, FaceWarning
from .recipe import Recipe, RecipeError, ReplayWarning
from .session import EditSession, SessionLayer
from .styles import Blend, Noise, Style, Swap, encode_reference, shows

__all__ = [
    "AlignedFace",
    "Blend",
    "EditError",
    "EditSession",
    "FaceEditor",
    "FaceNotFoundError",
    "FaceWarning",
    "Layer",
    "Noise",
    "Recipe",
    "RecipeError",
    "ReplayWarning",
    "SessionLayer",
    "Style",
    "Swap",
    "align_face",
    "apply_recipe",
    "edit",
    "encode_reference",
    "shows",
]
