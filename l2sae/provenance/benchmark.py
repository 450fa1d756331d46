"""The full table of ``benchmarks/provenance.json``: every attack, hundreds of pictures, ten thousand without a mark.

It takes about an hour, so that every finished piece is kept in a journal, and a second call goes on where the first one
ended. Pieces are worked on side by side, one thread each; nearly all of the time goes into reading marks.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from l2sae.data import FaceDataset, open_split, render_faces
from l2sae.editing.pictures import read_picture
from l2sae.evaluation.parallel import side_by_side
from l2sae.model import L2SAE, load_model
from l2sae.params import Params
from l2sae.plotting import as_pictures
from l2sae.provenance.assess import COMPOSITIONS, join_figures, photo_attacks
from l2sae.provenance.attacks import Attack, attack_names, get_attack
from l2sae.provenance.detection import Scores, score_faces, summarise_scores
from l2sae.provenance.edits import EditedFace, Picture, measured_edits
from l2sae.provenance.errors import ProvenanceError
from l2sae.provenance.localiser import Localiser, load_localiser
from l2sae.provenance.survival import (
    EXPORT_SIDE,
    PSNR,
    look_for_mark,
    measure_manifest,
    second_edit,
    summarise_marks,
)
from l2sae.provenance.watermark import RivaGan, psnr

SIGNED = 50
EDITED = 200  # test faces of each composition
SUFFIXES = (".jpg", ".jpeg", ".png")
CHUNK = 50  # unmarked pictures in one entry of the journal
MARKED_SEED, UNMARKED_SEED = 31_001, 31_002
SMALLEST = 64  # pixels a side: the localiser is not asked about edits of a face in fewer
MODEL, LOCALISER, JOURNAL = "models/l2sae.safetensors", "models/localiser.safetensors", Path("reports/bench.jsonl")
Progress = Callable[[str], object]


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
            with self.path.open("a", encoding="utf-8") as file:
                file.write("\n" * self._torn() + json.dumps([name, result]) + "\n")
            self._done[name] = result
        return self._done[name]

    def __contains__(self, name: str) -> bool:
        return name in self._done

    def _torn(self) -> bool:
        return not self.path.read_bytes().endswith(b"\n")


def run_full_table(
    params: Params, marked: int, unmarked: int, photos: Path | None = None, progress: Progress = print
) -> dict[str, Any]:
    """The full table for the model, the localiser and the data that the pipeline left in the working folder.

    Raises:
        CheckpointError, LocaliserError, PreparedError: a stage has not run; the message says which.
        ProvenanceError: there are no pictures in ``photos``.
    """
    model, localiser = load_model(MODEL, params.device), load_localiser(LOCALISER)
    test = open_split("data/prepared", "test", params.rois, params.data.image_size)
    journal = Journal(JOURNAL, journal_key(params, Path(MODEL), Path(LOCALISER)))
    found = find_photos(photos, marked) if photos else []
    return full_table(model, localiser, test, params, journal, marked, unmarked, found, progress)


def find_photos(folder: Path, count: int) -> list[Path]:
    """At most ``count`` photos of a folder, evenly spaced in the order of their names."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ProvenanceError(f"{folder}: no pictures ({', '.join(SUFFIXES)}) in it")
    return [found[index * len(found) // count] for index in range(min(count, len(found)))]


def journal_key(params: Params, *files: Path) -> str:
    """A digest of the parameters, and of the weights, that the results depend on."""
    digest = hashlib.sha256(params.model_dump_json().encode())
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def full_table(
    model: L2SAE,
    localiser: Localiser,
    test: FaceDataset,
    params: Params,
    journal: Journal,
    marked: int,
    unmarked: int,
    photos: Sequence[Path] = (),
    progress: Progress = print,
) -> dict[str, Any]:
    """Every figure of watermark, manifest and localiser, from all attacks.

    Args:
        model: makes the edits, and the second edit.
        localiser: trained by the provenance stage.
        test: the test split; its first ``EDITED`` faces are edited.
        params: ``provenance.bootstrap``, ``edit`` and ``seed`` are used.
        journal: keeps what is finished.
        marked: pictures to mark: faces rendered at 256 pixels, which nothing was trained on.
        unmarked: further such faces, for the false-positive rate.
        photos: photos to mark, at their own sizes, besides: their figures are under ``photos``.
        progress: called with one plain line at a time.
    """
    resamples, seed = params.provenance.bootstrap, params.seed
    again = second_edit(model, _rendered(MARKED_SEED, marked), params.edit.compose)
    keep = partial(_kept, journal, progress=progress)
    marks = {
        "watermark": keep("marked", range(marked), lambda index: _marked_row(_rendered(MARKED_SEED, index), again)),
        "photos": keep("photo", photos, lambda path: _marked_row(read_picture(path), again)),
    }
    fifties = [range(first, min(first + CHUNK, unmarked)) for first in range(0, unmarked, CHUNK)]
    false = {
        "watermark": [told for part in keep("unmarked", fifties, _told_marked) for told in part],
        "photos": keep("unmarked photo", photos, lambda path: RivaGan().detect(read_picture(path)).marked),
    }
    signed = journal("manifest", lambda: _manifest(min(marked, SIGNED)))
    scores = _detector_scores(model, localiser, test, keep)
    edited = min(EDITED, len(test))
    counts = {"marked": marked, "photos": len(photos), "unmarked": unmarked, "signed": min(marked, SIGNED)}
    summaries = {name: summarise_marks(rows, false[name], resamples, seed) for name, rows in marks.items() if rows}
    return join_figures(
        {"counts": counts | {"edited": edited}},
        **summaries,
        manifest=signed,
        detector=summarise_scores(scores, resamples, seed),
    )


def _kept(
    journal: Journal, what: str, items: Sequence[Any], compute: Callable[[Any], Any], progress: Progress
) -> list[Any]:
    """Results for all items, in order; those that the journal lacks are computed side by side."""
    missing = [index for index in range(len(items)) if f"{what} {index}" not in journal]
    results = side_by_side(lambda index: compute(items[index]), missing, torch.device("cpu"))
    for number, (index, result) in enumerate(zip(missing, results, strict=True), start=1):
        journal(f"{what} {index}", partial(_given, result))
        if number % 10 == 0 or number == len(missing):
            progress(f"bench: {what}: {number} of {len(missing)}")
    return [journal(f"{what} {index}", dict) for index in range(len(items))]


def _given(result: Any) -> Any:
    return result


def _detector_scores(
    model: L2SAE, localiser: Localiser, test: FaceDataset, keep: Callable[..., list[Any]]
) -> dict[tuple[str, str], Scores]:
    """Scores by composition and attack."""
    scores: dict[tuple[str, str], Scores] = {}
    for compose in COMPOSITIONS:
        edits = measured_edits(model, test, min(EDITED, len(test)), compose)
        attacks = [one for one in photo_attacks(attack_names()) if min(one(edits[0].photo).shape[:2]) >= SMALLEST]
        what = f"{compose} of {len(edits)}: {' '.join(attack.name for attack in attacks)}:"
        kept = keep(what, attacks, partial(_score_lists, localiser, edits))
        scores |= {(compose, attack.name): _from_lists(one) for attack, one in zip(attacks, kept, strict=True)}
    return scores


def _rendered(seed: int, index: int) -> Picture:
    return as_pictures(render_faces(1, EXPORT_SIDE, seed, start=index).images)[0]


def _marked_row(picture: Picture, again: Callable[[Picture], Picture]) -> dict[str, list[float]]:
    watermark = RivaGan()
    copy = watermark.embed(picture)
    attacks = [get_attack(name, again) for name in attack_names()]
    return look_for_mark(watermark, copy, attacks) | {PSNR: [psnr(picture, copy)]}


def _told_marked(indices: Iterable[int]) -> list[bool]:
    return [RivaGan().detect(_rendered(UNMARKED_SEED, index)).marked for index in indices]


def _manifest(count: int) -> dict[str, Any]:
    watermark = RivaGan()
    with TemporaryDirectory() as folder:
        marked = [watermark.embed(_rendered(MARKED_SEED, index)) for index in range(count)]
        return measure_manifest(marked, watermark, Path(folder))


def _score_lists(localiser: Localiser, edits: Sequence[EditedFace], attack: Attack) -> dict[str, Any]:
    scores = asdict(score_faces(localiser, edits, attack))
    return {name: value if name == "rois" else value.tolist() for name, value in scores.items()}


def _from_lists(kept: dict[str, Any]) -> Scores:
    arrays = {name: np.array(kept[name]) for name in ("photo", "edited", "both", "either")}
    return Scores(**arrays, rois=tuple(tuple(rois) for rois in kept["rois"]))
