"""Edit a folder of photos: the plan, the run, and the table that is left."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from l2sae.bulk.job import Backend, PackedModel, job_id, make_job
from l2sae.bulk.one_photo import Context, recipe_name
from l2sae.bulk.photo_lists import JOB, SIDECARS, Item, find_items
from l2sae.bulk.progress import Progress
from l2sae.bulk.results import TABLE
from l2sae.bulk.runs import BATCH, Runner, check_runner, open_folders, run
from l2sae.bulk.storage import Folder
from l2sae.editing.recipe import Recipe
from l2sae.editing.styles import Style
from l2sae.model import L2SAE
from l2sae.pictures.errors import EditError
from l2sae.pictures.files import check_outputs, path_of, readable_name, same_place
from l2sae.provenance import Policy, load_credentials


def edit_folder(
    model: L2SAE,
    photos: str | os.PathLike[str],
    output: str | os.PathLike[str],
    rois: str | Sequence[str] | None = None,
    style: Style | Mapping[str, Style] | None = None,
    *,
    recipe: Recipe | str | os.PathLike[str] | None = None,
    root: str | Path | None = None,
    strength: float = 1.0,
    compose: str = "detail",
    seed: int = 0,
    align: str | None = "auto",
    ending: str = ".png",
    quality: int = 95,
    recipes: bool = False,
    purpose: str = "research",
    policy: str | Path | Policy | None = None,
    consent: str | None = None,
    unmarked: bool = False,
    metadata: str = "keep",
    overwrite: bool = False,
    workers: int | None = None,
    batch: int = BATCH,
    runner: Runner = "processes",
    backend: Backend = "torch",
    storage_options: Mapping[str, Any] | None = None,
    progress: bool | Progress = True,
) -> pd.DataFrame:
    """Edit every photo of a folder, and write the results marked, signed and logged, as a single export is.

    A photo that cannot be edited is skipped, and its row says why. A run that was cut off is taken up by the same call:
    what is finished stays, and the results are those of a run that was not cut off. Under torchrun each rank takes its
    share. A result is named after its photo, with another ending; ``results.parquet`` beside them is the table.

    Args:
        model: from `load_model`.
        photos: a folder, searched at any depth, or a list of photos: ``.txt``, a path a line, or ``.csv`` or
            ``.parquet`` with a column ``photo``. A path, or a URL that fsspec reads, e.g. ``s3://bucket/photos``.
        output: the folder for the results, likewise.
        rois: regions to edit.
        style: as for `edit`; a dict makes one layer for each of its styles, in order.
        recipe: to apply, instead of ``rois`` and ``style``; on the photo it was made on, with the mattes drawn there.
        root: folder that all files named in the recipe have to be in; by default the recipe's own.
        strength: as for `edit`.
        compose: likewise.
        seed: likewise; every photo gets the same noise.
        align: ``auto`` edits the largest face of each photo; None takes photos as face crops. A recipe's own photo is
            edited as the recipe says.
        ending: of the results: ``.png``, ``.jpg``, ``.webp``, ``.avif`` or ``.tif``.
        quality: of JPEG and WebP.
        recipes: write a recipe beside each result as well.
        purpose: of all exports; as the following for `l2sae.provenance.export`.
        policy: what they have to keep to.
        consent: a reference to the consent of the persons shown.
        unmarked: leave the watermark out, where the policy allows it.
        metadata: ``keep`` for date, copyright, artist and resolution of each photo, or ``none``.
        overwrite: replace files in ``output`` that are not of this job, and move those of other jobs that it does not
            replace to ``superseded/`` there.
        workers: processes of one thread each; 0 works in this process; None takes one for each core of this machine.
        batch: photos that a worker takes at a time, fewer where they are large.
        runner: ``processes`` of this machine, or ``ray``: the cluster that Ray is connected to, else a local one;
            needs the extra ``cluster``.
        backend: what runs the networks: ``torch``, whose results equal those of `edit`, or ``onnx`` (ONNX Runtime on
            the CPU, the extra ``onnx``), whose results differ from them by an 8-bit level here and there.
        storage_options: of fsspec, for the URLs among ``photos`` and ``output``.
        progress: False for none, or a function to call with plain lines.

    Returns:
        One row for each photo, in order of the results' names: ``photo``, ``output``, ``result`` (done or skipped),
        ``reason``, ``note``, size, id and digests of the export, and seconds of each part of the work. The same on
        every rank.

    Raises:
        EditError: a parameter is wrong, or results cannot be written.
    """
    source, target = open_folders((photos, output), storage_options, runner)
    check_runner(runner, workers, batch)
    given: list[str | os.PathLike[str]] = []
    if isinstance(recipe, (str, os.PathLike)):
        given.append(recipe)
        recipe = Recipe.load(path_of(recipe), path_of(recipe).parent if root is None else root, own_photo=False)
    if recipe is not None:
        given += recipe.files
    job = make_job(
        model, rois, style, recipe, strength, seed, compose, align, policy,
        ending=str(ending).lower(), quality=quality, recipes=recipes, purpose=purpose, consent=consent,
        unmarked=unmarked, backend=backend, metadata=metadata,
    )  # fmt: skip
    items = find_items(source, job.ending, target)
    styles = style.values() if isinstance(style, Mapping) else [style]
    given += [file for one in styles if isinstance(one, Style) for file in one.files]
    _check_places(source, target, items, job.recipes, given)
    load_credentials()  # made on first use, by one process
    description = job.describe(model)
    context = Context(job, job_id(description), PackedModel.of(model, backend), target, overwrite)
    return run(context, items, description, workers, batch, runner, progress)


def _check_places(
    source: Folder, target: Folder, items: Sequence[Item], recipes: bool, inputs: Sequence[str | os.PathLike[str]]
) -> None:
    """Refuse results among the photos, and any that would take the place of a file that is read."""
    folders = set()
    if source.is_folder():
        folders = {source.url}
        _check_inside(source, target)
    folders |= {item.folder.url_of(item.source).rpartition("/")[0] for item in items}
    if taken := [folder for folder in folders if same_place(folder, target.url)]:
        raise EditError(f"{target.url}: this is the folder of the photos, {taken[0]}; name another output")
    results = [name for item in items for name in (item.name, recipe_name(item.name))[: 2 if recipes else 1]]
    photos = [item.folder.url_of(item.source) for item in items]
    check_outputs([source.url, *photos, *inputs], [target.url_of(name) for name in (*results, TABLE)])


def _check_inside(source: Folder, target: Folder) -> None:
    """Refuse an output folder below the photos that holds photos, which would be neither edited nor safe."""
    above, below = ((os.path.realpath(one.local) if one.local else one.root) for one in (source, target))
    inside = below.startswith(f"{above}/") and type(source.fs) is type(target.fs)
    if not inside or target.exists(JOB) or not target.is_folder():
        return
    if own := [name for name in target.files() if not name.lower().endswith(SIDECARS)]:
        raise EditError(
            f"{target.url}: lies within the folder of the photos and holds files of its own, {readable_name(own[0])}: "
            "name another output, or a new folder"
        )
