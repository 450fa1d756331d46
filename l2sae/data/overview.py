"""What a prepared data set holds, for its report."""

from collections.abc import Mapping
from typing import Any

import pandas as pd


def describe_data(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a manifest: faces in each split, files skipped, and each ROI's share of the pixels by split."""
    return {
        "source": manifest["source"],
        "labels": manifest["labels"],
        "counts": manifest["counts"],
        "skipped": len(manifest["skipped"]),
        "roi_pixel_shares": manifest["roi_pixel_shares"],
    }


def split_table(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """One row a split: faces, and the share of the pixels that each ROI covers, in percent."""
    shares = pd.DataFrame(manifest["roi_pixel_shares"]).T.mul(100).round(2).add_suffix(" %")
    return pd.concat([pd.Series(manifest["counts"], name="faces"), shares], axis=1)


def skipped_table(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each reason for which files were skipped: how many, and the first of them."""
    skipped = pd.DataFrame(manifest["skipped"], columns=["file", "reason"])
    return skipped.groupby("reason")["file"].agg(files="count", first="first").sort_values("files", ascending=False)
