"""Command line: ``l2sae edit PHOTO --roi hair --swap REF -o OUT``, ``masks``, ``styles``, ``export`` and others."""

import functools
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import ImageColor
from skimage.data import astronaut

from l2sae.editing import EditError, FaceEditor, FaceWarning, Recipe, Style
from l2sae.editing import edit as apply_edit
from l2sae.editing.align import ALIGN_MODES, find_places
from l2sae.editing.compose import COMPOSITIONS
from l2sae.editing.face_check import warn_if_no_face
from l2sae.editing.styles import STYLES
from l2sae.editing.styles.swap import in_reference_light
from l2sae.measures.tolerances import TOLERANCES, TolerancesError, differences, read_run, read_tolerances
from l2sae.model import CheckpointError, load_model
from l2sae.pictures.conversions import check_size, with_alpha
from l2sae.pictures.display import roi_colour
from l2sae.pictures.errors import PictureWarning
from l2sae.pictures.files import check_outputs, path_of, readable_name
from l2sae.pictures.frames import Box
from l2sae.pictures.picture import Picture
from l2sae.pictures.reading import as_picture, read_picture
from l2sae.pictures.writing import FORMATS, write_picture
from l2sae.provenance import AuditLog, Export, export, inspect, verify
from l2sae.provenance.exporting import kept_files
from l2sae.provenance.exporting_session import EditSession


class UserPath(click.Path):
    """A path as a shell would have given it: ``~`` is the home folder, in ``--out=~/o.png`` as well."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path; see `l2sae.pictures.files.path_of`."""
        return Path(os.fsdecode(super().convert(path_of(value), param, ctx)))


photo_argument = click.argument("photo", type=UserPath(path_type=Path))
out_option = click.option("-o", "--out", required=True, type=UserPath(path_type=Path), help="Picture to write.")
model_option = click.option("--model", "checkpoint", type=UserPath(path_type=Path), help="Checkpoint.")
force_option = click.option("--force", is_flag=True, help="Overwrite what exists.")


def style_options(command: Callable[..., None]) -> Callable[..., None]:
    """What is done to regions: an option for each kind of style that has one, its strength, composition and seed.

    The command gets the chosen style as ``style``, or None.
    """
    options = [kind.option for kind in STYLES if kind.option is not None]

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        texts = {option: text for option in options if (text := kwargs.pop(option.name)) is not None}
        if len(texts) > 1:
            raise click.UsageError(f"give one of {_style_usage()}, not {len(texts)}")
        try:
            style = next((option.parse(text) for option, text in texts.items()), None)
            style = in_reference_light(style) if kwargs.pop("reference_light") else style
        except EditError as error:
            raise click.UsageError(str(error)) from None
        command(*args, style=style, **kwargs)

    for shared in (
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the noise."),
        click.option("--reference-light", is_flag=True, help="Take the colours of --swap as its picture shows them."),
        click.option("--compose", type=click.Choice(COMPOSITIONS), default="detail", show_default=True),
        click.option("--strength", type=float, default=1.0, show_default=True, help="0 (no change) to 2."),
    ):
        wrapped = shared(wrapped)
    for option in reversed(options):
        wrapped = click.option(f"--{option.name}", metavar=option.metavar, help=option.help)(wrapped)
    return wrapped


def _style_usage() -> str:
    return " or ".join(f"--{kind.option.name} {kind.option.metavar}" for kind in STYLES if kind.option is not None)


def place_options(command: Callable[..., None]) -> Callable[..., None]:
    """The place of the face: ``--align`` and ``--box``, as arguments ``align`` and ``box``; None where not given."""

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
            is_flag=False,
            flag_value="auto",
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
        click.option("--policy", type=UserPath(path_type=Path), help="Policy; default: policy.yaml here, if any."),
        click.option("--consent", help="Reference to the consent of the person shown."),
        click.option("--unmarked", is_flag=True, help="No watermark; logged, and only where the policy allows it."),
        click.option("--quality", type=click.IntRange(1, 100), default=95, show_default=True, help="Of lossy files."),
        click.option(
            "--metadata",
            type=click.Choice(["keep", "none"]),
            default="keep",
            show_default=True,
            help="Keep date, copyright, artist and resolution; places and serial numbers never.",
        ),
    ):
        command = option(command)
    return command


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """Turn what a user can put right into one line and exit code 1; show warnings as lines too."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("ignore")
                warnings.simplefilter("always", FaceWarning)
                warnings.simplefilter("always", PictureWarning)
                command(*args, **kwargs)
        except (EditError, CheckpointError, TolerancesError, OSError) as error:
            click.echo(f"Error: {readable_name(' '.join(str(error).split()))}", err=True)
            sys.exit(1)
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
@place_options
@click.option("--recipe", type=UserPath(path_type=Path), help="Save the edit as JSON, to replay it.")
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
    _check_out(out, force)
    if recipe is not None and recipe.exists() and (recipe.is_dir() or not force):
        raise click.UsageError(f"{recipe} exists: give another --recipe, or --force to overwrite a file")
    inputs = _named(photo, checkpoint, options["policy"], *style.files, *kept_files())
    check_outputs(inputs, _named(out, recipe))
    model = load_model(checkpoint)
    if align == "all":
        if recipe is not None:
            raise click.UsageError("a recipe holds one face: leave out --recipe, or give --align auto")
        original = as_picture(photo)
        edited = apply_edit(model, original, rois, style, strength, compose, seed, align=align)
        _tell(export(edited, out, overwrite=force, source=photo, **_taken_over(original, **options)))
        return
    session = EditSession(model, compose)
    session.load(photo, align, box=box)
    session.add_layer(rois, style, strength, seed=seed)
    done = session.export(out, overwrite=force, **options)
    _tell(done)
    if recipe is not None:
        (done.recipe or session.recipe()).save(recipe)


@main.command("edit-folder")
@click.argument("photos")
@click.option("-o", "--out", required=True, help="Folder for the results and their table; a path or a URL.")
@click.option("--roi", "rois", multiple=True, help="Region to edit, e.g. hair; may be repeated.")
@style_options
@click.option("--recipe", type=UserPath(path_type=Path), help="Apply this recipe instead.")
@click.option(
    "--align",
    is_flag=False,
    flag_value="auto",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="auto: the largest face of each photo; none: photos are face crops.",
)
@click.option("--ending", type=click.Choice(list(FORMATS)), default=".png", show_default=True)
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

    The same command takes up what was cut off. Exit code 1: some photos were skipped.
    """
    from l2sae.bulk import edit_folder  # with Parquet and fsspec, which no other command needs

    if (style is None) == (recipe is None) or (recipe is None) != bool(rois):
        raise click.UsageError(f"give either --roi with {_style_usage()}, or --recipe FILE")
    options |= {"recipe": recipe, "align": None if align == "none" else align, "overwrite": force}
    table = edit_folder(load_model(checkpoint), photos, out, rois or None, style, **options)
    skipped = table[table["result"] == "skipped"]
    for row in skipped.itertuples():
        click.echo(f"{row.photo}: {row.reason}" + (f" ({row.note})" if row.note else ""), err=True)
    said = f", {len(skipped)} skipped" if len(skipped) else ""
    done = len(table) - len(skipped)
    click.echo(f"{done} of {len(table)} photos edited{said}; see {readable_name(out)}/results.parquet")
    sys.exit(1 if len(skipped) else 0)


@main.command("export")
@click.argument("recipe", type=UserPath(path_type=Path))
@click.option("--photo", type=UserPath(path_type=Path), help="The photo, if it is not where the recipe says.")
@model_option
@out_option
@force_option
@export_options
@one_line_errors
def export_recipe(
    recipe: Path, photo: Path | None, checkpoint: Path | None, out: Path, force: bool, **options: Any
) -> None:
    """Replay RECIPE and write its result, marked, signed and logged."""
    _check_out(out, force)
    check_outputs(_named(recipe, photo, checkpoint, options["policy"]), [out])
    document = Recipe.load(recipe, own_photo=photo is None)
    original = document.source(photo)
    edited = with_alpha(document.replay(load_model(checkpoint), original), original.alpha)
    done = export(edited, out, recipe=document, overwrite=force, source=photo, **_taken_over(original, **options))
    _tell(done)


@main.command("inspect")
@photo_argument
@click.option("--log", type=UserPath(path_type=Path, exists=True, dir_okay=False), help="Audit log to look in.")
@click.option("--trust", type=UserPath(path_type=Path), help="PEM file of certificate authorities to trust.")
@one_line_errors
def inspect_photo(photo: Path, log: Path | None, trust: Path | None) -> None:
    """Say what manifest, watermark and audit log tell of PHOTO."""
    click.echo(inspect(photo, log=AuditLog(log) if log else None, trust_anchors=trust).verdict)


@main.command("verify")
@click.argument("path", type=UserPath(path_type=Path))
@click.option("--trust", type=UserPath(path_type=Path), help="PEM file of certificate authorities to trust.")
@one_line_errors
def verify_file(path: Path, trust: Path | None) -> None:
    """Check the manifest of a picture, or the chain of an audit log (.jsonl); exit code 1 where it is broken."""
    if path.suffix == ".jsonl" and path.exists():
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
    _check_out(out, force)
    check_outputs(_named(photo, checkpoint), [out])
    model, pixels = load_model(checkpoint), read_picture(photo).copy()
    check_size(*pixels.shape[:2])
    editors = [FaceEditor.at(model, pixels, one) for one in find_places(pixels, align, box)]
    for editor in editors:
        warn_if_no_face(editor)
    found = [editor.photo_mattes() for editor in editors]
    shown = pixels * np.float32(0.4)
    for index, roi in enumerate(model.roi_names):
        matte = np.max([mattes[roi] for mattes in found], axis=0)
        colour = ImageColor.getrgb(roi_colour(index))
        shown += 0.6 * matte * np.array(colour, np.float32)
        click.echo(f"{roi}: {matte.mean():.1%} of the picture, shown in rgb{colour}")
    write_picture(np.clip(shown, 0, 255).round().astype(np.uint8), out)


@main.command("styles")
@click.option("--photo", type=UserPath(path_type=Path), help="Face to draw them on; default: one from scikit-image.")
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

    _check_out(out, force)
    check_outputs(_named(photo, checkpoint), [out])
    model = load_model(checkpoint)
    pixels = astronaut() if photo is None else read_picture(photo)
    check_size(*pixels.shape[:2])
    write_picture(style_chart(model, pixels, find_places(pixels, align, box)[0].crop), out)


@main.command("compare-metrics")
@click.argument("first", type=UserPath(path_type=Path, exists=True))
@click.argument("second", type=UserPath(path_type=Path, exists=True))
@click.option("--device", default="same", show_default=True, help="Where SECOND ran: a class of the tolerances.")
@click.option("--tolerances", "file", type=UserPath(path_type=Path), default=TOLERANCES, show_default=True)
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


def _check_out(out: Path, force: bool) -> None:
    if out.suffix.lower() not in FORMATS:
        raise click.UsageError(f"{out}: the name has to end in {', '.join(FORMATS)}")
    if out.exists() and (out.is_dir() or not force):
        raise click.UsageError(f"{out} exists: give another name, or --force to overwrite a file")
    if not out.parent.is_dir():
        raise click.UsageError(f"{out.parent}: no such folder")


def _named(*files: str | Path | None) -> list[str | Path]:
    return [file for file in files if file is not None]


def _taken_over(photo: Picture, metadata: str, **options: Any) -> dict[str, Any]:
    """Arguments of an export that keeps what the photo has."""
    kept = photo.metadata if metadata == "keep" else None
    return options | {"original": photo.array, "icc_profile": photo.profile, "metadata": kept, "flatten": True}


def _tell(done: Export) -> None:
    """Say where an export carries no watermark, and why."""
    if not done.marked:
        click.echo(f"{done.path}: exported without a watermark: {done.unmarked_reason}", err=True)


if __name__ == "__main__":
    main()
