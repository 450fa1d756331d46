"""Self-training: a model that was trained on weak labels tells where hair and face are, for labels that are better.

A weak label knows one photo, the model has seen hundreds. What it believes joins the prior of position; edges and
colours remain the photo's own (self-training as in Lee 2013, pseudo-label, with the first round's labeller kept).
"""

import functools
import hashlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from l2sae.data.listing import SourceError
from l2sae.model.threads import one_thread
from l2sae.pictures.conversions import to_values


class Teacher:
    """A trained model as a labeller of head regions.

    Attributes:
        checkpoint: where it is.
        digest: sha256 of that file.
    """

    def __init__(self, checkpoint: str | Path) -> None:
        """Load a checkpoint, or the ``shipped`` model.

        Raises:
            SourceError: no such checkpoint, or one without ROIs of hair and skin.
        """
        from l2sae.model import CheckpointError, load_model, shipped_model_path  # of no use without a teacher

        self.checkpoint = shipped_model_path() if checkpoint == "shipped" else Path(checkpoint)
        try:
            self.model = load_model(self.checkpoint, "cpu")
        except CheckpointError as error:
            raise SourceError(f"data.teacher: {error}") from None
        self.hair = [index for index, roi in enumerate(self.model.rois) if "hair" in roi.parts]
        if not self.hair or not any("skin" in roi.parts for roi in self.model.rois):
            names = ", ".join(self.model.roi_names)
            raise SourceError(f"data.teacher: {checkpoint} has no ROIs with the parts hair and skin; it has {names}")
        self.digest = hashlib.sha256(self.checkpoint.read_bytes()).hexdigest()

    @torch.inference_mode()
    def belief(self, picture: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Probability of hair and of face, (2, S, S), in a face crop (S, S, 3) uint8; mean over it and its mirror."""
        size, side = self.model.image_size, picture.shape[0]
        pixels = to_values(picture)
        seen = F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)
        with one_thread():  # photos are labelled side by side
            mattes = self.model.encode(torch.cat([seen, seen.flip(3)])).mattes
        mean = F.interpolate((mattes[:1] + mattes[1:].flip(3)) / 2, size=(side, side), mode="bilinear", antialias=True)
        hair = mean[0, self.hair].sum(dim=0)
        return torch.stack([hair, mean[0].sum(dim=0) - hair]).clamp(0, 1).double().numpy()


@functools.cache
def open_teacher(checkpoint: str) -> Teacher:
    """The teacher of this process; see :class:`Teacher`."""
    return Teacher(checkpoint)
