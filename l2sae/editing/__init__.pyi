from .align import AlignedFace, align_face
from .edit import edit
from .edit_errors import EditError, FaceNotFoundError, FaceWarning
from .edit_layers import Layer
from .face_editor import FaceEditor, Renderer
from .recipe import Recipe, ReplayWarning
from .recipe_fields import RecipeError
from .references import encode_reference, shows
from .session import EditSession
from .session_layer import SessionLayer
from .styles import Blend, Colour, Named, Noise, Style, Swap

__all__ = [
    "AlignedFace",
    "Blend",
    "Colour",
    "EditError",
    "EditSession",
    "FaceEditor",
    "FaceNotFoundError",
    "FaceWarning",
    "Layer",
    "Named",
    "Noise",
    "Recipe",
    "RecipeError",
    "Renderer",
    "ReplayWarning",
    "SessionLayer",
    "Style",
    "Swap",
    "align_face",
    "edit",
    "encode_reference",
    "shows",
]
