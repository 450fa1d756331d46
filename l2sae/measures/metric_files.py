"""Metric files: small JSON that changes only where a figure does."""

import json
import math
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

DIGITS = 6


def write_metrics(figures: Mapping[str, Any], path: str | Path) -> None:
    """Write nested figures as JSON: keys sorted, floats at 6 significant digits, so that equal results are equal bytes.

    Raises:
        ValueError: a figure is NaN or infinite; the message names its key.
    """
    path = Path(path)
    text = json.dumps(_rounded(figures, ""), indent=1, sort_keys=True, allow_nan=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def read_metrics(path: str | Path) -> dict[str, Any]:
    """Read a file of :func:`write_metrics`.

    Raises:
        FileNotFoundError: there is none; the message says which stage writes it.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such metrics; run 'dvc repro {path.stem}'")
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return figures


def flatten(figures: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested figures as dotted key -> value."""
    flat: dict[str, Any] = {}
    for key, value in figures.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return flat


def metric_table(figures: Mapping[str, Any]) -> pd.DataFrame:
    """One row a figure: its dotted key, value, and the bounds of its 95 % interval where it has one; no lists."""
    flat = flatten({key: value for key, value in figures.items() if key != "ci"})
    flat = {key: value for key, value in flat.items() if not isinstance(value, list)}
    intervals = flatten(figures.get("ci", {}))
    rows = [(key, value, *intervals.get(key, (None, None))) for key, value in sorted(flat.items())]
    return pd.DataFrame(rows, columns=["figure", "value", "low", "high"]).set_index("figure")


def put(tree: dict[str, Any], dotted: str, value: Any) -> None:
    """Set ``tree["a"]["b"]`` for the key ``a.b``."""
    *groups, leaf = dotted.split(".")
    for group in groups:
        tree = tree.setdefault(group, {})
    tree[leaf] = value


def get(tree: Mapping[str, Any], dotted: str) -> Any:
    """Look up ``tree["a"]["b"]`` for the key ``a.b``; None where there is no such figure."""
    value: Any = tree
    for part in dotted.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _rounded(value: Any, key: str) -> Any:
    if isinstance(value, Mapping):
        return {name: _rounded(inner, f"{key}.{name}" if key else name) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner, key) for inner in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{key} is {value}: a figure must be finite, or None with a reason beside it")
        return float(f"{value:.{DIGITS}g}")
    return value


def measured_here() -> dict[str, str]:
    """``date`` and ``machine``, which stand beside every figure that is kept."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    named = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    processor = next(named, platform.processor() or platform.machine())
    return {"date": time.strftime("%Y-%m-%d"), "machine": f"{os.cpu_count()} cores of {processor}"}
