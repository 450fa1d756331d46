"""The robustness benchmark's conditions: what is done to the faces, in which steps, and on which faces.

Severity 0 is the face without the condition; severities 1 to 5 are the levels listed here. They are the benchmark's
definition: change none without giving the result another name.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor

from l2sae.data import FaceDataset, render_faces
from l2sae.measures.corruptions import blur, jpeg, noise, occlude, reduce_resolution
from l2sae.measures.reconstruction import eight_bit, resized
from l2sae.measures.regions import resized_labels
from l2sae.params import Params

SEVERITIES = (1, 2, 3, 4, 5)
_SIDED = ("yaw", "light_azimuth")  # factors whose sign is a side
_BLOCK = 8  # neighbouring faces that are rendered together
_FRONT_LIT = {"light_azimuth": 0.0, "light_elevation": 30.0, "light_intensity": 0.8, "ambient": 0.4}


@dataclass(frozen=True)
class FacePictures:
    """Photos (B, 3, S, S) in [-1, 1], their label maps (B, S, S), and the indices of the faces.

    ``face`` (B, S, S) bool are the labelled pixels that are not hair: where something held before the face goes.
    """

    photos: Tensor
    labels: Tensor
    face: Tensor
    indices: tuple[int, ...]


@dataclass(frozen=True)
class Condition:
    """One condition: its levels at severities 1 to 5, and their unit.

    Attributes:
        apply: (pictures, level, seed) -> pictures, for what is done to any picture; None where the scene is rendered.
        factors: (level or None) -> factors of a rendered scene, for what only the renderer can change.
    """

    levels: tuple[float, ...]
    unit: str
    apply: Callable[[FacePictures, float, int], FacePictures] | None = None
    factors: Callable[[float | None], Mapping[str, float]] | None = None
    painted: bool = False


def _filtered(change: Callable[[Tensor, float], Tensor]) -> Callable[[FacePictures, float, int], FacePictures]:
    return lambda faces, level, seed: replace(faces, photos=change(faces.photos, level))


def _noisy(faces: FacePictures, level: float, seed: int) -> FacePictures:
    return replace(faces, photos=noise(faces.photos, level, faces.indices, seed))


def _occluded(faces: FacePictures, level: float, seed: int) -> FacePictures:
    photos, labels = occlude(faces.photos, faces.labels, faces.face, level / 100, faces.indices, seed)
    return replace(faces, photos=photos, labels=labels)


def _side_lit(level: float | None) -> dict[str, float]:
    if level is None:
        return _FRONT_LIT
    return {**_FRONT_LIT, "light_azimuth": level, "light_intensity": 1.0, "ambient": 0.4 - 0.37 * level / 90}


CONDITIONS: dict[str, Condition] = {
    "occlusion": Condition((10, 20, 30, 40, 50), "% of the face's box hidden", apply=_occluded, painted=True),
    "pose": Condition((10, 20, 30, 40, 50), "yaw (degrees)", factors=lambda level: {"yaw": level or 0.0, "pitch": 0.0}),
    "lighting": Condition((18, 36, 54, 72, 90), "light from the side (degrees)", factors=_side_lit),
    "blur": Condition((1, 2, 3, 4, 6), "blur σ (pixels of 128)", apply=_filtered(blur)),
    "jpeg": Condition((50, 30, 20, 10, 5), "JPEG quality", apply=_filtered(jpeg)),
    "noise": Condition((8, 16, 32, 48, 64), "noise σ (8-bit levels)", apply=_noisy),
    "resolution": Condition((64, 48, 32, 24, 16), "side (pixels)", apply=_filtered(reduce_resolution)),
}
NEEDS_RENDERING = "needs faces whose scene can be controlled: data.source: rendered"


class FaceSource:
    """Where a condition's faces come from: the test split, or scenes rendered beyond the prepared ones.

    Args:
        dataset: the test split.
        params: ``data``, ``rois`` and ``seed`` say what to render; nobody was trained on those faces.
        size: side of the pictures.
        count: faces in all; face i takes the style of face i + 1, the last that of the first.
    """

    def __init__(self, dataset: FaceDataset, params: Params, size: int, count: int) -> None:
        self.dataset, self.params, self.size, self.count = dataset, params, size, count

    def offers(self, condition: Condition) -> bool:
        """Whether these faces can be put under the condition."""
        return self.params.data.source == "rendered" or not (condition.factors or condition.painted)

    def with_references(
        self, indices: tuple[int, ...], condition: Condition | None
    ) -> tuple[FacePictures, FacePictures]:
        """Faces at severity 0, and the next face for each."""
        following = tuple((i + 1) % self.count for i in indices)
        return self.at(indices, condition, 0), self.at(following, condition, 0)

    def at(self, indices: tuple[int, ...], condition: Condition | None, severity: int) -> FacePictures:
        """The faces at ``indices`` under a condition at a severity, 0 to 5."""
        level = condition.levels[severity - 1] if condition and severity else None
        if condition and condition.factors:
            return self._rendered(indices, condition.factors(level))
        faces = self._stored(indices)
        if condition is None or condition.apply is None or level is None:
            return faces
        return condition.apply(faces, level, self.params.seed)

    def _stored(self, indices: tuple[int, ...]) -> FacePictures:
        batch = self.dataset.batch(indices)
        labels = resized_labels(batch.labels, self.size)
        return self._pictures(eight_bit(resized(batch.images, self.size)), labels, indices)

    def _rendered(self, indices: tuple[int, ...], factors: Mapping[str, float]) -> FacePictures:
        params, photos, labels = self.params, [], []
        for (block, _), run in groupby(enumerate(indices), key=lambda pair: (pair[1] // _BLOCK, pair[1] - pair[0])):
            rows = [index for _, index in run]
            sign = -1.0 if block % 2 else 1.0  # every other block of faces is turned, or lit, the other way
            given = {name: sign * value if name in _SIDED else value for name, value in factors.items()}
            start = params.data.count + rows[0]
            faces = render_faces(len(rows), self.size, params.seed, rois=params.rois, start=start, factors=given)
            photos.append(eight_bit(faces.images))
            labels.append(faces.labels)
        return self._pictures(torch.cat(photos), torch.cat(labels), indices)

    def _pictures(self, photos: Tensor, labels: Tensor, indices: tuple[int, ...]) -> FacePictures:
        face = labels > 0
        for label, roi in enumerate(self.params.rois, start=1):
            if "hair" in roi.parts:
                face &= labels != label
        return FacePictures(photos, labels, face, indices)
