"""Square crops of photos, turned or not, and the similarity between crop and photo."""

import math
from dataclasses import dataclass

import numpy as np
import skimage  # loads its parts when they are first used
from numpy.typing import NDArray
from PIL import Image

MAX_CROP = 1024  # pixels a side that a crop is resampled to at most


@dataclass(frozen=True)
class CropTransform:
    """A square of a photo, turned by ``angle``: the similarity between crop and photo, which inverts exactly.

    Attributes:
        x, y: the crop's centre in pixels of the photo.
        side: in pixels of the photo.
        angle: degrees by which the crop's horizontal is turned clockwise in the photo.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    def matrix(self) -> NDArray[np.float64]:
        """(3, 3): (u, v, 1) in [0, 1] x [0, 1] of the crop to (x, y, 1) in pixels of the photo."""
        turn = skimage.transform.SimilarityTransform(
            scale=self.side, rotation=math.radians(self.angle), translation=(self.x, self.y)
        )
        return np.asarray(turn.params @ skimage.transform.SimilarityTransform(translation=(-0.5, -0.5)).params)

    def scaled(self, factor: float) -> "CropTransform":
        """The same crop of the photo resized by ``factor``."""
        return CropTransform(self.x * factor, self.y * factor, self.side * factor, self.angle)

    def to_photo(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (N, 2) of the crop, in [0, 1], in pixels of the photo."""
        matrix = self.matrix()
        return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])

    def to_crop(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Points (N, 2) in pixels of the photo, as parts of the crop's side."""
        matrix = np.linalg.inv(self.matrix())
        return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])

    def crop(self, picture: NDArray[np.uint8], size: int | None = None) -> NDArray[np.uint8]:
        """Resample the crop, (size, size, 3) uint8; what lies outside the photo repeats its edge.

        Args:
            picture: (H, W, 3) uint8.
            size: pixels a side; None keeps the photo's resolution, up to `MAX_CROP`.
        """
        size = max(1, round(min(self.side, MAX_CROP))) if size is None else size
        factor = max(1, int(self.side / (2 * size)))  # reduced first: what follows looks at 4 x 4 pixels only
        small = np.asarray(Image.fromarray(picture).reduce(factor))
        corners = self.to_photo(np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float64)) / factor
        low, high = np.floor(corners.min(axis=0)).astype(int) - 2, np.ceil(corners.max(axis=0)).astype(int) + 3
        rows = np.arange(low[1], high[1]).clip(0, small.shape[0] - 1)
        columns = np.arange(low[0], high[0]).clip(0, small.shape[1] - 1)
        window = Image.fromarray(small[rows[:, None], columns[None]])
        work = max(size, round(self.side / factor))
        quad = tuple((corners - low).ravel().tolist())
        resampled = window.transform((work, work), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
        return np.asarray(resampled.resize((size, size), Image.Resampling.BICUBIC))
