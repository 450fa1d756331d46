"""Faces in photos of any kind: where they are, their landmarks, the square crop that the model sees, the silhouette.

What it offers is listed in ``__init__.pyi`` and imported when it is first asked for: a crop needs no network.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
