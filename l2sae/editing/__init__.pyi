from .align import AlignedFace, align_face
from .edit import FaceEditor, Layer, edit
from .edit_errors import EditError, FaceNotFoundError, FaceWarning
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
    "edit",
    "encode_reference",
    "shows",
]
