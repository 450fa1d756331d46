"""The shipped model on photos that it was not trained on: ``python -m l2sae.bench real NAME``.

After ``dvc repro prepare`` on labelled photos the command evaluates the model, as it is, on their test split. It
keeps all figures with their intervals as ``benchmarks/NAME.json``, beside what a blur, a constant mask and Reinhard's
colour transfer score there. README's first table and the model card show these files.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from l2sae.bench.perceptual_figures import perceptual_figures
from l2sae.data import FaceDataset, open_split
from l2sae.data.dataset import read_manifest
from l2sae.measures.evaluate import TestFaces, evaluate
from l2sae.measures.metric_files import flatten, measured_here, put, write_metrics
from l2sae.measures.robustness import SMALLEST_SIZE, L2SAESubject, measure_groups
from l2sae.model import L2SAE, load_model
from l2sae.params import Params, load_params

PHOTOS = Path("data/prepared")
FOLDER = Path("benchmarks")
Progress = Callable[[str], object]


def measure_photos(
    model: L2SAE, test: FaceDataset, train: FaceDataset, params: Params, labels: str, progress: Progress = print
) -> dict[str, Any]:
    """All figures of a model on a split of photos, nested: those of the stage evaluate, by group, and perceptual ones.

    Args:
        model: in evaluation mode; its regions may be cut otherwise, see `l2sae.measures.region_match`.
        test: the photos.
        train: other photos of the same set, which make the constant mask.
        params: ``evaluate``, ``edit``, ``robustness``, ``rois`` and ``seed`` are used.
        labels: kind of the labels.
        progress: called with one plain line at a time.
    """
    figures = evaluate(model, test, params, train, labels, progress)
    subject = L2SAESubject(model, params.edit.compose, params.rois)
    groups, intervals = measure_groups(subject, test, params, max(SMALLEST_SIZE, test.image_size))
    figures["groups"], figures["ci"]["groups"] = groups, intervals
    faces = TestFaces(test, min(len(test), params.evaluate.max_images), len(params.rois), model.device)
    for key, value in flatten(perceptual_figures(model, faces, progress)).items():
        put(figures, key, value)
    return figures


@click.command("real")
@click.argument("name")
@click.option("--model", "checkpoint", type=click.Path(path_type=Path), help="Default: the shipped model.")
def command(name: str, checkpoint: Path | None) -> None:
    """Evaluate a model, as it is, on the prepared test split: benchmarks/NAME.json."""
    params = load_params()
    model = load_model(checkpoint, params.device)
    size = params.data.image_size
    test, train = (open_split(PHOTOS, split, params.rois, size) for split in ("test", "train"))
    metrics = measure_photos(model, test, train, params, read_manifest(PHOTOS)["labels"], click.echo)
    split = params.data.model_dump(mode="json")["split"]
    source = {"source": params.data.source, "regions": [roi.name for roi in params.rois], "split": split}
    write_metrics(measured_here() | source | {"metrics": flatten(metrics)}, FOLDER / f"{name}.json")
    click.echo(f"{FOLDER / name}.json: mIoU {metrics['masks']['miou']:.3f}")
