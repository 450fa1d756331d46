"""From rendered faces to real photos without training on any: how far it carries, and what in the renderer carries it.

After ``dvc repro prepare`` on labelled photos, ``python -m l2sae.bench sim-to-real vary`` trains small models on faces
that share one fixed property, and tests each model on the photos. The figures stage draws the results, which it keeps
in ``benchmarks/``.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import pandas as pd
import torch

from l2sae.data import open_split, prepare
from l2sae.data.dataset import read_manifest
from l2sae.measures.evaluate import evaluate
from l2sae.measures.metric_files import measured_here, write_metrics
from l2sae.params import Params, load_params
from l2sae.render.factors import OCCLUDERS
from l2sae.training import train

PHOTOS = Path("data/prepared")
FOLDER = Path("benchmarks")
TABLE = FOLDER / "sim_to_real.json"
ALL = "all vary"
_STILL: dict[str, dict[str, Any]] = {
    "one pose": {"data.held": {"yaw": 0, "pitch": 0, "roll": 0}},
    "one light": {
        "data.held": {"light_azimuth": 0, "light_elevation": 30, "light_intensity": 0.8, "ambient": 0.38},
    },
    "nothing before faces": {"data.held": dict.fromkeys((*OCCLUDERS, "glasses"), 0)},
    "plain backgrounds": {"data.held": {"back_noise": 0.03, "panel_across": 0, "panel_down": 0}},
    "perfect camera": {"data.held": {"blur": 0, "noise": 0, "jpeg": 0, "vignette": 0}, "train.damage": 0.0},
    "no rotation, scale or shift": {"train.augment": 0.0},
}
ROWS: dict[str, dict[str, Any]] = {
    ALL: {},
    **_STILL,
    "none of these varies": {key: value for row in _STILL.values() for key, value in row.items()}
    | {"data.held": {key: value for row in _STILL.values() for key, value in row.get("data.held", {}).items()}},
}
"""Rows of the table: parameters that hold something still."""


def rendered(params: Params, preset: str, **changes: Any) -> Params:
    """``params.yaml`` with faces rendered by ``preset`` in place of its photos, and its ROIs."""
    photos_only = {"data.source": "rendered", "data.root": None, "data.scheme": None}
    split = {"data.split": {"train": 0.96, "val": 0.04, "test": 0.0}}
    return load_params(overrides={"preset": preset, "seed": params.seed} | photos_only | split | changes)


def sim_to_real_table(path: str | Path = TABLE) -> pd.DataFrame | None:
    """One row for each thing held still: figures on real photos, means over seeds; None where nothing was measured."""
    if not Path(path).is_file():
        return None
    rows: Mapping[str, Mapping[str, Mapping[str, float]]] = json.loads(Path(path).read_text(encoding="utf-8"))["rows"]
    runs = {name: pd.DataFrame.from_dict(rows[name], orient="index") for name in ROWS if name in rows}
    texts = {name: run.mean().map("{:.3f}".format) for name, run in runs.items()}
    table = pd.DataFrame.from_dict(texts, orient="index").rename_axis("rendered faces")
    table.insert(0, "seeds", [str(len(run)) for run in runs.values()])
    return table


@click.group(help=__doc__)
def commands() -> None:
    """Command line of this module."""


@commands.command()
@click.option("--preset", default="ablation", show_default=True, help="Size and length of the trainings.")
@click.option("--seeds", default=1, show_default=True, help="Trainings of each row.")
@click.option("--jobs", default=1, show_default=True, help="Trainings at a time, which share the processor's cores.")
def vary(preset: str, seeds: int, jobs: int) -> None:
    """Train on rendered faces with something held still, and test on photos: benchmarks/sim_to_real.json.

    Some minutes for each of eight rows. What is there already is not done again.
    """
    params = load_params()
    size = rendered(params, preset).data.image_size
    if params.data.image_size != size:
        raise click.ClickException(
            f"preset {preset} trains at {size} pixels, the photos have {params.data.image_size}:"
            f" `dvc exp run -S data.image_size={size} prepare` first"
        )
    rows: dict[str, Any] = json.loads(TABLE.read_text(encoding="utf-8"))["rows"] if TABLE.is_file() else {}
    missing = [(name, seed) for seed in range(seeds) for name in ROWS if str(seed) not in rows.get(name, {})]
    threads = max(1, (os.cpu_count() or 1) // jobs)
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        running = {
            pool.submit(_measure, rendered(params, preset, **ROWS[name], seed=seed), params, threads): (name, seed)
            for name, seed in missing
        }
        for finished in as_completed(running):
            name, seed = running[finished]
            rows.setdefault(name, {})[str(seed)] = finished.result()
            write_metrics(measured_here() | {"preset": preset, "rows": rows}, TABLE)
            click.echo(f"{name}, seed {seed}: mIoU {rows[name][str(seed)]['mIoU']:.3f}")


def _measure(params: Params, photos: Params, threads: int) -> dict[str, float]:
    """Figures on the photos of a model that is trained as ``params`` say."""
    torch.set_num_threads(threads)
    with tempfile.TemporaryDirectory() as folder:
        prepare(params, folder, lambda line: None)
        model = train(params, folder, lambda *_: None).model
        learned = open_split(folder, "train", params.rois, params.data.image_size)
        real = open_split(PHOTOS, "test", photos.rois, photos.data.image_size)
        found = evaluate(model, real, params, learned, read_manifest(PHOTOS)["labels"], lambda line: None)
    return {"mIoU": found["masks"]["miou"], **found["masks"]["iou"], "transfer": found["style"]["transfer"]["mean"]}
