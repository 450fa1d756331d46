"""Self-training: a model that was trained on weak labels improves them.

The model has seen hundreds of photos, a weak label only its own; where the model is sure of something else, the label
is overruled (pseudo-labels, Lee 2013, in the workshop on challenges in representation learning, ICML).
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from l2sae.data.sources import SourceError
from l2sae.rois import Roi

TRUST = 0.4  # in a weak label, of 1; the rest is the model's


class Teacher:
    """A trained model whose mattes overrule weak labels.

    Attributes:
        digest: sha256 of the checkpoint.
    """

    def __init__(self, checkpoint: str | Path, rois: Sequence[Roi]) -> None:
        """Load a checkpoint, or the ``shipped`` model.

        Raises:
            SourceError: no such checkpoint, or one of other ROIs than ``rois``.
        """
        from l2sae.model import CheckpointError, load_model, shipped_model_path  # of no use without a teacher

        path = shipped_model_path() if checkpoint == "shipped" else Path(checkpoint)
        try:
            self.model = load_model(path)
        except CheckpointError as error:
            raise SourceError(f"data.teacher: {error}") from None
        if (theirs := [(roi.name, roi.parts) for roi in self.model.rois]) != [(roi.name, roi.parts) for roi in rois]:
            names = "; ".join(f"{name}: {', '.join(parts)}" for name, parts in theirs)
            raise SourceError(f"data.teacher: {checkpoint} was trained for other rois ({names})")
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()

    @torch.inference_mode()
    def improved(
        self, images: NDArray[np.uint8], labels: NDArray[np.uint8], known: NDArray[np.bool_]
    ) -> NDArray[np.uint8]:
        """Labels (N, S, S), ROI ids, after the model has looked at ``images`` (N, S, S, 3) uint8.

        Args:
            images: face crops.
            labels: weak ones, (N, S, S) ROI ids.
            known: (N, S, S), pixels that are the photo's own; the others keep their label.
        """
        size = self.model.image_size
        pixels = torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1)
        seen = F.interpolate(pixels, size=(size, size), mode="bilinear", antialias=True)
        mattes = self.model.encode(seen.to(self.model.device)).mattes.cpu()
        mattes = F.interpolate(mattes, size=labels.shape[1:], mode="bilinear", antialias=True)
        votes = torch.cat([(1 - mattes.sum(dim=1, keepdim=True)).clamp(min=0), mattes], dim=1).mul(1 - TRUST)
        weak = torch.from_numpy(labels).long()[:, None]
        votes.scatter_add_(1, weak, torch.full_like(votes[:, :1], TRUST))
        return np.where(known, votes.argmax(dim=1).numpy(), labels).astype(np.uint8)
