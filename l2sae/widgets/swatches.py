"""The named styles as the editors show them: a name and a colour each."""

import numpy as np
from skimage.color import lab2rgb

from l2sae.editing.named_styles import NamedStyle, named_styles
from l2sae.model import L2SAE
from l2sae.widgets.messages import Reply


def named_reply(model: L2SAE) -> Reply:
    """A message with ``styles``: ROI -> its named styles, each with ``name`` and ``colour`` (``#rrggbb``)."""
    known = named_styles(model)
    styles = {roi: [_swatch(style) for style in known.of(roi)] for roi in model.roi_names}
    return Reply({"type": "named", "styles": styles})


def _swatch(style: NamedStyle) -> dict[str, str]:
    levels = np.round(255 * lab2rgb(style.colour.numpy())).astype(np.uint8)
    return {"name": style.name, "colour": f"#{levels.tobytes().hex()}"}
