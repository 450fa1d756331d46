"""The model card (Mitchell et al. 2019, arXiv 1810.03993), written from metric files: no figure is typed by hand."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from l2sae.data.sources import SOURCES as PHOTO_SOURCES
from l2sae.figures.tables import read_runs
from l2sae.measures.figure_entry import Entry
from l2sae.measures.figures_from_sums import CONDITION_FIGURES
from l2sae.measures.metric_files import get, read_metrics
from l2sae.measures.registry import entry, shown_in
from l2sae.model import load_params_of, shipped_model_path
from l2sae.params import Params

SOURCES = {
    "rendered": "faces drawn by this package's own renderer: no picture of a person was used",
    "portraits": "public-domain portrait photos, with weak labels",
}
KINDS = {
    "rendered": "exact, from the renderer",
    "human": "drawn by people",
    "template": "outlined through points that people set; hair and neck are made by a program",
    "weak": "made by a program, not by people: figures on them are optimistic",
}
START = {
    "random": "random weights",
    "shipped": "the weights that come with the package, trained on photos and rendered faces (preset `shipped`)",
}
USE = """## Intended use

Research on local style edits of faces, and their figures: one region of a face takes the style of another face, of a
blend, or of noise. Mark edited photos as edited, and edit photos of people only with their consent.

Not for: identifying people, judging them by their looks, deceiving anyone about what a person looks like, or any
decision about a person.
"""
LIMITS = """## Limits

- Edits move colour and coarse texture inside a region. They do not change a hair cut, a pose or an expression.
- Extreme poses, strong side light and objects before the face are hard: mattes leak or miss parts.
- A model that has seen rendered faces only makes rougher mattes on photos than the figures above, which are on its own
  kind of test images.
- Mean colour alone is transferred further by Reinhard's method in the same mattes where the table says so; what the
  model adds is the matte itself, noise and blends of styles, and one pass without a reference picture at hand.
- Figures hold for the data, labels and size named above; they say nothing about groups that the data lacks.
"""


def model_card(
    metrics: Mapping[str, Mapping[str, Any]], params: Params, photos: Mapping[str, Mapping[str, Any]] | None = None
) -> str:
    """The card of the pipeline's model, in Markdown.

    Args:
        metrics: stage -> content of ``metrics/<stage>.json``; ``evaluate`` is needed, others are reported if present.
        params: of the pipeline.
        photos: data set -> what ``python -m l2sae.bench real`` kept of the shipped model.
    """
    evaluate = metrics["evaluate"]
    parts = [
        "# Model card: L2SAE",
        "Written by `python -m l2sae.bench card` from `metrics/*.json`; the keys are explained in `docs/metrics.md`.",
        _model(metrics, params),
        _shipped() if photos else "",
        _photos(photos or {}),
        _data(metrics, params),
        _figures(evaluate),
        _rois(evaluate, params),
        _groups(metrics.get("robustness")),
        _robustness(metrics.get("robustness")),
        _provenance(metrics.get("provenance")),
        _speed(metrics.get("benchmark")),
        USE.strip(),
        LIMITS.strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def write_card(path: str | Path, folder: str | Path, params: Params, photos: str | Path | None = None) -> Path:
    """Write the card to ``path`` from the metric files in ``folder``, and return the path.

    ``photos`` is the folder of what the shipped model scores on photos; without it, the card is of another model.

    Raises:
        FileNotFoundError: there is no ``evaluate.json``; the message names the stage.
    """
    path, folder = Path(path), Path(folder)
    needed = {"evaluate": read_metrics(folder / "evaluate.json")}
    metrics = needed | {file.stem: read_metrics(file) for file in sorted(folder.glob("*.json"))}
    path.parent.mkdir(parents=True, exist_ok=True)
    runs = {} if photos is None else {name: run for kind in read_runs(photos).values() for name, run in kind.items()}
    real = {name: run for name, run in runs.items() if "params" not in run}
    path.write_text(model_card(metrics, params, real), encoding="utf-8")
    return path


def _model(metrics: Mapping[str, Mapping[str, Any]], params: Params) -> str:
    rois = ", ".join(f"{roi.name} ({roi.channels})" for roi in params.rois)
    count = get(metrics.get("train", {}), "parameters")
    size, stride = params.data.image_size, params.model.structure_stride
    channels = sum(roi.channels for roi in params.rois) + params.model.context_channels
    return "\n".join(
        [
            "## Model",
            "",
            "An encoder maps a face to a structure tensor, sliced by region, and a style vector; a generator decodes",
            "both, and a mask predictor reads each region's matte from its slice alone (arXiv 2312.15037).",
            "",
            f"- Weights: {f'{count:,} parameters' if count else 'number not recorded'}, `models/l2sae.safetensors`.",
            f"- Picture {size} × {size}; structure {channels} × {size // stride} × {size // stride}; "
            f"style {params.model.style_size(len(params.rois))}.",
            f"- Regions, with their channels: {rois}; {params.model.context_channels} channels of context.",
            f"- Preset `{params.preset}`, seed {params.seed}, {params.train.steps or params.train.minutes} training "
            f"{'steps' if params.train.steps else 'minutes'} of batch {params.train.batch_size}, "
            f"from {START.get(params.train.init, 'an earlier checkpoint')}.",
        ]
    )


def _data(metrics: Mapping[str, Mapping[str, Any]], params: Params) -> str:
    evaluate, counts = metrics["evaluate"], get(metrics.get("prepare", {}), "counts") or {}
    source, kind = params.data.source, str(evaluate.get("labels"))
    sizes = ", ".join(f"{counts[split]} {name}" for split, name in _SPLITS.items() if split in counts)
    return "\n".join(
        [
            "## Data and labels",
            "",
            f"- Source `{source}`: {SOURCES.get(source, 'photos from a folder of the user')}.",
            f"- Faces: {sizes or 'numbers not recorded'}.",
            f"- Labels `{kind}`: {KINDS.get(kind, 'of unknown origin')}.",
            f"- Figures below: {get(evaluate, 'counts.images')} test images at "
            f"{get(evaluate, 'sizes.figures')} × {get(evaluate, 'sizes.figures')}.",
        ]
    )


_SPLITS = {"train": "for training", "val": "for validation", "test": "for tests"}


def _shipped() -> str:
    """What the shipped model has learned from, with the terms and the attribution of its sources."""
    data = load_params_of(shipped_model_path()).data
    names: list[str] = [one.source for one in data.sources] or [str(data.source)]
    terms = [f"- {name}: {PHOTO_SOURCES[name].licence}" for name in dict.fromkeys(names) if name in PHOTO_SOURCES]
    light = (
        "The network that keeps a photo's light has learned from mean colours of the same photos and of rendered faces."
    )
    return "\n".join(
        ["## What the shipped model has learned from\n", "- rendered faces, of no person", *terms, "", light]
    )


def _photos(runs: Mapping[str, Mapping[str, Any]]) -> str:
    """The shipped model on each set of photos, with intervals and baselines, and by group."""
    parts = []
    for name, run in runs.items():
        figures, kind = run["metrics"], str(run["metrics"]["labels"])
        parts.append(
            f"## The shipped model on photos: {name}\n\n{figures['counts.images']} photos that it was not trained on; "
            f"labels {KINDS.get(kind, 'of unknown origin')}. Measured on {run['date']}.\n\n" + _figure_rows(figures.get)
        )
        statements = [
            value for key, value in figures.items() if key.startswith("groups.") and key.endswith("statement")
        ]
        parts += ["\n".join(f"- {statement}" for statement in statements)] if statements else []
    return "\n\n".join(parts)


def _figures(evaluate: Mapping[str, Any]) -> str:
    absent = [(one.key, get(evaluate, f"{one.key}_reason")) for one in shown_in("card")]
    reasons = [f"`{key}` is not measured: {reason}." for key, reason in absent if reason]
    parts = ["## Figures", _figure_rows(lambda key: get(evaluate, key)), "\n".join(reasons)]
    return "\n\n".join(part for part in parts if part)


def _figure_rows(look_up: Callable[[str], Any]) -> str:
    """The card's table from a function that gives the value of a dotted key, or None."""
    lines = ["| figure | value | 95 % interval | trivial method |", "|---|---:|---:|---:|"]
    for one in shown_in("card"):
        value, bounds = look_up(one.key), look_up(f"ci.{one.key}")
        if value is None:
            continue
        interval = " to ".join(map(one.text, bounds)) if bounds else ""
        trivial = look_up(one.baseline) if one.baseline else None
        other = "" if trivial is None else f"{one.text(trivial)} ({one.baseline_name})"
        lines.append(f"| {one.heading} | {one.text(value)} | {interval} | {other} |")
    return "\n".join(lines)


def _rois(evaluate: Mapping[str, Any], params: Params) -> str:
    columns = shown_in("rois")
    lines = [f"| region | {' | '.join(one.label for one in columns)} |", f"|---|{'---:|' * len(columns)}"]
    for roi in params.rois:
        values = [one.text(get(evaluate, one.of(roi=roi.name))) for one in columns]
        lines.append(f"| {roi.name} | {' | '.join(values)} |")
    return "\n".join(lines)


def _groups(robustness: Mapping[str, Any] | None) -> str:
    groups = get(robustness or {}, "groups")
    if not groups:
        return (
            "## Groups\n\nNot measured: there is no `metrics/robustness.json` with groups, so that differences between "
            "skin tones,\nages or capture conditions are unknown."
        )
    columns = {name: entry(key) for name, key in CONDITION_FIGURES.items()}
    head = [f"| {one.title} " for one in columns.values()]
    lines = ["## Groups", "", f"| group {''.join(head)}|", f"|---|{'---:|' * len(head)}"]
    for attribute, values in sorted(groups.items()):
        for value, figures in sorted(values.items()):
            if isinstance(figures, Mapping):
                digits = 3 if value == "worst_to_best" else None
                shown = " | ".join(_cell(get(figures, name), one, digits) for name, one in columns.items())
                lines.append(f"| {attribute}: {value} | {shown} |")
    return "\n".join(lines)


def _cell(value: float | None, one: Entry, digits: int | None) -> str:
    """A figure as its entry shows it; a ratio of figures, ``digits`` given, has no unit."""
    return "" if value is None else one.text(value) if digits is None else f"{value:.{digits}f}"


def _robustness(robustness: Mapping[str, Any] | None) -> str:
    lines = ["## Robustness", ""]
    lists = {name: value for name, value in (robustness or {}).items() if isinstance(value, list) and value}
    if not lists:
        return "\n".join([*lines, "Not measured: there is no `metrics/robustness.json`."])
    lines += ["| distortion | mIoU, mildest | mIoU, strongest |", "|---|---:|---:|"]
    for name, rows in sorted(lists.items()):
        first, last = (f"{row['miou']:.3f} (severity {row['severity']:g})" for row in (rows[0], rows[-1]))
        lines.append(f"| {name} | {first} | {last} |")
    return "\n".join(lines)


def _provenance(provenance: Mapping[str, Any] | None) -> str:
    watermark = get(provenance or {}, "watermark")
    if not watermark:
        return "## Marks on exports\n\nNot measured: there is no `metrics/provenance.json`."
    lines = ["## Marks on exports", "", "| attack | bits read correctly |", "|---|---:|"]
    for name, figures in sorted(watermark.items()):
        accuracy = get(figures, "bit_accuracy") if isinstance(figures, Mapping) else None
        if accuracy is not None:
            lines.append(f"| {name} | {accuracy:.3f} |")
    return "\n".join(lines)


def _speed(benchmark: Mapping[str, Any] | None) -> str:
    latency = get(benchmark or {}, "latency_ms.edit")
    if latency is None or benchmark is None:
        return "## Speed\n\nNot measured: there is no `metrics/benchmark.json`."
    return (
        f"## Speed\n\nOne edit takes {latency:.0f} ms on {benchmark['device']} with {benchmark['threads']} threads, "
        f"{get(benchmark, 'latency_ms.edit_12mp') / 1000:.1f} s at 12 megapixels;\niterative inversion takes "
        f"{get(benchmark, 'inversion.ratio'):.0f} times as long for an equal transfer of colour."
    )
