"""What the notebook of bulk edits asks and shows."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from l2sae.bulk.results import DONE, PARTS, SKIPPED
from l2sae.editing.styles import Colour, Named, Noise, Style, Swap
from l2sae.pictures.errors import EditError
from l2sae.pictures.reading import read_picture

Picture = NDArray[np.uint8]
SIDE = 256  # pixels, of pictures shown


def parse_style(
    recipe: str, rois: str, swap: str, noise: float, strength: float, seed: int, style: str = "", colour: str = ""
) -> dict[str, Any]:
    """The parameters of a notebook as those of `edit_folder`: a recipe, or regions with a style.

    The style is that of the picture ``swap``, the one named ``style``, or ``colour``; where all are empty, noise.

    Raises:
        EditError: neither recipe nor regions, or more than one style.
    """
    if recipe:
        return {"recipe": recipe}
    names = tuple(filter(None, (roi.strip() for roi in rois.split(","))))
    if not names:
        raise EditError("give a recipe, or rois, e.g. hair,lips")
    given: list[Style] = [kind(text) for kind, text in ((Swap, swap), (Named, style), (Colour, colour)) if text]
    if len(given) > 1:
        raise EditError("give one of swap, style and colour, not several")
    return {"rois": names, "style": given[0] if given else Noise(noise), "strength": strength, "seed": seed}


def count_reasons(table: pd.DataFrame) -> pd.DataFrame:
    """Reason -> how many photos were skipped for it, and one of them; reasons that differ in figures only are one."""
    skipped = table[table["result"] == SKIPPED]
    kind = skipped["reason"].str.replace(r"\d+", "N", regex=True).rename("reason")
    return skipped.groupby(kind)["photo"].agg(photos="count", example="first").sort_values("photos", ascending=False)


def parts_of(table: pd.DataFrame) -> pd.Series:
    """Mean core seconds of each part over the photos that were edited, the last part first, as bars are drawn."""
    means = table.loc[table["result"] == DONE, [f"{part}_s" for part in PARTS]].mean()
    return means.rename(lambda name: name.removesuffix("_s"))[::-1]


def open_pairs(table: pd.DataFrame, most: int) -> list[tuple[Picture, Picture]]:
    """Small copies of the first photos that were edited, before and after; of those on this machine."""
    done = table[(table["result"] == DONE) & ~table["output"].fillna("").str.contains("://")]
    rows = done[~done["photo"].str.contains("://")].head(most)
    return [(_small(row["photo"]), _small(row["output"])) for _, row in rows.iterrows()]


def _small(path: str) -> Picture:
    return np.asarray(Image.fromarray(read_picture(path)).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
