"""The canonical data set on disk: what ``prepare`` writes and training and evaluation read.

A prepared folder holds, for each split, shards ``images-00000.npy`` (N, S, S, 3) uint8 and ``labels-00000.npy``
(N, S, S) uint8 ROI ids, ``attributes.csv`` with one row a face, and one ``manifest.json`` for all. Two runs with equal
params over equal files write equal bytes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from l2sae.pictures.conversions import levels_to_values
from l2sae.rois import Roi, roi_labels

SHARD_IMAGES = 1024
_SHARD_BYTES = 128 * 2**20  # keeps the memory of writing one shard low for large images too
MANIFEST = "manifest.json"


class PreparedError(ValueError):
    """Prepared data is absent, damaged, or was made for other parameters."""


@dataclass(frozen=True)
class FaceBatch:
    """``images`` (B, 3, S, S) float32 in [-1, 1] and ``labels`` (B, S, S) uint8, ROI ids with 0 for everything else."""

    images: Tensor
    labels: Tensor


class FaceDataset:
    """One split of a prepared folder, read from disk as needed.

    Attributes:
        names: the faces' names, in manifest order.
        attributes: one row a face: its name and whatever factors the source recorded.
        image_size: side of the images in pixels.
        rois: names of the ROIs; ROI ``rois[i]`` has the label id ``i + 1``.
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.attributes = pd.read_csv(folder / "attributes.csv", dtype={"name": str}, keep_default_na=False)
        self.names: tuple[str, ...] = tuple(self.attributes["name"])
        self.image_size: int = manifest["image_size"]
        self.rois: tuple[str, ...] = tuple(roi["name"] for roi in manifest["rois"])
        self._images = _open_shards(folder, "images")
        self._labels = _open_shards(folder, "labels")
        self._starts = np.cumsum([0, *(len(shard) for shard in self._images)])
        if self._starts[-1] != len(self.names):
            raise PreparedError(
                f"{folder}: {self._starts[-1]} images for {len(self.names)} names; run 'dvc repro prepare'"
            )

    def __len__(self) -> int:
        return len(self.names)

    def batch(
        self, indices: Sequence[int] | NDArray[np.integer] | Tensor, device: torch.device | str = "cpu"
    ) -> FaceBatch:
        """Read the faces at ``indices`` (each 0..len - 1), in that order; to another device they go as bytes.

        Raises:
            IndexError: an index outside the split.
        """
        levels, labels = torch.from_numpy(self._read(self._images, indices)), self.labels(indices)
        floats = levels_to_values(levels.to(device).permute(0, 3, 1, 2))
        return FaceBatch(floats.contiguous(), labels.to(device))

    def labels(self, indices: Sequence[int] | NDArray[np.integer] | Tensor) -> Tensor:
        """The labels of :meth:`batch` alone, (B, S, S) uint8."""
        return torch.from_numpy(self._read(self._labels, indices))

    def _read(
        self, shards: Sequence[NDArray[np.uint8]], indices: Sequence[int] | NDArray[np.integer] | Tensor
    ) -> NDArray[np.uint8]:
        wanted = [int(index) for index in indices]
        if outside := [index for index in wanted if not 0 <= index < len(self)]:
            raise IndexError(f"face {outside[0]} of a split of {len(self)}")
        found = np.empty((len(wanted), *shards[0].shape[1:]), np.uint8)
        for row, index in enumerate(wanted):
            shard = int(np.searchsorted(self._starts, index, side="right")) - 1
            found[row] = shards[shard][index - self._starts[shard]]
        return found


def open_split(
    root: str | Path, split: str, rois: Sequence[Roi] | None = None, image_size: int | None = None
) -> FaceDataset:
    """Open one split of the prepared folder ``root``.

    Args:
        root: folder written by `prepare`.
        split: ``train``, ``val`` or ``test``.
        rois: the ROIs that the caller works with; names, order and parts must be those the data was prepared for.
        image_size: the size in pixels that the caller works with.

    Raises:
        PreparedError: the folder or split is absent, or was made for other ROIs or another size.
    """
    root = Path(root)
    manifest = read_manifest(root)
    if image_size is not None and manifest["image_size"] != image_size:
        raise PreparedError(
            f"{root} holds images of {manifest['image_size']} pixels, data.image_size is {image_size}; "
            "run 'dvc repro prepare'"
        )
    if rois is not None and manifest["rois"] != describe_rois(rois):
        made = ", ".join(roi["name"] for roi in manifest["rois"])
        asked = ", ".join(roi.name for roi in rois)
        raise PreparedError(
            f"{root} was made for other rois (names or parts): {made}; asked for: {asked}; run 'dvc repro prepare'"
        )
    if not manifest["counts"].get(split):
        filled = ", ".join(name for name, count in manifest["counts"].items() if count)
        raise PreparedError(f"{root} has no images in split {split!r}; there are: {filled}")
    return FaceDataset(root / split, manifest)


def read_manifest(root: str | Path) -> dict[str, Any]:
    """Read ``manifest.json`` of a prepared folder.

    Raises:
        PreparedError: there is none, or it is not JSON.
    """
    path = Path(root) / MANIFEST
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PreparedError(f"{path}: no prepared data here; run 'dvc repro prepare'") from None
    except json.JSONDecodeError as error:
        raise PreparedError(f"{path}: not valid JSON ({error}); run 'dvc repro prepare'") from None
    return manifest


def describe_rois(rois: Sequence[Roi]) -> list[dict[str, Any]]:
    """The ROIs as the manifest records them: name, label id, parts."""
    ids = roi_labels(rois)
    return [{"name": roi.name, "id": ids[roi.name], "parts": list(roi.parts)} for roi in rois]


class SplitWriter:
    """Writes one split shard by shard, holding at most one shard in memory."""

    def __init__(self, folder: Path, image_size: int, rois: int) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.pixels = np.zeros(rois + 1, np.int64)
        self.count = 0
        self._limit = max(1, min(SHARD_IMAGES, _SHARD_BYTES // (3 * image_size**2)))
        self._images: list[NDArray[np.uint8]] = []
        self._labels: list[NDArray[np.uint8]] = []
        self._rows: list[pd.DataFrame] = []
        self._shards = 0

    def add(self, images: NDArray[np.uint8], labels: NDArray[np.uint8], attributes: pd.DataFrame) -> None:
        """Append faces: (N, S, S, 3) images, (N, S, S) ROI ids, and a row each with ``name`` first."""
        self._images += list(images)
        self._labels += list(labels)
        self._rows.append(attributes)
        self.pixels += np.bincount(labels.ravel(), minlength=len(self.pixels))
        self.count += len(images)
        while len(self._images) >= self._limit:
            self._flush()

    def close(self) -> None:
        """Write what is left, and ``attributes.csv``."""
        if self._images:
            self._flush()
        rows = pd.concat(self._rows, ignore_index=True) if self._rows else pd.DataFrame({"name": []})
        rows.to_csv(self.folder / "attributes.csv", index=False, float_format="%.6g", lineterminator="\n")

    def _flush(self) -> None:
        for kind, held in (("images", self._images), ("labels", self._labels)):
            np.save(self.folder / f"{kind}-{self._shards:05d}.npy", np.stack(held[: self._limit]))
            del held[: self._limit]
        self._shards += 1


def _open_shards(folder: Path, kind: str) -> list[NDArray[np.uint8]]:
    return [np.load(path, mmap_mode="r") for path in sorted(folder.glob(f"{kind}-*.npy"))]
