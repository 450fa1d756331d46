"""Random numbers that depend on (seed, face index) alone, drawn for a whole batch of faces."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]


class Draws:
    """Hands out one column of uniform numbers a call, shaped into the distribution asked for.

    Args:
        uniforms: (N, K) numbers in [0, 1), one row a face. The order of calls decides which column serves what.
    """

    def __init__(self, uniforms: Array) -> None:
        self.uniforms = np.clip(uniforms, 1e-6, 1 - 1e-6)
        self.column = 0

    def unit(self) -> Array:
        """The next column, (N,) in (0, 1)."""
        self.column += 1
        return self.uniforms[:, self.column - 1]

    def uniform(self, low: float | Array, high: float | Array) -> Array:
        """Uniform in [low, high); bounds may differ from face to face."""
        return low + self.unit() * (np.asarray(high) - low)

    def normal(self, mean: float | Array, deviation: float | Array, limit: float = 2.5) -> Array:
        """Normal, cut off at ``limit`` standard deviations."""
        return mean + deviation * np.clip(ndtri(self.unit()), -limit, limit)

    def chance(self, probability: float | Array) -> Array:
        """1.0 with the given probability, else 0.0."""
        return (self.unit() < probability).astype(np.float64)

    def choice(self, weights: Sequence[float] | Array) -> NDArray[np.int64]:
        """Index by weight; ``weights`` is (C,) for all faces or (N, C) for each."""
        table = np.broadcast_to(
            np.atleast_2d(np.asarray(weights, dtype=np.float64)), (len(self.uniforms), np.shape(weights)[-1])
        )
        edges = np.cumsum(table, axis=1) / table.sum(axis=1, keepdims=True)
        return np.minimum((self.unit()[:, None] > edges).sum(axis=1), table.shape[1] - 1)


def face_generator(seed: int, *key: int) -> np.random.Generator:
    """The generator of the face with index ``key[0]`` of the series ``seed``; a second number names another stream."""
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(entropy=seed, spawn_key=key)))
