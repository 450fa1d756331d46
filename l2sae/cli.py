"""Command line: ``l2sae edit PHOTO --roi hair --swap REF -o OUT``, ``masks``, ``styles``, ``export`` and others."""

import functools
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor
from skimage.data import astronaut

from l2sae.editing import EditError, FaceEditor, FaceWarning, Recipe, Style
from l2sae.editing import edit as apply_edit
from l2sae.editing.align import ALIGN_MODES, find_places
from l2sae.editing.face_check import warn_if_no_face
from l2sae.editing.styles import STYLES
from l2sae.measures.tolerances import TOLERANCES, TolerancesError, differences, read_run, read_tolerances
from l2sae.model import CheckpointError, load_model
from l2sae.pictures.display import roi_colour
from l2sae.pictures.photos import Box, as_rgb, colour_profile, read_picture
from l2sae.provenance import AuditLog, Export, export, inspect, verify
from l2sae.provenance.exporting import FORMATS as EXPORT_FORMATS
from l2sae.provenance.session import EditSession

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}

photo_argument = click.argument("photo", type=click.Path(path_type=Path))
out_option = click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Picture to write.")
model_option = click.option("--model", "checkpoint", type=click.Path(path_type=Path), help="Checkpoint.")
force_option = click.option("--force", is_flag=True, help="Overwrite what exists.")


def style_options(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each kind of style that has one; the command gets the chosen style as ``style``, or None."""
    options = [kind.option for kind in STYLES if kind.option is not None]

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        texts = {option: text for option in options if (text := kwargs.pop(option.name)) is not None}
        if len(texts) > 1:
            raise click.UsageError(f"give one of {_style_usage()}, not {len(texts)}")
        try:
            style = next((option.parse(text) for option, text in texts.items()), None)
        except EditError as error:
            raise click.UsageError(str(error)) from None
        command(*args, style=style, **kwargs)

    for option in reversed(options):
        wrapped = click.option(f"--{option.name}", metavar=option.metavar, help=option.help)(wrapped)
    return wrapped


def _style_usage() -> str:
    return " or ".join(f"--{kind.option.name} {kind.option.metavar}" for kind in STYLES if kind.option is not None)


def place_options(command: Callable[..., None]) -> Callable[..., None]:
    """Where the face is: ``--align`` and ``--box``; the command gets ``align`` and ``box``, each None without it."""

    @functools.wraps(command)
    def wrapped(*args: Any, align: str | None, box: str | None, **kwargs: Any) -> None:
        if align is not None and box is not None:
            raise click.UsageError("give either --align or --box, not both")
        place = {"align": None if align == "none" else align or "auto", "box": None if box is None else _parse_box(box)}
        command(*args, **place, **kwargs)

    for option in (
        click.option("--box", metavar="L,T,R,B", help="Where the face is, in pixels: left, top, right, bottom."),
        click.option(
            "--align",
            type=click.Choice([*ALIGN_MODES, "none"]),
            help="auto: the largest face of the photo (default); all: every face; none: the photo is a face crop.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def _parse_box(text: str) -> tuple[int, int, int, int]:
    try:
        left, top, right, bottom = (int(part) for part in text.split(","))
    except ValueError:
        raise click.UsageError(
            f"--box {text}: give left, top, right and bottom in pixels, e.g. 118,8,318,208"
        ) from None
    return left, top, right, bottom


def export_options(command: Callable[..., None]) -> Callable[..., None]:
    """Options of what writes a marked, signed and logged picture."""
    for option in (
        click.option("--purpose", default="research", show_default=True, help="What it is for; see policy.yaml."),
        click.option("--policy", type=click.Path(path_type=Path), help="Policy; default: policy.yaml here, if any."),
        click.option("--consent", help="Reference to the consent of the person shown."),
        click.option("--unmarked", is_flag=True, help="No watermark; logged, and only where the policy allows it."),
        click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="JPEG and WebP."),
    ):
        command = option(command)
    return command


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a user can put right into one line and exit code 1; show warnings as lines too."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always", FaceWarning)
                command(*args, **kwargs)
        except (EditError, CheckpointError, TolerancesError, OSError) as error:
            _fail(error)
        for warning in caught:
            click.echo(f"Warning: {warning.message}", err=True)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="l2sae")
def main() -> None:
    """Edit the style of single regions of a face photo."""


@main.command()
@photo_argument
@click.option("--roi", "rois", multiple=True, required=True, help="Region to edit, e.g. hair; may be repeated.")
@style_options
@click.option("--strength", type=float, default=1.0, show_default=True, help="0 (no change) to 2.")
@click.option("--compose", type=click.Choice(["detail", "replace"]), default="detail", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the noise.")
@place_options
@click.option("--recipe", type=click.Path(path_type=Path), help="Save the edit as JSON, to replay it.")
@model_option
@out_option
@force_option
@export_options
@one_line_errors
def edit(
    photo: Path,
    rois: tuple[str, ...],
    style: Style | None,
    strength: float,
    compose: Any,
    seed: int,
    align: str | None,
    box: Box | None,
    recipe: Path | None,
    checkpoint: Path | None,
    out: Path,
    force: bool,
    **options: Any,
) -> None:
    """Edit regions of the face in PHOTO and write it, marked, signed and logged."""
    if style is None:
        raise click.UsageError(f"give a style: {_style_usage()}")
    _check_out(out, force, EXPORT_FORMATS)
    if recipe is not None and recipe.exists() and not force:
        raise click.UsageError(f"{recipe} exists: give another --recipe, or --force to overwrite it")
    model = load_model(checkpoint)
    if align == "all":
        if recipe is not None:
            raise click.UsageError("a recipe holds one face: leave out --recipe, or give --align auto")
        original = as_rgb(read_picture(photo))[0]
        picture = apply_edit(model, original, rois, style, strength, compose, seed, align=align)
        _tell(export(picture, out, original=original, overwrite=force, icc_profile=colour_profile(photo), **options))
        return
    session = EditSession(model, compose)
    session.load(photo, align, box=box)
    session.add_layer(rois, style, strength, seed=seed)
    done = session.export(out, overwrite=force, icc_profile=colour_profile(photo), **options)
    _tell(done)
    if recipe is not None:
        (done.recipe or session.recipe()).save(recipe)


@main.command("edit-folder")
@click.argument("photos")
@click.option("-o", "--out", required=True, help="Folder for the results and their table; a path or a URL.")
@click.option("--roi", "rois", multiple=True, help="Region to edit, e.g. hair; may be repeated.")
@style_options
@click.option("--recipe", type=click.Path(path_type=Path), help="Apply this recipe instead.")
@click.option("--strength", type=float, default=1.0, show_default=True, help="0 (no change) to 2.")
@click.option("--compose", type=click.Choice(["detail", "replace"]), default="detail", show_default=True)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the noise.")
@click.option(
    "--align",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="auto: the largest face of each photo; none: photos are face crops.",
)
@click.option("--ending", type=click.Choice(list(EXPORT_FORMATS)), default=".png", show_default=True)
@click.option("--workers", type=click.IntRange(min=0), help="Processes; default: one for each core.")
@model_option
@force_option
@export_options
@one_line_errors
def edit_photos(
    photos: str, out: str, rois: tuple[str, ...], style: Style | None, recipe: Path | None,
    align: str, checkpoint: Path | None, force: bool, **options: Any,
) -> None:  # fmt: skip
    """Edit all photos of the folder PHOTOS, or of a list, and write them, marked, signed and logged.

    The same command takes up what was cut off.
    """
    from l2sae.bulk import edit_folder  # with Parquet and fsspec, which no other command needs

    if (style is None) == (recipe is None) or (recipe is None) != bool(rois):
        raise click.UsageError(f"give either --roi with {_style_usage()}, or --recipe FILE")
    options |= {"recipe": recipe, "align": None if align == "none" else align, "overwrite": force}
    table = edit_folder(load_model(checkpoint), photos, out, rois or None, style, **options)
    for row in table[table["result"] == "skipped"].itertuples():
        click.echo(f"{row.photo}: {row.reason}", err=True)
    click.echo(f"{(table['result'] == 'done').sum()} of {len(table)} photos edited; see {out}/results.parquet")


@main.command("export")
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("--photo", type=click.Path(path_type=Path), help="The photo, if it is not where the recipe says.")
@model_option
@out_option
@force_option
@export_options
@one_line_errors
def export_recipe(
    recipe: Path, photo: Path | None, checkpoint: Path | None, out: Path, force: bool, **options: Any
) -> None:
    """Replay RECIPE and write its result, marked, signed and logged."""
    _check_out(out, force, EXPORT_FORMATS)
    document = Recipe.load(recipe)
    picture = document.replay(load_model(checkpoint), photo)
    source = Path(photo or document.photo.path or "")  # replay has read it
    original = as_rgb(read_picture(source))[0]
    done = export(
        picture, out, recipe=document, original=original, overwrite=force, icc_profile=colour_profile(source), **options
    )
    _tell(done)


@main.command("inspect")
@photo_argument
@click.option("--log", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="Audit log to look in.")
@click.option("--trust", type=click.Path(path_type=Path), help="PEM file of certificate authorities to trust.")
@one_line_errors
def inspect_photo(photo: Path, log: Path | None, trust: Path | None) -> None:
    """Say what manifest, watermark and audit log tell of PHOTO."""
    click.echo(inspect(photo, log=AuditLog(log) if log else None, trust_anchors=trust).verdict)


@main.command("verify")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--trust", type=click.Path(path_type=Path), help="PEM file of certificate authorities to trust.")
@one_line_errors
def verify_file(path: Path, trust: Path | None) -> None:
    """Check the manifest of a picture, or the chain of an audit log (.jsonl); exit code 1 where it is broken."""
    if path.suffix == ".jsonl":
        check = AuditLog(path).verify()
        click.echo(f"{check.lines} lines hold" + (f"; {check.broken}" if check.broken else ""))
        sys.exit(0 if check else 1)
    found = verify(path, trust)
    click.echo(" ".join([found.status, *(f"({word})" for word in [found.signer, *found.reasons] if word)]))
    sys.exit(0 if found.status in ("trusted", "valid") else 1)


@main.command()
@photo_argument
@place_options
@model_option
@out_option
@force_option
@one_line_errors
def masks(photo: Path, align: str | None, box: Box | None, checkpoint: Path | None, out: Path, force: bool) -> None:
    """Show the predicted mattes over the face in PHOTO."""
    _check_out(out, force, FORMATS)
    model, pixels = load_model(checkpoint), as_rgb(read_picture(photo))[0].copy()
    editors = [FaceEditor(model, pixels, one.crop, head=one.head) for one in find_places(pixels, align, box)]
    for editor in editors:
        warn_if_no_face(editor)
    found = [editor.photo_mattes() for editor in editors]
    shown = pixels * np.float32(0.4)
    for index, roi in enumerate(model.roi_names):
        matte = np.max([mattes[roi] for mattes in found], axis=0)
        colour = ImageColor.getrgb(roi_colour(index))
        shown += 0.6 * matte * np.array(colour, np.float32)
        click.echo(f"{roi}: {matte.mean():.1%} of the picture, shown in rgb{colour}")
    _save(np.clip(shown, 0, 255).round().astype(np.uint8), out, photo)


@main.command("styles")
@click.option("--photo", type=click.Path(path_type=Path), help="Face to draw them on; default: one from scikit-image.")
@place_options
@model_option
@out_option
@force_option
@one_line_errors
def draw_styles(
    photo: Path | None, align: str | None, box: Box | None, checkpoint: Path | None, out: Path, force: bool
) -> None:
    """Draw all named styles, those that --style takes, as one picture."""
    from l2sae.figures.style_chart import style_chart

    _check_out(out, force, FORMATS)
    model = load_model(checkpoint)
    pixels = astronaut() if photo is None else as_rgb(read_picture(photo))[0]
    _save(style_chart(model, pixels, find_places(pixels, align, box)[0].crop), out)


@main.command("compare-metrics")
@click.argument("first", type=click.Path(path_type=Path, exists=True))
@click.argument("second", type=click.Path(path_type=Path, exists=True))
@click.option("--device", default="same", show_default=True, help="Where SECOND ran: a class of the tolerances.")
@click.option("--tolerances", "file", type=click.Path(path_type=Path), default=TOLERANCES, show_default=True)
@one_line_errors
def compare_metrics(first: Path, second: Path, device: str, file: Path) -> None:
    """Hold the metrics of run SECOND (a file or folder) against FIRST; exit code 1 where a figure moved too far."""
    classes = read_tolerances(file)
    if device not in classes:
        raise click.UsageError(f"{file} has no device class {device!r}; there are: {', '.join(classes)}")
    figures = read_run(first)
    found = differences(figures, read_run(second), classes[device])
    for difference in found:
        click.echo(str(difference))
    click.echo(f"{len(found)} of {len(figures)} figures differ by more than {file} allows for {device!r}", err=True)
    sys.exit(1 if found else 0)


def _check_out(out: Path, force: bool, formats: Mapping[str, str]) -> None:
    if out.suffix.lower() not in formats:
        raise click.UsageError(f"{out}: the name has to end in {', '.join(formats)}")
    if out.exists() and not force:
        raise click.UsageError(f"{out} exists: give another name, or --force to overwrite it")
    if not out.parent.is_dir():
        raise click.UsageError(f"{out.parent}: no such folder")


def _save(picture: NDArray[np.uint8], out: Path, photo: Path | None = None) -> None:
    """Write the picture whole or not at all, with the photo's colour profile; its pixels are upright already."""
    profile = None if photo is None else colour_profile(photo)
    partial = out.with_name(out.name + ".partial")
    options: dict[str, Any] = {"quality": 95, "subsampling": 0} if FORMATS[out.suffix.lower()] == "JPEG" else {}
    try:
        Image.fromarray(picture).save(partial, FORMATS[out.suffix.lower()], icc_profile=profile, **options)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)


def _tell(done: Export) -> None:
    """Say where an export carries no watermark, and why."""
    if not done.marked:
        click.echo(f"{done.path}: exported without a watermark: {done.unmarked_reason}", err=True)


def _fail(error: Exception) -> NoReturn:
    click.echo(f"Error: {' '.join(str(error).split())}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
