"""The work on one photo of a bulk edit, from the file to the export, by the same functions as a single edit."""

import errno
import os
import socket
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from l2sae.bulk.fetching import Fetched, run_batch
from l2sae.bulk.job import Job, PackedModel, export_id
from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import DONE, SKIPPED, Row, made_by
from l2sae.bulk.stopwatch import Stopwatch
from l2sae.bulk.storage import Folder
from l2sae.editing.recipe import Recipe
from l2sae.editing.recipe_fields import digest_picture
from l2sae.editing.session import EditSession
from l2sae.pictures.errors import EditError, FaceWarning, PictureWarning, UnusableError
from l2sae.pictures.files import fitting_name, readable_name
from l2sae.pictures.reading import load_picture
from l2sae.provenance import AuditLog, Export, MarkError, ProvenanceError, export, load_credentials, make_mark, verify
from l2sae.provenance.exporting import LOG_FILE
from l2sae.provenance.keys import home_folder

_OF_ONE_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL, errno.EEXIST, errno.ENOTDIR, errno.EISDIR)
"""Errors that come of the name of one result."""


@dataclass(frozen=True)
class Context:
    """All that a worker needs: what to do, its id, with what model, and where the results go.

    Attributes:
        job: what to do.
        job_id: its id.
        model: made for the job.
        output: folder of the results.
        overwrite: whether files there that are not of this job may be replaced.
    """

    job: Job
    job_id: str
    model: PackedModel
    output: Folder
    overwrite: bool = False
    verb: ClassVar[str] = "edited"
    named: ClassVar[bool] = True

    @property
    def key(self) -> tuple[str, str, bool]:
        """Equal for equal work."""
        return self.job_id, self.output.url, self.overwrite

    def open(self) -> "BatchEditor":
        """Load the model."""
        return BatchEditor(self)


class BatchEditor:
    """Edits batches of photos on one thread; the next photo is fetched meanwhile.

    Photos go through the networks one by one: a convolution's last bits depend on the size of its batch, and results
    have to equal those of a single edit and of a recipe's replay.
    """

    def __init__(self, context: Context) -> None:
        self.context, self.job = context, context.job
        model = context.model.open()
        self._watch = Stopwatch()
        self._watch.follow("model", model, "encode", "decode")
        self._session = EditSession(model, self.job.compose, self.job.model_sha256)
        home = home_folder()
        self._credentials, self._log = load_credentials(home=home), AuditLog(home / LOG_FILE)
        self._watermark = make_mark(self.job.policy.mark)
        if self._watermark:
            self._watch.follow("mark", self._watermark, "embed", "detect")
        self._worker = f"{socket.gethostname()}:{os.getpid()}"

    def run(self, items: Sequence[Item]) -> list[Row]:
        """Edit a batch and leave its rows in the output folder; a batch that has left them already is done.

        Raises:
            EditError, OSError: results cannot be written, or not as the policy wants; what is wrong with a photo
                becomes its row instead.
        """
        output = self.context.output

        def is_there(rows: Sequence[Row]) -> bool:
            made = made_by(rows)
            return all(output.exists(item.name) for item in items if item.key in made)

        return run_batch(items, output, self._row, is_there)

    def _row(self, item: Item, fetched: Fetched, scratch: Path) -> Row:
        """Edit one photo; what is wrong with it becomes its row."""
        started = time.perf_counter()
        row: Row = {"photo": item.photo, "name": item.key, "stamp": item.stamp, "worker": self._worker, "again": False}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", FaceWarning)
            warnings.simplefilter("always", PictureWarning)
            try:
                row |= self._finished(item, fetched, scratch) or self._edited(item, fetched, scratch)
            except _SkipError as error:
                row |= {"result": SKIPPED, "reason": str(error), "again": error.again}
            except UnusableError as error:
                row |= {"result": SKIPPED, "reason": error.reason, "again": error.again}
            except MemoryError:
                row |= {"result": SKIPPED, "reason": "too large for this machine's memory", "again": True}
            except EditError as error:
                if isinstance(error, ProvenanceError) and not isinstance(error, MarkError):
                    raise  # policy, keys or log: no photo could be exported
                row |= {"result": SKIPPED, "reason": str(error).removeprefix(f"{scratch / item.name}: ")}
            except ImportError as error:
                raise EditError(
                    f"a package is missing or broken: {error}: install it, and run the same again"
                ) from None
            except OSError:
                raise  # of the place of the results: no photo could be written
            except Exception as error:  # of a library: no reason to stop all others
                row |= {"result": SKIPPED, "reason": f"unexpected {type(error).__name__}: {error}", "again": True}
        if caught:
            row["note"] = "; ".join(
                dict.fromkeys([*filter(None, [row.get("note")]), *(str(w.message) for w in caught)])
            )
        row = {key: readable_name(value) if isinstance(value, str) else value for key, value in row.items()}
        row |= {f"{part}_s": seconds for part, seconds in self._watch.take().items()}
        return row | {"seconds": time.perf_counter() - started}

    def _finished(self, item: Item, fetched: Fetched, scratch: Path) -> Row | None:
        """The row of a result that is there already; None where there is none, or it may be replaced.

        It tells by its manifest that it is of this job and this version of the photo.
        """
        if fetched.path is None:
            raise _SkipError(f"cannot read the file: {fetched.error}", again=True)
        output = self.context.output
        _require_place(output, item)
        if not output.exists(item.name):
            return None
        place = (output.local or scratch) / item.name
        if output.local is None:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(output.read(item.name))
        found = verify(place)
        if found.intact and found.facts.get("export") == export_id(self.context.job_id, item.name, fetched.sha256):
            return _describe(item, output, found.facts) | {"note": "finished by an earlier run"}
        if not (item.replaces or self.context.overwrite):
            raise _SkipError(f"{output.url_of(item.name)} exists, and is not of this job: remove it", again=True)
        return None

    def _edited(self, item: Item, fetched: Fetched, scratch: Path) -> Row:
        """Edit one photo and export it."""
        assert fetched.path is not None  # noqa: S101 # for the type checker: what has no path is not edited
        job, output = self.job, self.context.output
        with self._watch.part("decode"):
            picture = load_picture(fetched.path)
        with self._watch.part("composite"):
            path = item.folder.local / item.source if job.recipes and item.folder.local else None
            own = job.own_sha256 is not None and digest_picture(picture.pixels) == job.own_sha256
            if own:
                self._session.load_at(picture, job.own_place, path)
            else:
                self._session.load(picture, job.align, path)
            self._session.set_layers(job.own_layers if own else job.layers)
            rendering = self._session.rendering(job.metadata)
        place = (output.local or scratch) / item.name
        place.parent.mkdir(parents=True, exist_ok=True)
        with self._watch.part("encode"):
            if job.recipes:  # before the picture, which says by being there that all is done
                _save_recipe(rendering["recipe"], item, output)
            done = export(
                **rendering, path=place, purpose=job.purpose, policy=job.policy, consent=job.consent,
                unmarked=job.unmarked, quality=job.quality, watermark=self._watermark,
                credentials=self._credentials, log=self._log, source=fetched.path,
                export_id=export_id(self.context.job_id, item.name, fetched.sha256),
                overwrite=output.local is None or item.replaces or self.context.overwrite,
            )  # fmt: skip
            if output.local is None:
                self._upload(item, place, done)
        facts = dict(done.entry.record)
        if job.own_sha256 is not None:
            same = job.own_result in (None, facts["result_sha256"])
            facts["note"] = ("as recorded" if same else "differs from the record") if own else "applied afresh"
        if not (done.marked or job.unmarked):
            facts["note"] = "; ".join(filter(None, [facts.get("note"), f"not marked: {done.unmarked_reason}"]))
        return _describe(item, output, facts) | {"width": picture.shape[1], "height": picture.shape[0]}

    def _upload(self, item: Item, place: Path, done: Export) -> None:
        """Bring an export to where the results go; one that does not arrive is logged as withdrawn."""
        try:
            self.context.output.write(item.name, place.read_bytes())
        except Exception:
            self._log.append({"event": "withdrawn", "export": done.entry.record["export"]})
            raise
        finally:
            place.unlink()


class _SkipError(EditError):
    """A photo is left out; ``again`` says whether a later run should try it again."""

    def __init__(self, reason: str, again: bool) -> None:
        super().__init__(reason)
        self.again = again


def _require_place(output: Folder, item: Item) -> None:
    """A place for the result can be made; what keeps one photo's from being made is no reason to stop all others."""
    if output.local is None:
        return
    place = output.local / item.name
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        os.path.lexists(place)
        if place.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder of this name is there")
    except OSError as error:
        if error.errno not in _OF_ONE_NAME:
            raise
        raise _SkipError(f"{output.url_of(item.name)}: cannot be written: {error.strerror}", again=True) from None


def recipe_name(name: str) -> str:
    """The name of the recipe beside a result."""
    folder, slash, last = name.rpartition("/")
    return folder + slash + fitting_name(PurePosixPath(last).stem, ".recipe.json")


def _save_recipe(recipe: Recipe, item: Item, output: Folder) -> None:
    name = recipe_name(item.name)
    if output.local is not None:
        recipe.save(output.local / name)  # with paths relative to its folder
    else:
        output.write(name, recipe.to_json().encode())


def _describe(item: Item, output: Folder, facts: Mapping[str, Any]) -> Row:
    kept = ("note", "export", "original_sha256", "result_sha256", "changed_share", "watermark_bits")
    return {"result": DONE, "output": readable_name(output.url_of(item.name))} | {
        name: facts.get(name) for name in kept
    }
