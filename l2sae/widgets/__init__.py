"""Editors for notebooks: `swap_editor` and `mask_editor`, and the controllers behind them."""

from l2sae.widgets.controller import Controller
from l2sae.widgets.editor import MaskEditor, SwapEditor, mask_editor, swap_editor
from l2sae.widgets.mask_controller import MaskController
from l2sae.widgets.messages import Reply
from l2sae.widgets.opening import Face, open_gallery, open_model
from l2sae.widgets.render_worker import Request, Worker
from l2sae.widgets.swap_controller import SwapController

__all__ = [
    "Controller",
    "Face",
    "MaskController",
    "MaskEditor",
    "Reply",
    "Request",
    "SwapController",
    "SwapEditor",
    "Worker",
    "mask_editor",
    "open_gallery",
    "open_model",
    "swap_editor",
]
