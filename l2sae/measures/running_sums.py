"""Statistics of single images, and their sums over the data set and over bootstrap resamples of it."""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]


class Tally:
    """Columns of per-image statistics, filled batch by batch.

    Every figure of the evaluation is a function of sums over images, so that one set of columns gives the figure and,
    with the images resampled, its interval. No image is kept.
    """

    def __init__(self) -> None:
        self._parts: dict[str, list[Array]] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Append ``values`` (B, ...), one row an image; a NaN counts as an image without the statistic.

        A column ``name`` and its number of valid entries, ``name/n``, can be asked for as sums.
        """
        rows = values.cpu().double().numpy()
        valid = ~np.isnan(rows)
        self._parts.setdefault(name, []).append(np.where(valid, rows, 0.0))
        self._parts.setdefault(f"{name}/n", []).append(valid.astype(np.float64))

    def add_all(self, columns: Mapping[str, Tensor]) -> None:
        """Append a batch of every column; see :meth:`add`."""
        for name, values in columns.items():
            self.add(name, values)

    def add_sums(self, name: str, sums: Tensor, counts: Tensor) -> None:
        """Append sums (B, ...) of several values an image, and how many there were."""
        self._parts.setdefault(name, []).append(sums.cpu().double().numpy())
        self._parts.setdefault(f"{name}/n", []).append(counts.cpu().double().numpy())

    def columns(self) -> dict[str, Array]:
        """Column name -> (N, ...) array."""
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}


class RunningSums:
    """Sums and counts over the edits of one batch, for ``Tally.add_sums``; NaN entries are left out."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, Tensor] = {}
        self._kept: dict[str, list[Tensor]] = {}

    def add(self, name: str, values: Tensor) -> None:
        """Add ``values`` (B, ...), one entry an image."""
        valid = ~values.isnan()
        self._sums[name] = self._sums.get(name, torch.zeros(())) + values.nan_to_num().cpu().double()
        self._counts[name] = self._counts.get(name, torch.zeros(())) + valid.cpu().double()

    def keep(self, name: str, values: Tensor) -> None:
        """Keep ``values`` (B, ...) as they are, for statistics that are no sums; see :func:`weighted_medians`."""
        self._kept.setdefault(name, []).append(values)

    def into(self, tally: Tally) -> None:
        """Append what was summed up as one batch of ``tally``."""
        for name, sums in self._sums.items():
            tally.add_sums(name, sums, self._counts[name])
        for name, values in self._kept.items():
            tally.add(name, torch.stack(values, dim=1))


def resampling_weights(images: int, resamples: int, seed: int) -> Array:
    """How often each image counts: (1 + resamples, images), first each once, then bootstrap draws with replacement."""
    draws = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), size=resamples)
    return np.concatenate([np.ones((1, images)), draws]).astype(np.float64)


def weighted_totals(columns: Mapping[str, Array], weights: Array) -> dict[str, Array]:
    """Sums of each column (N, ...) under each row of weights (W, N): name -> (W, ...)."""
    return {name: np.tensordot(weights, column, axes=1) for name, column in columns.items()}


def weighted_medians(values: Array, valid: Array, weights: Array) -> Array:
    """Medians of all values of the images that count, (W,): NaN where none is valid.

    Args:
        values: (N, K), K values an image.
        valid: (N, K), 1 where there is one.
        weights: (W, N), how often each image counts.
    """
    order = np.argsort(values, axis=None)
    images = np.repeat(np.arange(len(values)), values.shape[1])[order]
    reached = np.cumsum(weights[:, images] * valid.ravel()[order], axis=1)
    place = np.argmax(reached >= reached[:, -1:] / 2, axis=1)
    return np.where(reached[:, -1] > 0, values.ravel()[order][place], np.nan)


def interval(samples: Array) -> list[float]:
    """The 2.5 and 97.5 percentiles of bootstrap samples (W,); samples with an undefined figure are left out."""
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return [float(low), float(high)]
