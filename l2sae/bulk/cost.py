"""What a bulk edit will take: seconds and money for N photos at a resolution, from stage times that were measured.

Each part of the work on one photo takes a + b * megapixels seconds of one core: the networks see a fixed size, all else
grows with the photo. The parts' coefficients are fitted to rows of earlier results; a run then takes the start of its
workers, and the core seconds of all photos divided by the workers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from l2sae.bulk.results import DONE, PARTS

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class StageTimes:
    """Core seconds of each part of the work on one photo: part -> (at any size, for each megapixel)."""

    parts: Mapping[str, tuple[float, float]]

    def at(self, megapixels: float) -> dict[str, float]:
        """Part -> core seconds for a photo of this size."""
        return {part: base + slope * megapixels for part, (base, slope) in self.parts.items()}


@dataclass(frozen=True)
class Prediction:
    """Of one run: ``seconds`` by the clock, ``core_seconds`` of all workers, ``cost`` in the price's currency."""

    seconds: float
    core_seconds: float
    cost: float


def fit_stages(table: pd.DataFrame) -> StageTimes:
    """Fit the parts' coefficients to the rows of `edit_folder`'s table, or of several with photos of several sizes.

    Rows of one size only tell what that size takes: then all of it counts as growing with the photo, the networks' part
    apart. Coefficients are not negative (Lawson and Hanson's least squares).

    Raises:
        ValueError: no row with timings.
    """
    rows = table[(table["result"] == DONE) & table["decode_s"].notna() & table["width"].notna()]
    if rows.empty:
        raise ValueError("no photo with timings in this table: take one of a run that edited photos")
    megapixels = (rows["width"] * rows["height"] / 1e6).to_numpy(float)
    fixed, growing = np.ones_like(megapixels), megapixels
    found = {}
    for part in PARTS:
        seconds = rows[f"{part}_s"].fillna(0.0).to_numpy(float)
        if np.ptp(megapixels) > 0:
            base, slope = nnls(np.stack([fixed, growing], axis=1), seconds)[0]
        else:
            mean = float(seconds.mean())
            base, slope = (mean, 0.0) if part == "model" else (0.0, mean / megapixels[0])
        found[part] = (float(base), float(slope))
    return StageTimes(found)


def predict(
    stages: StageTimes,
    photos: int,
    megapixels: float,
    workers: int,
    start_s: float = 0.0,
    price_per_core_hour: float = 0.0,
) -> Prediction:
    """What a run will take.

    Args:
        stages: from `fit_stages`.
        photos: how many.
        megapixels: of each, width * height / 1e6.
        workers: cores at work.
        start_s: seconds until all workers are at work.
        price_per_core_hour: what a core costs while the run lasts.
    """
    core_seconds = photos * sum(stages.at(megapixels).values())
    seconds = start_s + core_seconds / workers
    return Prediction(seconds, core_seconds, workers * seconds / SECONDS_PER_HOUR * price_per_core_hour)


def bends(stages: StageTimes, megapixels: float, workers: int, start_s: float) -> tuple[float, float]:
    """Where the two curves bend.

    Below the first figure, in megapixels, most of a photo's cost does not depend on its size: networks, mark, and what
    is done once for each file. Above it cost grows with the pixels. Below the second, a number of photos of the given
    size, most of a run's time is the start of its workers, so that more workers do not help.
    """
    base, slope = (sum(values) for values in zip(*stages.parts.values(), strict=True))
    size = base / slope if slope > 0 else float("inf")
    return size, start_s * workers / (base + slope * megapixels)


def stage_table(stages: StageTimes) -> pd.DataFrame:
    """The parts' coefficients, and what they come to at 0.26 (512 x 512) and 12 megapixels."""
    rows = [[base, slope, base + 0.262144 * slope, base + 12 * slope] for base, slope in stages.parts.values()]
    columns = ["at any size, s", "for a megapixel, s", "512 x 512, s", "12 megapixels, s"]
    table = pd.DataFrame(rows, index=pd.Index(list(stages.parts), name="part"), columns=columns)
    table.loc["all"] = table.sum()
    return table.round(4)
