"""What a prepared data set holds, for its report."""

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd


def describe_data(manifest: Mapping[str, Any], coverage: pd.DataFrame | None = None) -> dict[str, Any]:
    """Figures of a manifest: faces in each split, files skipped, and each ROI's share of the pixels by split.

    Args:
        manifest: what `prepare` returned.
        coverage: table of `coverage_table`; its counts are added as attribute -> group -> faces.
    """
    described = {
        "source": manifest["source"],
        "labels": manifest["labels"],
        "counts": manifest["counts"],
        "skipped": len(manifest["skipped"]),
        "roi_pixel_shares": manifest["roi_pixel_shares"],
    }
    if coverage is not None:
        described["coverage"] = {
            _key(attribute): {
                _key(group): int(faces) for group, faces in zip(rows["group"], rows["faces"], strict=True)
            }
            for attribute, rows in coverage.groupby("attribute")
        }
    return described


def _key(name: str) -> str:
    """A name as the keys of metrics are written."""
    return re.sub(r"[^0-9a-z]+", "_", name.replace("%", "percent").lower()).strip("_")


def split_table(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """One row a split: faces, and the share of the pixels that each ROI covers, in percent."""
    shares = pd.DataFrame(manifest["roi_pixel_shares"]).T.mul(100).round(2).add_suffix(" %")
    return pd.concat([pd.Series(manifest["counts"], name="faces"), shares], axis=1)


def skipped_table(manifest: Mapping[str, Any]) -> pd.DataFrame:
    """One row for each reason for which files were skipped: how many, and the first of them."""
    skipped = pd.DataFrame(manifest["skipped"], columns=["file", "reason"])
    return skipped.groupby("reason")["file"].agg(files="count", first="first").sort_values("files", ascending=False)
