"""Continual learning: what a model gains on new faces, and what it forgets of the old ones."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from l2sae.data import open_split
from l2sae.data.dataset import read_manifest
from l2sae.measures.evaluate import evaluate
from l2sae.measures.metric_files import get, put
from l2sae.measures.registry import entry, shown_in
from l2sae.model import L2SAE
from l2sae.params import Params, load_params

PRESET = "continual"


def followed() -> tuple[str, ...]:
    """Keys of the figures of ``metrics/evaluate.json`` that are followed: those of the table ``continual``."""
    return tuple(one.key for one in shown_in("continual"))


def params_to_continue(path: str | Path, overrides: Mapping[str, Any], earlier: Params) -> Params:
    """The preset ``continual`` for a model that was trained with ``earlier``: its ROIs, layout and image size stay.

    Raises:
        ParamsError: see `l2sae.params.load_params`.
    """
    fixed = {
        "preset": PRESET,
        "rois": [roi.model_dump(mode="json") for roi in earlier.rois],
        "model": earlier.model.model_dump(),
        "data.image_size": earlier.data.image_size,
    }
    return load_params(path, fixed | dict(overrides))


def measure_both(
    model: L2SAE, params: Params, old: str | Path, new: str | Path, progress: Callable[[str], object] = print
) -> dict[str, dict[str, float | None]]:
    """Followed figures on the test splits of two prepared folders: ``old`` and ``new`` -> figure -> value."""
    found = {}
    for name, folder in (("old", old), ("new", new)):
        test, train = (open_split(folder, split, params.rois, params.data.image_size) for split in ("test", "train"))
        figures = evaluate(model, test, params, train, read_manifest(folder)["labels"], progress)
        found[name] = {key: get(figures, key) for key in followed()}
    return found


def continual_figures(
    before: Mapping[str, Mapping[str, float | None]], after: Mapping[str, Mapping[str, float | None]]
) -> dict[str, Any]:
    """The figures of ``metrics/continual.json``.

    Returns:
        ``old`` and ``new`` hold each figure before and after; ``forgetting`` is what was lost on the old faces
        (positive is worse), ``gain`` what was won on the new ones (positive is better).
    """
    figures: dict[str, Any] = {}
    for data, side, name in (("old", -1, "forgetting"), ("new", 1, "gain")):
        for key in before[data]:
            sign = side * entry(key).sign
            first, second = before[data][key], after[data][key]
            put(figures, f"{data}.{key}.before", first)
            put(figures, f"{data}.{key}.after", second)
            put(figures, f"{name}.{key}", None if first is None or second is None else sign * (second - first))
    return figures


def continual_table(figures: Mapping[str, Any]) -> pd.DataFrame:
    """One row a figure: before and after on the old faces, what was forgotten, and the same for the new ones."""
    rows = {
        key: {
            "old, before": get(figures, f"old.{key}.before"),
            "old, after": get(figures, f"old.{key}.after"),
            "forgotten": get(figures, f"forgetting.{key}"),
            "new, before": get(figures, f"new.{key}.before"),
            "new, after": get(figures, f"new.{key}.after"),
            "gained": get(figures, f"gain.{key}"),
        }
        for key in followed()
    }
    return pd.DataFrame.from_dict(rows, orient="index").astype(float).round(3)
