"""Pictures of the structure code: which of its channels carry which ROI."""

import numpy as np
import torch
from numpy.typing import NDArray

from l2sae.editing import Renderer
from l2sae.widgets.messages import Reply, jpeg, png

SIDE = 96


@torch.inference_mode()
def slice_replies(editor: Renderer) -> list[Reply]:
    """One message for each slice of the structure code, in order: its channels as maps, and the matte made from them.

    The context slice, which no matte is made from, comes last. Each message has ``roi``, ``channels`` (first, last),
    ``reads`` (for each channel: by how much the matte changes when it is set to its mean, mean absolute change in the
    share of the matte's own mass), and the pictures: the matte (absent for the context), then one map a channel.
    """
    structure = editor.latents.structure
    replies = []
    for roi, part in editor.model.slices.items():
        maps = [png(_heat(channel)) for channel in structure[0, part].cpu().numpy()]
        pictures = [jpeg(_grey(editor, roi)), *maps] if roi in editor.model.roi_names else maps
        content = {"type": "slice", "roi": roi, "channels": [part.start, part.stop - 1], "reads": _reads(editor, roi)}
        replies.append(Reply(content, pictures))
    return replies


def _reads(editor: Renderer, roi: str) -> list[float]:
    if roi not in editor.model.roi_names:
        return []
    structure, part = editor.latents.structure, editor.model.slices[roi]
    whole = editor.model.masks(structure, [roi])[roi]
    changes = []
    for channel in range(part.start, part.stop):
        flat = structure.clone()
        flat[:, channel] = flat[:, channel].mean()
        change = (editor.model.masks(flat, [roi])[roi] - whole).abs().sum() / (whole.sum() + 1e-6)
        changes.append(float(change))
    return changes


def _heat(channel: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A channel (h, w) in colours around its mean, enlarged without smoothing: each square is one value."""
    from matplotlib import colormaps  # takes half a second, which an editor's first picture need not wait for

    centred = channel - channel.mean()
    scaled = 0.5 + 0.5 * centred / (np.abs(centred).max() + 1e-9)
    times = max(1, SIDE // channel.shape[0])
    colours = colormaps["PuOr_r"](np.kron(scaled, np.ones((times, times))))
    return np.asarray(np.round(colours[..., :3] * 255), np.uint8)


def _grey(editor: Renderer, roi: str) -> NDArray[np.uint8]:
    matte = editor.mattes()[roi][0, 0].cpu().numpy()
    return np.asarray(np.round(matte * 255), np.uint8)
