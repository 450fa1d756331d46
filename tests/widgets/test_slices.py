"""The pictures of the structure code."""

import numpy as np
from numpy.typing import NDArray

from l2sae.editing import FaceEditor
from l2sae.model import L2SAE
from l2sae.widgets.slices import slice_replies


def test_slices_say_which_channels_carry_which_roi(tiny_model: L2SAE, photos: list[NDArray[np.uint8]]) -> None:
    replies = slice_replies(FaceEditor(tiny_model, photos[0]))
    by_roi = {reply.content["roi"]: reply for reply in replies}
    assert list(by_roi) == [*tiny_model.roi_names, "context"]
    for roi, part in tiny_model.slices.items():
        reply, width = by_roi[roi], part.stop - part.start
        assert reply.content["channels"] == [part.start, part.stop - 1]
        assert len(reply.buffers) == width + (roi != "context")
        assert len(reply.content["reads"]) == (width if roi != "context" else 0)
    assert max(by_roi["hair"].content["reads"]) > 0.01
