"""Where the learned edit wins and where it does not: one table a data set, and ``docs/methods.md`` from them."""

from collections.abc import Mapping
from typing import Any

from l2sae.figures.metric_plots import METHODS
from l2sae.measures.figure_entry import MISSING, Entry
from l2sae.measures.registry import entry

LEARNED = ("detail", "in_light", "replace")
RIVAL = "reinhard"
_NAMES = {name: label for name, (label, _, _) in METHODS.items()} | {"none": "no edit"}
_SINGLE = ("detail", "replace", "reinhard")
_INVERSION = ("inversion_style", "inversion_both", "inversion_warm")
_ROWS: dict[str, dict[str, str]] = {
    **{
        f"style.{prefix}.detail.mean.{name}": {m: f"style.{prefix}.{m}.mean.{name}" for m in (*LEARNED, RIVAL, "none")}
        for prefix in ("counterfactual", "counterfactual_relit")
        for name in ("psnr", "delta_e", "texture")
    },
    "style.transfer.mean": {
        "detail": "style.transfer_detail.mean",
        "replace": "style.transfer_replace.mean",
        RIVAL: "baseline.reinhard.transfer.mean",
    },
    **{
        f"style.{name}.mean": {"detail": f"style.{name}.mean", RIVAL: f"baseline.reinhard.{name}.mean"}
        for name in ("texture", "patches", "hue_error")
    },
    "realism.kid.detail": {method: f"realism.kid.{method}" for method in _SINGLE},
    **{
        f"comparison.detail.{name}": {method: f"comparison.{method}.{name}" for method in (*_SINGLE, *_INVERSION)}
        for name in ("transfer", "edge_correlation", "outside_mean", "seconds")
    },
}
"""Figure of the registry that names a row -> the key of each method's figure."""

_HEAD = """# Where the learned edit wins, and where it does not

Written by `python -m l2sae.bench methods` from `benchmarks/methods.json`. *L2SAE, detail* and *L2SAE, replace* are
this project's two compositions, *L2SAE, light kept* is `detail` with the reference put into the photo's light, as in
photos that are not face crops; *Reinhard* matches mean and spread of CIELAB colour inside the same mattes (Reinhard
et al. 2001); *inversion* optimises the latents of the same generator until it shows the reference. Brackets hold 95 %
bootstrap intervals. Where the intervals of the best of ours and of Reinhard's method overlap, the page says
that neither wins. Edits against the truth can only be measured on rendered faces. The keys are explained in
[metrics.md](metrics.md)."""


def methods_table(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Data set -> rows of {figure, values: method -> {value, interval}}; what was not measured is left out.

    Args:
        runs: data set -> its figures, by dotted key, ``ci.<key>`` among them.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for name, figures in runs.items():
        rows = []
        for figure, keys in _ROWS.items():
            values = {
                method: {"value": figures[key], "interval": figures.get(f"ci.{key}")}
                for method, key in keys.items()
                if figures.get(key) is not None
            }
            if set(values) & set(LEARNED) and len(values) > 1:
                rows.append({"figure": figure, "values": values})
        if rows:
            found[name] = rows
    return found


def verdict(one: Entry, values: Mapping[str, Mapping[str, Any]]) -> str:
    """``wins``, ``loses`` or ``open``: the best of ours against Reinhard's method, empty without the two."""
    learned = [values[method] for method in LEARNED if method in values]
    if not learned or RIVAL not in values:
        return ""
    best, rival = max(learned, key=lambda cell: one.sign * cell["value"]), values[RIVAL]
    ahead = one.sign * (best["value"] - rival["value"]) > 0
    if best["interval"] and rival["interval"]:
        (low, high), (other_low, other_high) = best["interval"], rival["interval"]
        if low <= other_high and other_low <= high:
            return "open"
    return "wins" if ahead else "loses"


def methods_markdown(written: Mapping[str, Any]) -> str:
    """The page, from what ``benchmarks/methods.json`` holds."""
    parts = [_HEAD]
    for name, rows in written["tables"].items():
        used = [method for method in _NAMES if any(method in row["values"] for row in rows)]
        lines = [f"| | {' | '.join(_NAMES[method] for method in used)} | L2SAE against Reinhard |"]
        lines.append(f"|---|{'---:|' * len(used)}---|")
        verdicts: dict[str, list[str]] = {"wins": [], "open": [], "loses": [], "": []}
        for row in rows:
            one = entry(row["figure"])
            title = one.heading
            found = verdict(one, row["values"])
            verdicts[found].append(title)
            cells = " | ".join(_cell(one, row["values"].get(method)) for method in used)
            lines.append(f"| {title} | {cells} | {found} |")
        parts += [f"## {name[0].upper()}{name[1:]}".replace("_", " "), "\n".join(lines), _sentences(verdicts)]
    return "\n\n".join([*parts, f"Measured on {written['machine']}, {written['date']}."]) + "\n"


def _cell(one: Entry, cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return MISSING
    bounds = cell.get("interval")
    return one.text(cell["value"]) + (f" [{', '.join(map(one.text, bounds))}]" if bounds else "")


def _sentences(verdicts: Mapping[str, list[str]]) -> str:
    starts = {"wins": "The learned edit wins in", "loses": "It loses in", "open": "Neither wins in"}
    return "\n".join(f"- {start}: {'; '.join(verdicts[name])}." for name, start in starts.items() if verdicts[name])
