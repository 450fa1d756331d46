"""Square crops of photos that can be turned, and that invert exactly."""

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

    def pixels(self, size: int) -> NDArray[np.float64]:
        """The middles of the pixels of a crop of ``size`` x ``size``, row by row, in pixels of the photo: (N, 2)."""
        u, v = np.meshgrid(*2 * [(np.arange(size) + 0.5) / size])
        return self.to_photo(np.stack([u.ravel(), v.ravel()], axis=-1))

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
        corners = self.to_photo(np.array([[0, 0], [0, 1], [1, 1], [1, 0]], np.float64)) / factor
        low, high = np.floor(corners.min(axis=0)).astype(int) - 2, np.ceil(corners.max(axis=0)).astype(int) + 3
        window = _window(picture, low, high, factor)
        work = max(size, round(self.side / factor))
        quad = tuple((corners - low).ravel().tolist())
        resampled = window.transform((work, work), Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
        return np.asarray(resampled.resize((size, size), Image.Resampling.BICUBIC))

    def sample(self, picture: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
        """The crop as a network may see it, (size, size, 3) uint8: several times as fast as `crop`, and less smooth.

        Each pixel averages up to 8 x 8 pixels of the photo; of larger crops every k-th pixel is read.
        """
        step = max(1, int(self.side / (4 * size)))
        seen = picture[step // 2 :: step, step // 2 :: step]
        factor = max(1, round(self.side / (step * size)))
        matrix = self.scaled(1 / (step * factor)).matrix()[:2]
        corners = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 0, 1]], np.float64) @ matrix.T
        low, high = np.floor(corners.min(axis=0)).astype(int) - 1, np.ceil(corners.max(axis=0)).astype(int) + 2
        matrix = matrix / np.array([size, size, 1.0]) - np.array([[0, 0, low[0]], [0, 0, low[1]]])
        coefficients = tuple(matrix.ravel().tolist())
        window = _window(seen, low, high, factor)
        return np.asarray(
            window.transform((size, size), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
        )


def _window(picture: NDArray[np.uint8], low: NDArray[np.int64], high: NDArray[np.int64], factor: int) -> Image.Image:
    """The reduced picture from ``low`` to ``high`` (x, y), its edges repeated; only what is needed is reduced."""
    sizes = (-(-picture.shape[1] // factor), -(-picture.shape[0] // factor))
    columns, rows = (np.arange(low[axis], high[axis]).clip(0, sizes[axis] - 1) for axis in (0, 1))
    part = picture[rows[0] * factor : (rows[-1] + 1) * factor, columns[0] * factor : (columns[-1] + 1) * factor]
    reduced = np.asarray(Image.fromarray(part).reduce(factor))
    return Image.fromarray(reduced[(rows - rows[0])[:, None], (columns - columns[0])[None]])
