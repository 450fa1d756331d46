"""Makes what ships with the package: ``python -m l2sae.bench ship model`` (``make shipped``), ``localiser``, ``light``.

The model is trained as the preset ``shipped`` says, on photos and rendered faces, and stored in half precision, so that
editing works in a fresh clone before any training. The localiser is trained on edits that this model makes of further
rendered faces, and stored likewise; the stage ``provenance`` goes on from it.

What the localiser is measured on stays unseen: its faces are of the renderer's series ``LOCALISER_SEED``, while the
pipeline takes those of ``seed`` (0 unless set otherwise, and 2026 for the shipped model), and the full table those of
31,001 and 31,002. The styles come from faces of the same series. So no face, style or person that a test uses has a
part in this training.
"""

import json
import os
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import torch
from skimage.color import lab2rgb

from l2sae.bench.brow_shift import level_faces, mean_shift, write_shift
from l2sae.bench.light_training import (
    light_figures,
    photo_colours,
    photo_triples,
    rendered_triples,
    save_light,
    train_light,
)
from l2sae.data import open_split, prepare
from l2sae.data.outlines import BROW_SHIFT
from l2sae.editing.photo_light import WEIGHTS, light_network
from l2sae.measures.metric_files import measured_here, write_metrics
from l2sae.model import load_model, save_model, shipped_model_path
from l2sae.params import load_params
from l2sae.provenance.detector.calibration import calibrate, measure_calibration, score_photos
from l2sae.provenance.detector.known_edits import EditedFace, training_edits
from l2sae.provenance.detector.localiser import SHIPPED, Localiser, load_localiser, save_localiser
from l2sae.provenance.detector.localiser_training import LEARNING_RATE, Schedule, fresh_network, train_localiser
from l2sae.provenance.detector.photo_edits import PhotoSplit, edit_photos, read_rgb, split_photos

WORK = Path("checkpoints/shipped")  # prepared photos, states and curves of the model that ships
LOCALISER_SEED = 40_404
LOCALISER_WIDTHS = (48, 80, 112)
LOCALISER_RESULT = Path("benchmarks/localiser.json")
LIGHT_SEED = 50_505
LIGHT_RESULT = Path("benchmarks/light.json")
EDITED_PHOTOS = 100  # held-out photos whose edits are looked for


@click.group(help=__doc__)
def commands() -> None:
    """Command line of this module."""


@commands.command()
def model() -> None:
    """Prepare photos, train, store the model: about five hours of one core. A killed run goes on where it was."""
    from l2sae.training import clear_states, train, training_log  # the localiser does without, and without what logs

    params, data, states = load_params(overrides={"preset": "shipped"}), WORK / "prepared", WORK / "states"
    if not data.is_dir():
        prepare(params, data)
    with training_log(WORK / "curves", WORK / "live") as log:
        result = train(params, data, log, states)
    path = shipped_model_path()
    save_model(result.model, path, params, torch.float16)
    clear_states(params, data, states)
    _report(path, result.steps, result.seconds)


@commands.command()
@click.option("--root", default="data/london", show_default=True, help="The Face Research Lab sets.")
def brows(root: str) -> None:
    """Find how far the mesh's brows lie from those that people set, for weak labels; half a minute."""
    data = load_params(overrides={"preset": "london", "data.root": root}).data
    write_shift(mean_shift(level_faces(data, click.echo)), BROW_SHIFT)


@commands.command()
@click.option("--faces", default=7_000, show_default=True, help="Edited rendered faces to learn from.")
@click.option("--steps", default=5_500, show_default=True, help="Updates; 0 only sets the threshold anew.")
@click.option("--pairs", default=32, show_default=True, help="Photos, and as many edits, in a batch.")
@click.option("--rate", default=LEARNING_RATE / 2, show_default=True, help="The highest learning rate.")
@click.option("--workers", default=0, show_default=True, help="Processes that damage pictures; 0: one less than cores.")
@click.option("--device", default="auto", show_default=True)
@click.option(
    "--photos",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of unedited photos of faces, to learn from beside the rendered ones, and to set the threshold on.",
)
@click.option("--most-photos", default=2_000, show_default=True, help="Photos to edit and learn from, at most.")
@click.option("--go-on", is_flag=True, help="From the localiser that ships, instead of from random weights.")
@click.option("--out", default=SHIPPED, show_default="the package's", type=click.Path(path_type=Path, dir_okay=False))
def localiser(
    faces: int, steps: int, pairs: int, rate: float, workers: int, device: str, photos: tuple[Path, ...],
    most_photos: int, go_on: bool, out: Path,
) -> None:  # fmt: skip
    """Edit faces, train, set the threshold, store the localiser; meant for a GPU and a dozen cores.

    With photos: the localiser learns from half of the persons. A quarter sets the threshold, which unedited photos stay
    below. The last quarter measures the result: benchmarks/localiser.json.
    """
    start = time.perf_counter()
    if not steps and not photos:
        raise click.UsageError("--steps 0 needs --photos")
    split = split_photos(photos) if photos else None
    edited = _edited_faces(faces, device) if faces and steps else []
    if split and steps:
        pictures = [read_rgb(path) for path in split.learn[:: -(-len(split.learn) // most_photos)]]
        edited += edit_photos(load_model(device=device), pictures, LOCALISER_SEED, cut=True, progress=click.echo)
    click.echo(f"{len(edited)} edited faces after {time.perf_counter() - start:.0f} s")
    if steps:
        schedule = Schedule(steps, pairs, rate, workers or max(1, (os.cpu_count() or 1) - 1))
        net = load_localiser(SHIPPED).net if go_on else fresh_network(LOCALISER_SEED, LOCALISER_WIDTHS)
        trained = train_localiser(edited, schedule, LOCALISER_SEED, click.echo, net, device)
    else:
        trained = load_localiser(SHIPPED)
    if split:
        trained = _calibrated(trained, split)
    save_localiser(trained, out, torch.float16)
    _report(out, steps, time.perf_counter() - start)


@commands.command()
@click.option(
    "--faces",
    default=3_200,
    type=click.IntRange(min=10),
    show_default=True,
    help="Rendered faces, each with every region restyled.",
)
@click.option("--triples", default=60_000, show_default=True, help="Triples drawn from the photos' colours.")
@click.option("--steps", default=8_000, show_default=True)
@click.option(
    "--photos",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of photos by one camera in one light; the first one's is the measure of the others.",
)
@click.option("--out", default=WEIGHTS, show_default="the package's", type=click.Path(path_type=Path, dir_okay=False))
def light(faces: int, triples: int, steps: int, photos: tuple[Path, ...], out: Path) -> None:
    """Learn how colours change with the light, on half of the photos' persons; half an hour on two cores.

    The rest of the persons, and a tenth of the rendered faces, measure the result: benchmarks/light.json, where it is
    the package's.
    """
    start = time.perf_counter()
    shipped = load_model(device="auto")
    params = load_params(overrides={"seed": LIGHT_SEED})
    rendered = rendered_triples(shipped, params, faces, click.echo)
    held_out = len(rendered.own) // 10
    splits = [split_photos([folder]) for folder in photos]
    drawn = []
    for number, paths in enumerate(([one.learn for one in splits], [one.calibrate + one.measure for one in splits])):
        colours = [np.asarray(lab2rgb(photo_colours(shipped, folder))) for folder in paths]
        drawn.append(photo_triples(colours, triples >> 3 * number, np.random.default_rng(LIGHT_SEED + number)))
    save_light(train_light(rendered[:-held_out], drawn[0], steps, LIGHT_SEED), out)
    network = light_network(out)
    figures = {"rendered": light_figures(network, rendered[-held_out:]), "photos": light_figures(network, drawn[1])}
    click.echo(json.dumps(figures, indent=1))
    if out == WEIGHTS:
        write_metrics({**figures, **measured_here()}, LIGHT_RESULT)
    _report(out, steps, time.perf_counter() - start)


def _calibrated(trained: Localiser, split: PhotoSplit) -> Localiser:
    """Set the threshold on some photos, and write what it finds in others to benchmarks/localiser.json."""
    with tempfile.TemporaryDirectory() as folder:  # in the precision that ships
        save_localiser(trained, Path(folder) / "half.safetensors", torch.float16)
        stored = load_localiser(Path(folder) / "half.safetensors")
    ready = calibrate(stored, score_photos(stored, split.calibrate))
    held_out = [read_rgb(path) for path in split.measure[:: max(1, len(split.measure) // EDITED_PHOTOS)]]
    edits = edit_photos(load_model(device="cpu"), held_out, LOCALISER_SEED + 1, progress=click.echo)
    figures = measure_calibration(ready, score_photos(ready, split.measure), edits)
    write_metrics({**figures, **measured_here()}, LOCALISER_RESULT)
    click.echo(json.dumps(figures, indent=1))
    return ready


def _edited_faces(count: int, device: str) -> list[EditedFace]:
    """Edits by the shipped model of faces rendered for the purpose."""
    overrides = {"preset": "shipped", "seed": LOCALISER_SEED, "data.source": "rendered", "data.sources": []}
    overrides |= {"data.count": count, "data.split": {"train": 1.0, "val": 0.0, "test": 0.0}}
    params = load_params(overrides=overrides)
    with tempfile.TemporaryDirectory() as folder:
        prepare(params, folder + "/prepared", click.echo)
        train = open_split(folder + "/prepared", "train")
        return training_edits(load_model(device=device), train, count, LOCALISER_SEED)


def _report(path: Path, steps: int, seconds: float) -> None:
    click.echo(f"{path}: {path.stat().st_size / 1e6:.1f} MB after {steps} steps in {seconds / 60:.0f} minutes")
