"""Faces to learn from: rendered ones, importers of labelled photos, the prepared data set, augmentation.

What it offers is listed in ``__init__.pyi`` and imported when it is first asked for, as SPEC 1 of scientific-python.org
describes: a session of edits needs none of the renderer, the importers or SciPy.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
