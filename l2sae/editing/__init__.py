"""Edits: style operations, compositing, joint upsampling, sessions and recipes."""

from l2sae.editing.align import AlignedFace, align_face
from l2sae.editing.apply import apply_recipe
from l2sae.editing.edit import FaceEditor, Layer, edit
from l2sae.editing.errors import EditError, FaceNotFoundError, FaceWarning
from l2sae.editing.recipe import Recipe, RecipeError, ReplayWarning
from l2sae.editing.session import EditSession, SessionLayer
from l2sae.editing.styles import Blend, Noise, Style, Swap, encode_reference, shows

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
