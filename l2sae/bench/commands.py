"""Committed results: ``python -m l2sae.bench record NAME`` and ``python -m l2sae.bench readme``.

``record`` keeps what the last pipeline run measured, with the machine and the date, as ``benchmarks/NAME.json``;
``readme`` draws README's picture with the shipped model and writes README's table from these files. Every figure in the
README comes from here.
"""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from PIL import Image
from skimage import data as sample_pictures

from l2sae.bench import ablation, make_styles, real_photos, ship, sim_to_real
from l2sae.bench.mark_table import marks
from l2sae.bench.weak_label_accuracy import FASSEG_ROIS, measure_weak_labels
from l2sae.data import open_split, render_faces
from l2sae.editing import Colour, Named, Style, Swap, edit
from l2sae.figures.drawing import picture_grid
from l2sae.figures.methods_page import methods_markdown, methods_table
from l2sae.figures.metrics_page import metrics_markdown
from l2sae.figures.model_card import write_card
from l2sae.figures.tables import read_runs
from l2sae.measures.method_comparison import grid_search
from l2sae.measures.metric_files import flatten, measured_here, read_metrics, write_metrics
from l2sae.measures.registry import shown_in
from l2sae.model import L2SAE, load_model
from l2sae.params import load_params
from l2sae.pictures.display import as_pictures
from l2sae.provenance import EditSession

FOLDER = Path("benchmarks")
TUNING = FOLDER / "tuning" / "inversion.json"
PICTURE = Path("docs/edits.png")
PAGE = Path("docs/metrics.md")
METHODS = FOLDER / "methods.json"
METHODS_PAGE = Path("docs/methods.md")
SCALE_PAGE = Path("docs/ten_million.md")
HEAD_OF_ASTRONAUT = (slice(0, 270), slice(95, 365))
FACE_OF_ASTRONAUT = (slice(0, 230), slice(108, 338))  # rows and columns of the face crop


def _keep(name: str, figures: Mapping[str, Any]) -> None:
    """Write ``benchmarks/NAME.json``, with date and machine."""
    write_metrics({**figures, **measured_here()}, FOLDER / f"{name}.json")


@click.group(help=__doc__)
def main() -> None:
    """Command line of this module."""


@main.command()
@click.argument("name")
def record(name: str) -> None:
    """Keep what the last pipeline run measured as benchmarks/NAME.json."""
    runs = {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(Path("reports/run").glob("*.json"))
    }
    metrics = [read_metrics(f"metrics/{stage}.json") for stage in runs if stage != "figures"]
    written = {
        **measured_here(),
        "commit": runs["train"]["git_commit"],
        "versions": runs["train"]["versions"],
        "params": load_params().model_dump(mode="json", exclude={"data": {"root"}}),
        "seconds": {stage: run["seconds"] for stage, run in runs.items()},
        "peak_rss_mb": {stage: run["peak_rss_mb"] for stage, run in runs.items()},
        "metrics": {
            key: value for part in metrics for key, value in flatten(part).items() if not key.startswith("ci.")
        },
    }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(written, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    click.echo(f"{FOLDER / name}.json: {len(written['metrics'])} figures")


@main.command()
@click.option("--steps", default=64, show_default=True, help="The most optimisation steps.")
def tune(steps: int) -> None:
    """Try step sizes of the inversion baseline on the validation split: benchmarks/tuning/inversion.json."""
    params = load_params()
    model = load_model("models/l2sae.safetensors", params.device)
    validation = open_split("data/prepared", "val", params.rois, params.data.image_size)
    found = grid_search(model, validation, params.edit.compose, steps, click.echo)
    write_metrics(found, TUNING)


@main.command()
def example() -> None:
    """Make the example recipe with the shipped model: recipes/astronaut.json, and its photo beside it."""
    folder = Path("recipes")
    folder.mkdir(exist_ok=True)
    Image.fromarray(sample_pictures.astronaut()[FACE_OF_ASTRONAUT]).save(folder / "astronaut.png", optimize=True)
    model = load_model(device="cpu")
    session = EditSession(model)
    session.load(folder / "astronaut.png", align=None)
    reference = as_pictures(render_faces(32, size=256, seed=77).images)[12]
    session.add_layer(roi="hair", style=Swap(reference))  # a picture without a file: the recipe keeps its style vector
    session.recipe().save(folder / "astronaut.json")


@main.command()
def gallery() -> None:
    """Draw the gallery of the documentation with the shipped model: docs/gallery/*.jpg."""
    from l2sae.bench.edit_gallery import draw_gallery, gallery_faces  # the other commands do without it

    for path in draw_gallery(load_model(device="cpu"), PICTURE.parent / "gallery", *gallery_faces()):
        click.echo(str(path))


@main.command()
def card() -> None:
    """Write MODEL_CARD.md from metrics/."""
    click.echo(write_card("MODEL_CARD.md", "metrics", load_params(), FOLDER))


@main.command()
def methods() -> None:
    """Set the learned edit beside the others: benchmarks/methods.json and docs/methods.md, after `dvc repro`."""
    files = {stage: read_metrics(f"metrics/{stage}.json") for stage in ("evaluate", "benchmark")}
    runs = {
        f"pipeline, {files['evaluate']['labels']} test split": flatten(files["evaluate"]) | flatten(files["benchmark"])
    }
    kept = [one for group in read_runs(FOLDER).values() for one in group.items()]
    runs |= {name: one["metrics"] for name, one in kept if "params" not in one}
    _keep(METHODS.stem, {"tables": methods_table(runs)})
    METHODS_PAGE.write_text(methods_markdown(read_metrics(METHODS)), encoding="utf-8")
    click.echo(f"{METHODS}, {METHODS_PAGE}")


@main.command()
def metrics_page() -> None:
    """Write docs/metrics.md from the registry of figures."""
    PAGE.write_text(metrics_markdown(), encoding="utf-8")
    click.echo(str(PAGE))


@main.command()
@click.option("--pictures", default=100, show_default=True, help="Rendered pictures to mark, and photos, of each.")
@click.option("--unmarked", default=10_000, show_default=True, help="Pictures without a mark.")
@click.option(
    "--photos", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder of photos to mark."
)
def provenance(pictures: int, unmarked: int, photos: Path | None) -> None:
    """Every attack on many pictures, after `dvc repro provenance`: benchmarks/provenance.json. An hour; resumes."""
    from l2sae.bench.provenance_table import run_full_table  # the other commands do without it

    _keep("provenance", run_full_table(load_params(), pictures, unmarked, photos, click.echo))


@main.command()
@click.option("--repeats", default=5, show_default=True, help="Timed pairs of calls.")
@click.option("--steps", default=2, show_default=True, help="Timed pairs of training steps.")
@click.option("--width", "widths", multiple=True, type=int, help="Of our model; default: paper256's, and twice that.")
@click.option("--device", default="auto", show_default=True)
def speed(repeats: int, steps: int, widths: tuple[int, ...], device: str) -> None:
    """Time paper256's model beside a Swapping Autoencoder written the usual way: benchmarks/speed.json."""
    from l2sae.bench.reference_speed import compare_speed  # the other commands do without it

    params = load_params(overrides={"preset": "paper256", "device": device})
    _keep("speed", compare_speed(params, widths, repeats, steps, click.echo))


@main.command()
def lock() -> None:
    """Ask pip which locked packages have wheels where: benchmarks/lock.json. Network needed; half an hour."""
    from l2sae.bench.lock_wheels import ask_pip, missing_wheels  # the other commands do without it

    found = missing_wheels(Path("requirements.lock").read_text(encoding="utf-8"), ask_pip, click.echo)
    write_metrics(found | {"date": measured_here()["date"]}, FOLDER / "lock.json")


@main.command()
@click.option("--photos", default=400, show_default=True)
def imports(photos: int) -> None:
    """Import photos laid out as CelebAMask-HQ, and decode the same files alone: benchmarks/imports.json."""
    from l2sae.bench.imports import measure_import  # the other commands do without it

    _keep("imports", measure_import(photos, click.echo))


@main.command()
@click.option("--photos", default=2000, show_default=True, help="Photos of the long run, without marks.")
@click.option("--marked", default=200, show_default=True, help="Photos of the run with marks.")
@click.option("--side", default=512, show_default=True, help="Pixels a side.")
@click.option("--only", help="One part, measured again: backends, predictions, ranks, marked or unmarked.")
def bulk(photos: int, marked: int, side: int, only: str | None) -> None:
    """Bulk edits on all cores, ranks, back ends and predictions: benchmarks/bulk.json. Takes a quarter of an hour."""
    from l2sae.bench import bulk_speed as measure  # the other commands do without it

    model, some = load_model(device="cpu"), max(20, min(100, photos // 20))
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "backends": lambda: measure.measure_backends(model, 12, side, progress=click.echo),
        "predictions": lambda: measure.measure_predictions(model, some, progress=click.echo),
        "ranks": lambda: measure.measure_ranks(some, side, progress=click.echo),
        "marked": lambda: measure.measure_bulk(model, marked, side, True, progress=click.echo),
        "unmarked": lambda: measure.measure_bulk(model, photos, side, False, progress=click.echo),
    }
    if only is not None and only not in parts:
        raise click.BadParameter(f"{only}: give one of {', '.join(parts)}", param_hint="--only")
    path = FOLDER / "bulk.json"
    written: dict[str, Any] = read_metrics(path) if only and path.is_file() else {}
    for key in [only] if only else parts:
        written[key] = parts[key]()
        _keep("bulk", written)  # after each: the later ones take long


@main.command()
@click.option("--seconds", default=5.0, show_default=True, help="Of each window.")
@click.option("--rounds", default=3, show_default=True, help="Pairs of a quiet and a busy window.")
@click.option("--processes", default=1, show_default=True, help="That only compute, in busy windows.")
def busy(seconds: float, rounds: int, processes: int) -> None:
    """Ways to use threads, quiet and beside a busy process: benchmarks/busy.json. Takes seven minutes."""
    from l2sae.bench.busy_machine import measure_busy  # the other commands do without it

    _keep("busy", measure_busy(seconds, rounds, processes, click.echo))


@main.command()
@click.option("--limit", default=570.0, show_default=True, help="Seconds for all parts together.")
def gpu(limit: float) -> None:
    """Tests, edits and training on a GPU: benchmarks/gpu.json. Takes ten minutes at most."""
    from l2sae.bench import gpu_check  # the other commands do without it

    if not (reason := gpu_check.why_not()):
        _keep("gpu", gpu_check.check_gpu(limit, click.echo))
        return
    click.echo(f"gpu: not run: {reason}")
    if not (FOLDER / "gpu.json").is_file():  # never instead of figures
        _keep("gpu", {"not_run": reason})


@main.command()
@click.option("--photos", default=3000, show_default=True, help="Of the run on the cluster; a tenth on the local pool.")
@click.option("--side", default=512, show_default=True, help="Pixels a side.")
@click.option("--nodes", default=3, show_default=True, help="Of one core each, beside a head that does no work.")
@click.option("--faces", default=60, show_default=True, help="Photos that are labelled, on cluster and pool.")
@click.option("--unmarked", is_flag=True, help="Without watermarks.")
def ray(photos: int, side: int, nodes: int, faces: int, unmarked: bool) -> None:
    """Edits and labels on a cluster of this machine, beside the local pool: benchmarks/ray.json. Takes an hour."""
    from l2sae.bench.ray_speed import measure_ray  # the other commands do without it

    model = load_model(device="cpu")
    for written in measure_ray(model, photos, side, nodes, faces, not unmarked, click.echo):
        _keep("ray", written)  # after each part: the last one takes long


@main.command()
def first_edit() -> None:
    """From a new clone to the first edited photo, with both set-ups: benchmarks/first_edit.json. Takes five minutes."""
    from l2sae.bench.first_edit import measure_first_edit  # the other commands do without it

    _keep("first_edit", measure_first_edit(Path.cwd(), progress=click.echo))


@main.command()
@click.option("--photos", default=10_000_000, show_default=True)
@click.option("--price", default=0.04, show_default=True, help="Of a core for an hour.")
def scale(photos: int, price: float) -> None:
    """Simulate a run over many photos: benchmarks/scale.json, docs/ten_million.md, after `ray`. Takes a minute."""
    from l2sae.bench import scale_simulation as simulation  # the other commands do without it

    found = simulation.simulate_runs(read_metrics(FOLDER / "ray.json"), photos, price, progress=click.echo)
    _keep("scale", found)
    page = simulation.with_tables(SCALE_PAGE.read_text(encoding="utf-8"), read_metrics(FOLDER / "scale.json"))
    SCALE_PAGE.write_text(page, encoding="utf-8")


@main.command()
@click.option("--moves", default=120, show_default=True, help="Of a slider, one at a time.")
@click.option("--seconds", default=60.0, show_default=True, help="Of the steady drag.")
def widgets(moves: int, seconds: float) -> None:
    """The editors in JupyterLab and headless Chromium: benchmarks/widgets.json."""
    from l2sae.bench import browser  # the other commands do without it
    from l2sae.bench import editor_speed as measure  # the other commands do without it

    if missing := browser.missing_part():
        raise click.ClickException(missing)
    load = {"load": os.getloadavg()[0]}  # of a machine that others use too, times are longer than the editors'
    _keep("widgets", load | measure.measure_widgets(moves, seconds, click.echo))


@main.command()
@click.option("--repeats", default=5, show_default=True, help="Exports of each size and format.")
def exports(repeats: int) -> None:
    """What mark, signature and log add to saving an edit of 1 and of 12 megapixels: benchmarks/exports.json."""
    from l2sae.bench.exports import measure_exports  # the other commands do without it

    model, written = load_model(device="cpu"), {}
    for name, size in {"1mp": (1000, 1000), "12mp": (4000, 3000)}.items():
        written[name] = measure_exports(model, size, repeats)
        click.echo(f"exports: {name}: {written[name]}")
    _keep("exports", written)


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--scheme", default="fasseg", show_default=True, help="What the masks' ids or colours mean.")
@click.option("--size", default=128, show_default=True, help="Pixels a side of the crops that are compared.")
@click.option("--teacher", help="A model whose mattes improve the labels: a checkpoint, or shipped.")
def weak_labels(folder: Path, scheme: str, size: int, teacher: str | None) -> None:
    """Compare weak labels with the human ones of a labelled folder, e.g. FASSEG-repository/V2."""
    overrides = {"preset": "labelled", "data.root": str(folder), "data.scheme": scheme, "data.image_size": size}
    overrides["data.teacher"] = teacher
    split = {"train": 1.0, "val": 0.0, "test": 0.0}
    params = load_params(overrides=overrides | {"data.split": split})
    rois = FASSEG_ROIS if scheme == "fasseg" else params.rois
    click.echo(json.dumps(measure_weak_labels(params.data, rois), indent=1))


@main.command()
def readme() -> None:
    """Draw README's picture and write its table."""
    PICTURE.parent.mkdir(exist_ok=True)
    _example_edits(load_model()).savefig(PICTURE, dpi=110, metadata={"Title": "Edits with the shipped model"})
    text = Path("README.md").read_text(encoding="utf-8")
    before, rest = text.split(TABLE_START)
    after = rest.split(TABLE_END)[1]
    Path("README.md").write_text(f"{before}{TABLE_START}\n{results_table()}\n{TABLE_END}{after}", encoding="utf-8")


TABLE_START, TABLE_END = "<!-- results: written by python -m l2sae.bench readme -->", "<!-- end of results -->"


def results_table() -> str:
    """README's tables, in Markdown: the shipped model on photos first, then a column for each recorded run.

    Runs on different kinds of labels have tables of their own.
    """
    runs = [one for group in read_runs(FOLDER).values() for one in group.items()]
    real = {name: one for name, one in runs if "params" not in one}
    trained = {name: one for name, one in runs if "params" in one}
    parts = []
    for whose, recorded in (("The shipped model, not trained on these photos.", real), ("Trained here.", trained)):
        for kind, labels in LABELS.items():
            if alike := {name: one for name, one in recorded.items() if one["metrics"]["labels"] == kind}:
                parts.append(f"{whose} {labels}:\n\n{_table(alike)}")
    machines = sorted({f"{result['machine']}, {result['date']}" for result in (real | trained).values()})
    return "\n\n".join([*parts, f"Measured on {'; '.join(machines)}."])


LABELS = {
    "rendered": "Rendered faces, whose masks are exact",
    "human": "Photos with masks drawn by people",
    "template": "Photos outlined through points that people set",
    "weak": "Photos whose masks were derived from landmarks and colours, and have errors of their own",
}


def _table(results: Mapping[str, Any]) -> str:
    lines = [f"| | {' | '.join(results)} |", f"|---|{'---:|' * len(results)}"]
    for one in shown_in("readme"):
        values = [result["metrics"].get(one.key) for result in results.values()]
        if any(value is not None for value in values):
            lines.append(f"| {one.heading} | {' | '.join(map(one.text, values))} |")
    if not all("seconds" in result for result in results.values()):
        return "\n".join(lines)
    minutes = [sum(result["seconds"].values()) / 60 for result in results.values()]
    memory = [max(result["peak_rss_mb"].values()) / 1024 for result in results.values()]
    lines.append(f"| all stages that ran, minutes | {' | '.join(f'{value:.1f}' for value in minutes)} |")
    lines.append(f"| peak memory, GiB | {' | '.join(f'{value:.1f}' for value in memory)} |")
    return "\n".join(lines)


def _example_edits(model: L2SAE) -> Any:
    """Edits of the astronaut as she comes, and below each what it shows of her head."""
    photo = sample_pictures.astronaut()
    reference = as_pictures(render_faces(32, size=256, seed=77).images)[23]
    edits: dict[str, tuple[str, Style]] = {
        "hair: copper": ("hair", Named("copper")),
        "hair: silver": ("hair", Named("silver")),
        "hair: burgundy": ("hair", Named("burgundy")),
        "hair of a reference": ("hair", Swap(reference)),
        "lips: #a0203c": ("lips", Colour("#a0203c")),
    }
    pictures = [photo, *(edit(model, photo, rois=(roi,), style=style) for roi, style in edits.values())]
    heads = [picture[HEAD_OF_ASTRONAUT] for picture in pictures]
    figure, _ = picture_grid([pictures, heads], columns=["photo", *edits], panel=1.5)
    return figure


main.add_command(ablation.commands, "ablation")
main.add_command(ship.commands, "ship")
main.add_command(sim_to_real.commands, "sim-to-real")
main.add_command(real_photos.command)
main.add_command(make_styles.command)
main.add_command(marks)
