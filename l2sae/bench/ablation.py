"""The ablation table: one factor at a time, over seeds, as DVC experiments.

After ``dvc repro``, ``python -m l2sae.bench ablation queue`` puts every run that has no result yet into DVC's queue,
and ``dvc queue start`` works the queue off. ``python -m l2sae.bench ablation collect`` keeps the results of finished
runs in ``benchmarks/ablation/``. ``python -m l2sae.bench ablation run --jobs 8`` does the same without DVC, with
several runs at a time. Each command may be called again at any time. The figures stage draws the table from there,
and from each folder in it, which keeps runs of an earlier version: runs of two versions are not compared.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import click
import numpy as np
import pandas as pd
import torch

from l2sae.measures.figure_entry import MISSING, Entry
from l2sae.measures.metric_files import flatten, measured_here, write_metrics
from l2sae.measures.registry import entry, shown_in
from l2sae.params import load_params
from l2sae.rois import Roi

FOLDER = Path("benchmarks/ablation")
PREFIX = "ablation"
SEEDS = (0, 1, 2)
BASE = "full"
# What the paper or this project claims: the claim, the row with it, the row without it, and the figure.
CLAIMS = (
    ("Slices keep a region's matte from the others", BASE, "no-slicing", "disentanglement.cross_talk"),
    ("Slices cost no mask quality", BASE, "no-slicing", "masks.miou"),
    ("Wider slices reconstruct better", "slices-of-4", BASE, "reconstruction.psnr"),
    ("Wider slices segment better", "slices-of-4", BASE, "masks.miou"),
    ("Recolouring teaches style", BASE, "no-recolouring", "style.transfer.mean"),
    ("An adversary alone teaches style", "adversary-no-recolouring", "no-recolouring", "style.transfer.mean"),
    ("An adversary adds to recolouring", "adversary", BASE, "style.transfer.mean"),
    ("Patch co-occurrence adds to recolouring", "cooccurrence", BASE, "style.transfer.mean"),
    ("Mean colours in the style transfer more of it", "moments", BASE, "style.transfer.mean"),
    ("Mean colours in the style reconstruct better", "moments", BASE, "reconstruction.psnr"),
    ("Relief reconstructs better", "relief", BASE, "reconstruction.psnr"),
    ("The statistics loss transfers more style", "statistics", BASE, "style.transfer.mean"),
    ("The patch loss brings patches nearer to the reference's", "patches", BASE, "style.patches.mean"),
    ("True swaps bring edits nearer to the truth", "swap", BASE, "style.counterfactual.detail.mean.psnr"),
    ("True swaps cost no transfer", "swap", BASE, "style.transfer.mean"),
    ("Composition 'detail' keeps the photo's edges", BASE, "replace", "structure.edge_correlation"),
    ("Composition 'detail' transfers as much style", BASE, "replace", "style.transfer.mean"),
)


def factors(rois: Sequence[Roi]) -> dict[str, dict[str, Any]]:
    """Name of each row of the table -> the parameters that it changes."""
    return {
        BASE: {},
        "no-recolouring": {"train.recolour": 0.0},
        "adversary": {"train.loss.gan": 0.05, "train.loss.r1": 10.0},
        "cooccurrence": {"train.loss.cooccurrence": 0.05, "train.loss.cooccurrence_r1": 1.0},
        "adversary-no-recolouring": {"train.loss.gan": 0.05, "train.loss.r1": 10.0, "train.recolour": 0.0},
        "no-slicing": {"model.sliced": False},
        "slices-of-2": {"rois": _with_channels(rois, 2)},
        "slices-of-4": {"rois": _with_channels(rois, 4)},
        "moments": {"model.moments": True},
        "relief": {"model.relief": True},
        "statistics": {"train.loss.statistics": 0.3},
        "patches": {"train.loss.patches": 0.3},
        "swap": {"train.loss.swap": 0.5, "train.triples": 2},
        "replace": {"edit.compose": "replace"},
    }


def experiment(factor: str, seed: int) -> str:
    """Name of the DVC experiment of one run."""
    return f"{PREFIX}-{factor}-{seed}"


def queue_command(factor: str, seed: int, changes: Mapping[str, Any], preset: str = PREFIX) -> list[str]:
    """The call of DVC that queues one run, up to its evaluation."""
    settings = {"preset": preset, "seed": seed, **changes}
    options = [part for key, value in settings.items() for part in ("-S", f"{key}={_as_override(value)}")]
    return ["dvc", "exp", "run", "--queue", "--name", experiment(factor, seed), *options, "evaluate"]


def versions(folder: str | Path = FOLDER) -> list[Path]:
    """The folders of runs that may be compared with each other, the newest first."""
    return [Path(folder), *sorted((one for one in Path(folder).glob("*") if one.is_dir()), reverse=True)]


def ablation_table(folder: str | Path = FOLDER) -> pd.DataFrame | None:
    """One row a factor: mean and standard deviation over its seeds; None where nothing has been collected."""
    runs = _runs(folder)
    if not runs:
        return None
    order = [name for name in factors(load_params().rois) if name in runs]
    columns = shown_in("ablation")
    rows = {name: [_cell(list(runs[name].values()), one) for one in columns] for name in order}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=[one.heading for one in columns])
    table.insert(0, "seeds", [str(len(runs[name])) for name in order])
    return table.rename_axis("factor")


def claims_table(folder: str | Path = FOLDER) -> pd.DataFrame | None:
    """Each claim that the collected runs can test: the means with and without it, the difference by seed, a verdict.

    A claim holds, or does not, where all seeds agree on the sign of the difference, and is open where they do not, or
    where fewer than two seeds have both runs. None where no claim can be looked at.
    """
    runs = _runs(folder)
    rows: list[list[str]] = []
    for claim, there, absent, key in CLAIMS:
        one = entry(key)
        seeds = sorted(runs.get(there, {}).keys() & runs.get(absent, {}).keys())
        found = [(runs[there][seed].get(key), runs[absent][seed].get(key)) for seed in seeds]
        pairs = np.array([pair for pair in found if None not in pair], float)
        if not len(pairs):
            continue
        steps = pairs[:, 0] - pairs[:, 1]
        agree = len(steps) > 1 and (steps.min() > 0 or steps.max() < 0)
        verdict = "open" if not agree else "holds" if steps[0] * one.sign > 0 else "does not hold"
        means = [one.text(value) for value in pairs.mean(axis=0)]
        spread = f"{steps.min():+.{one.digits}f} to {steps.max():+.{one.digits}f}"
        rows.append([claim, key, f"{there} {means[0]}", f"{absent} {means[1]}", spread, verdict])
    columns = ["claim", "figure", "with", "without", "difference by seed", "verdict"]
    return pd.DataFrame(rows, columns=columns).set_index("claim") if rows else None


def _runs(folder: str | Path) -> dict[str, dict[int, dict[str, Any]]]:
    """The collected runs: row -> seed -> metrics."""
    runs: dict[str, dict[int, dict[str, Any]]] = {}
    for path in sorted(Path(folder).glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        runs.setdefault(run["factor"], {})[run["seed"]] = run["metrics"]
    return runs


def recorded_on(folder: str | Path = FOLDER) -> str:
    """The days on which the collected runs were made, for a caption."""
    days = {json.loads(path.read_text(encoding="utf-8"))["date"] for path in Path(folder).glob("*.json")}
    return f"Recorded on {', '.join(sorted(days))}"


def _cell(runs: Sequence[Mapping[str, Any]], one: Entry) -> str:
    values = [run[one.key] for run in runs if run.get(one.key) is not None]
    if not values:
        return MISSING
    spread = f" ± {one.text(stdev(values))}" if len(values) > 1 else ""
    return f"{one.text(mean(values))}{spread}"


def _with_channels(rois: Sequence[Roi], channels: int) -> list[dict[str, Any]]:
    return [{"name": roi.name, "channels": channels, "parts": list(roi.parts)} for roi in rois]


def _as_override(value: Any) -> str:
    """A value as DVC's ``-S`` reads it: Hydra's grammar, whose lists and mappings need no quotes here."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}:{_as_override(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_as_override(one) for one in value) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


@click.group(help=__doc__)
def commands() -> None:
    """Command line of this module."""


@commands.command()
@click.option("--preset", default=PREFIX, show_default=True, help="What all runs share.")
@click.option("--only", multiple=True, help="Rows of the table; default: all.")
@click.option("--seeds", default=len(SEEDS), show_default=True, help="Runs of each row.")
def queue(preset: str, only: tuple[str, ...], seeds: int) -> None:
    """Queue the runs that have no result yet."""
    rows, there = factors(load_params().rois), _experiments()
    for factor, seed in _missing(only, seeds):
        if experiment(factor, seed) not in there:
            subprocess.run(queue_command(factor, seed, rows[factor], preset), check=True)
    click.echo("dvc queue start    # works them off; then python -m l2sae.bench ablation collect")


@commands.command()
def collect() -> None:
    """Keep the metrics of the finished runs."""
    kept, there = 0, _experiments()
    for factor in factors(load_params().rois):
        for seed in SEEDS:
            commit = there.get(experiment(factor, seed))
            if commit is None or _result(factor, seed).is_file():
                continue
            shown = subprocess.run(
                ["git", "show", f"{commit}:metrics/evaluate.json"], capture_output=True, text=True, check=True
            )
            _keep(factor, seed, json.loads(shown.stdout))
            kept += 1
    click.echo(f"{FOLDER}: {kept} more runs, {len(list(FOLDER.glob('*.json')))} in all")


@commands.command()
@click.option("--preset", default=PREFIX, show_default=True, help="What all runs share.")
@click.option("--only", multiple=True, help="Rows of the table; default: all.")
@click.option("--seeds", default=len(SEEDS), show_default=True, help="Runs of each row.")
@click.option("--jobs", default=1, show_default=True, help="Runs at a time, which share the processor's cores.")
def run(preset: str, only: tuple[str, ...], seeds: int, jobs: int) -> None:
    """Do the runs that have no result yet here and now, without DVC."""
    missing = _missing(only, seeds)
    with (
        tempfile.TemporaryDirectory(prefix="l2sae-ablation-") as folder,
        ProcessPoolExecutor(jobs, get_context("spawn")) as pool,
    ):
        threads = max(1, (os.cpu_count() or 1) // jobs)
        data = {seed: Path(folder) / str(seed) for _, seed in missing}
        list(pool.map(_prepare, data, data.values(), [preset] * len(data), [threads] * len(data)))
        rows = factors(load_params().rois)
        running = {}
        for shared, seed in _trainings(missing, rows):
            variants = [rows[factor] for factor in shared]
            running[pool.submit(_measure, variants, seed, preset, data[seed], threads)] = (shared, seed)
        for finished in as_completed(running):
            shared, seed = running[finished]
            for factor, metrics in zip(shared, finished.result(), strict=True):
                _keep(factor, seed, metrics)
                click.echo(f"{_result(factor, seed)}: written")


def _trainings(
    pairs: Sequence[tuple[str, int]], rows: Mapping[str, Mapping[str, Any]]
) -> list[tuple[tuple[str, ...], int]]:
    """Rows and seeds as trainings: rows of one seed that differ in how they edit alone share one."""
    shared: dict[tuple[str, int], list[str]] = {}
    for factor, seed in pairs:
        learned = {key: value for key, value in rows[factor].items() if not key.startswith("edit.")}
        shared.setdefault((repr(learned), seed), []).append(factor)
    return [(tuple(names), seed) for (_, seed), names in shared.items()]


def _prepare(seed: int, folder: Path, preset: str, threads: int) -> None:
    """The faces of a seed: all rows share them."""
    from l2sae.data import prepare  # the table does without it

    torch.set_num_threads(threads)
    prepare(load_params(overrides={"preset": preset, "seed": seed}), folder, progress=lambda line: None)


def _measure(
    variants: Sequence[Mapping[str, Any]], seed: int, preset: str, data: Path, threads: int
) -> list[dict[str, Any]]:
    """What the stage evaluate measures of each of ``variants`` of one training: changes of parameters."""
    from l2sae.data import open_split  # the table does without them
    from l2sae.measures.evaluate import evaluate
    from l2sae.training import train

    torch.set_num_threads(threads)
    made = [load_params(overrides={"preset": preset, "seed": seed, **changes}) for changes in variants]
    model = train(made[0], data, lambda *_: None).model
    test, learned = (open_split(data, name, made[0].rois, made[0].data.image_size) for name in ("test", "train"))
    return [evaluate(model, test, params, learned, "rendered", progress=lambda line: None) for params in made]


def _missing(only: Sequence[str], seeds: int) -> list[tuple[str, int]]:
    """Rows and seeds that have no result yet: every row once before any row twice."""
    rows = factors(load_params().rois)
    if unknown := sorted(set(only) - set(rows)):
        raise click.UsageError(f"no row {', '.join(unknown)}; there are: {', '.join(rows)}")
    pairs = [(factor, seed) for seed in range(seeds) for factor in rows if not only or factor in only]
    return [pair for pair in pairs if not _result(*pair).is_file()]


def _result(factor: str, seed: int) -> Path:
    return FOLDER / f"{factor}-{seed}.json"


def _keep(factor: str, seed: int, metrics: dict[str, Any]) -> None:
    figures = {key: value for key, value in flatten(metrics).items() if "ci." not in key}
    write_metrics({"factor": factor, "seed": seed, "metrics": figures} | measured_here(), _result(factor, seed))


def _experiments() -> dict[str, str]:
    """Finished experiments of this repository: name -> commit."""
    command = ["git", "for-each-ref", "--format=%(refname) %(objectname)", "refs/exps"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    pairs = [line.split() for line in listed]
    return {reference.rsplit("/", 1)[-1]: commit for reference, commit in pairs if "/celery/" not in reference}
