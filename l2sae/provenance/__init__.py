"""Provenance: policy, watermark, signed manifest and audit log of every export; inspection of any picture.

What it offers is listed in ``__init__.pyi`` and imported when it is first asked for, as in :mod:`l2sae.data`: the
localiser, say, is trained where nothing for signing is installed.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
