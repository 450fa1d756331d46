"""Edits: style operations, compositing, joint upsampling, sessions and recipes.

What it offers is listed in ``__init__.pyi`` and imported when it is first asked for, as in :mod:`l2sae.data`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
