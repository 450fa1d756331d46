"""The full table of ``benchmarks/provenance.json``: every attack, hundreds of pictures, ten thousand without a mark.

It takes about an hour. Every finished piece is kept in a journal, so that a second call goes on where the first one
ended. Pieces are worked on side by side, one thread each; reading marks takes nearly all of the time.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
import torch

from l2sae.bench.mark_table import photos_of
from l2sae.data import FaceDataset, open_split, render_faces
from l2sae.editing.compose import COMPOSITIONS
from l2sae.measures.parallel import side_by_side
from l2sae.model import L2SAE, load_model, shipped_model_path
from l2sae.params import Params
from l2sae.pictures.display import as_pictures
from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.pictures.reading import read_picture
from l2sae.provenance import pattern_mark
from l2sae.provenance.attack_table import (
    EXPORT_SIDE,
    PSNR,
    look_for_mark,
    measure_manifest,
    second_edit,
    summarise_marks,
)
from l2sae.provenance.attacks import Attack, attack_names, get_attack
from l2sae.provenance.detector.detection_figures import Scores, score_faces, summarise_scores
from l2sae.provenance.detector.known_edits import EditedFace, Picture, measured_edits
from l2sae.provenance.detector.localiser import Localiser, load_localiser
from l2sae.provenance.pattern_mark import PatternMark
from l2sae.provenance.verdict import join_figures, photo_attacks

SIGNED = 50
EDITED = 200  # test faces of each composition
CHUNK = 50  # unmarked pictures in one entry of the journal
MARKED_SEED, UNMARKED_SEED = 31_001, 31_002
REFERENCE = 200  # the face whose style the second edit takes, whatever the number of pictures
SMALLEST = 64  # pixels a side: the localiser is not asked about edits of a face in fewer
MODEL, LOCALISER = Path("models/l2sae.safetensors"), Path("models/localiser.safetensors")
MARKS, EDITS = Path("reports/bench-marks.jsonl"), Path("reports/bench-edits.jsonl")  # journals
Progress = Callable[[str], object]
Item = TypeVar("Item")


class Journal:
    """Results of finished pieces of work, one JSON line each, read again when the work goes on.

    Args:
        path: the file; its folder is created.
        key: what the results depend on. A journal with another key is set aside and a new one is begun.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self._done: dict[str, Any] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        if lines and json.loads(lines[0]) != {"key": key}:
            path.replace(path.with_suffix(".old.jsonl"))
            lines = []
        if not lines:
            path.write_text(json.dumps({"key": key}) + "\n", encoding="utf-8")
        for line in lines[1:]:
            try:
                name, result = json.loads(line)
            except ValueError:  # the line that was being written when the work was cut off
                continue
            self._done[name] = result

    def __call__(self, name: str, compute: Callable[[], Any]) -> Any:
        """The kept result called ``name``, or that of ``compute``, which must be JSON, kept from now on."""
        if name not in self._done:
            result = compute()
            torn = not self.path.read_bytes().endswith(b"\n")
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" * torn + json.dumps([name, result]) + "\n")
            self._done[name] = result
        return self._done[name]

    def __contains__(self, name: str) -> bool:
        return name in self._done


def run_full_table(
    params: Params, marked: int, unmarked: int, photos: Path | None = None, progress: Progress = print
) -> dict[str, Any]:
    """The full table for the model, the localiser and the data that the pipeline left in the working folder.

    Raises:
        CheckpointError, LocaliserError, PreparedError: a stage has not run; the message says which.
        ClickException: there are no pictures in ``photos``.
    """
    model, localiser = load_model(MODEL, params.device), load_localiser(LOCALISER)
    test = open_split("data/prepared", "test", params.rois, params.data.image_size)
    marks = Journal(MARKS, journal_key(params.edit.compose, shipped_model_path(), Path(pattern_mark.__file__)))
    edits = Journal(EDITS, journal_key(params.model_dump_json(), MODEL, LOCALISER))
    found = photos_of(photos, marked) if photos else []
    table = mark_table(load_model(device="cpu"), params, marks, marked, unmarked, found, progress)
    return join_figures(table, detector=detector_table(model, localiser, test, params, edits, progress))


def journal_key(settings: str, *files: Path) -> str:
    """A digest of the settings, and of the weights, that results depend on."""
    digest = hashlib.sha256(settings.encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def mark_table(
    editor: L2SAE,
    params: Params,
    journal: Journal,
    marked: int,
    unmarked: int,
    photos: Sequence[Path] = (),
    progress: Progress = print,
) -> dict[str, Any]:
    """Every figure of watermark and manifest, from all attacks. The pipeline's model has no part in them.

    Args:
        editor: the shipped model, which makes the second edit.
        params: ``provenance.bootstrap``, ``edit.compose`` and ``seed`` are used.
        journal: keeps what is finished.
        marked: pictures to mark: faces rendered at 256 pixels, which nothing was trained on.
        unmarked: further such faces, for the false-positive rate.
        photos: photos to mark, at their own sizes, besides: their figures are under ``photos``.
        progress: called with one plain line at a time.
    """
    again = second_edit(editor, _rendered(MARKED_SEED, REFERENCE), params.edit.compose)
    keep = partial(_kept, journal, progress=progress)
    faces, files = {f"marked {index}": index for index in range(marked)}, {path.name: path for path in photos}
    parts = {f"unmarked {first}": range(first, min(first + CHUNK, unmarked)) for first in range(0, unmarked, CHUNK)}
    marks = {
        "watermark": keep(faces, lambda index: _marked_row(_rendered(MARKED_SEED, index), again)),
        "photos": keep(_named("photo", files), lambda path: _marked_row(read_picture(path), again)),
    }

    def is_marked(indices: Iterable[int]) -> list[bool]:
        return [PatternMark().detect(_rendered(UNMARKED_SEED, index)).marked for index in indices]

    false = {
        "watermark": [told for part in keep(parts, is_marked) for told in part],
        "photos": keep(_named("unmarked photo", files), lambda path: PatternMark().detect(read_picture(path)).marked),
    }
    signed = min(marked, SIGNED)
    counts = {"marked": marked, "photos": len(photos), "unmarked": unmarked, "signed": signed}
    resamples, seed = params.provenance.bootstrap, params.seed
    summaries = {name: summarise_marks(rows, false[name], resamples, seed) for name, rows in marks.items() if rows}
    manifest = journal(f"manifest {signed}", lambda: _manifest(signed))
    return join_figures({"counts": counts}, **summaries, manifest=manifest)


def detector_table(
    model: L2SAE, localiser: Localiser, test: FaceDataset, params: Params, journal: Journal, progress: Progress = print
) -> dict[str, Any]:
    """Every figure of the localiser on ``model``'s edits of the first ``EDITED`` faces of the test split."""
    scores: dict[tuple[str, str], Scores] = {}
    counts = {}
    for compose in COMPOSITIONS:
        edits = measured_edits(model, test, min(EDITED, len(test)), compose)
        counts[compose] = len(edits)  # without those too faint to be seen
        attacks = [one for one in photo_attacks(attack_names()) if min(one(edits[0].photo).shape[:2]) >= SMALLEST]
        named = {f"{compose} of {len(edits)}: {attack.name}": attack for attack in attacks}
        kept = _kept(journal, named, partial(_score_lists, localiser, edits), progress)
        scores |= {(compose, attack.name): _from_lists(one) for attack, one in zip(attacks, kept, strict=True)}
    figures = summarise_scores(scores, params.provenance.bootstrap, params.seed)
    for compose, count in counts.items():
        figures[compose]["edits"] = count
    return figures


def _named(what: str, items: Mapping[str, Item]) -> dict[str, Item]:
    return {f"{what} {name}": item for name, item in items.items()}


def _kept(journal: Journal, items: Mapping[str, Item], compute: Callable[[Item], Any], progress: Progress) -> list[Any]:
    """Results for all items, in order; those that the journal lacks under their names are computed side by side."""
    missing = [name for name in items if name not in journal]
    results = side_by_side(lambda name: compute(items[name]), missing, torch.device("cpu"))
    for number, (name, result) in enumerate(zip(missing, results, strict=True), start=1):
        journal(name, lambda kept=result: kept)  # type: ignore[misc]
        if number % 10 == 0 or number == len(missing):
            progress(f"bench: {name}: {number} of {len(missing)} that were missing")
    return [journal(name, dict) for name in items]


def _rendered(seed: int, index: int) -> Picture:
    return as_pictures(render_faces(1, EXPORT_SIDE, seed, start=index).images)[0]


def _marked_row(picture: Picture, again: Callable[[Picture], Picture]) -> dict[str, list[float]]:
    watermark = PatternMark()
    copy = watermark.embed(picture)
    attacks = [get_attack(name, again) for name in attack_names()]
    return look_for_mark(watermark, copy, attacks) | {PSNR: [psnr_of_levels(picture, copy)]}


def _manifest(count: int) -> dict[str, Any]:
    watermark = PatternMark()
    with TemporaryDirectory() as folder:
        marked = [watermark.embed(_rendered(MARKED_SEED, index)) for index in range(count)]
        return measure_manifest(marked, watermark, Path(folder))


def _score_lists(localiser: Localiser, edits: Sequence[EditedFace], attack: Attack) -> dict[str, Any]:
    scores = asdict(score_faces(localiser, edits, attack))
    return {name: value if name == "rois" else value.tolist() for name, value in scores.items()}


def _from_lists(kept: dict[str, Any]) -> Scores:
    arrays = {name: np.array(kept[name]) for name in ("photo", "edited", "both", "either")}
    return Scores(**arrays, rois=tuple(tuple(rois) for rois in kept["rois"]))
