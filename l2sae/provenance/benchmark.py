"""The full table of ``benchmarks/provenance.json``: every attack, hundreds of pictures, ten thousand without a mark.

It takes hours, so that every finished piece is kept in a journal, and a second call goes on where the first one ended.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from l2sae.data import FaceDataset, open_split, render_faces
from l2sae.model import L2SAE, load_model
from l2sae.params import Params
from l2sae.plotting import as_pictures
from l2sae.provenance.assess import COMPOSITIONS, join_figures, photo_attacks
from l2sae.provenance.attacks import Attack, attack_names, get_attack
from l2sae.provenance.detection import Scores, score_faces, summarise_scores
from l2sae.provenance.edits import EditedFace, Picture, measured_edits
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

    def _torn(self) -> bool:
        return not self.path.read_bytes().endswith(b"\n")


def run_full_table(params: Params, marked: int, unmarked: int, progress: Progress = print) -> dict[str, Any]:
    """The full table for the model, the localiser and the data that the pipeline left in the working folder.

    Raises:
        CheckpointError, LocaliserError, PreparedError: a stage has not run; the message says which.
    """
    model, localiser = load_model(MODEL, params.device), load_localiser(LOCALISER)
    test = open_split("data/prepared", "test", params.rois, params.data.image_size)
    journal = Journal(JOURNAL, journal_key(params, Path(MODEL), Path(LOCALISER)))
    return full_table(model, localiser, test, params, journal, marked, unmarked, progress)


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
    progress: Progress = print,
) -> dict[str, Any]:
    """Every figure of watermark, manifest and localiser, from all attacks.

    Args:
        model: makes the edits, and the second edit.
        localiser: trained by the provenance stage.
        test: the test split; all of it is edited.
        params: ``provenance.bootstrap``, ``edit`` and ``seed`` are used.
        journal: keeps what is finished.
        marked: pictures to mark: faces rendered at 256 pixels, which nothing was trained on.
        unmarked: further such faces, for the false-positive rate.
        progress: called with one plain line at a time.
    """
    resamples, seed = params.provenance.bootstrap, params.seed
    again = second_edit(model, _rendered(MARKED_SEED, marked), params.edit.compose)
    rows = [journal(f"marked {i}", partial(_marked_row, i, again)) for i in _counted(marked, 10, "marked", progress)]
    false: list[bool] = []
    for chunk in _counted(-(-unmarked // CHUNK), 10, "unmarked, in fifties", progress):
        faces = range(chunk * CHUNK, min((chunk + 1) * CHUNK, unmarked))
        false += journal(f"unmarked {chunk}", partial(_told_marked, faces))
    signed = journal("manifest", lambda: _manifest(min(marked, SIGNED)))
    scores = {}
    for compose in COMPOSITIONS:
        edits = measured_edits(model, test, len(test), compose)
        for attack in photo_attacks(attack_names()):
            name = f"{compose} {attack.name} of {len(edits)}"
            if min(attack(edits[0].photo).shape[:2]) < SMALLEST:
                continue
            kept = journal(name, partial(_score_lists, localiser, edits, attack))
            scores[compose, attack.name] = _from_lists(kept)
            progress(f"bench: {name}")
    counts = {"marked": marked, "unmarked": unmarked, "signed": min(marked, SIGNED), "edited": len(test)}
    return join_figures(
        {"counts": counts},
        watermark=summarise_marks(rows, false, resamples, seed),
        manifest=signed,
        detector=summarise_scores(scores, resamples, seed),
    )


def _counted(count: int, every: int, what: str, progress: Progress) -> Iterator[int]:
    for number in range(count):
        yield number
        if (number + 1) % every == 0 or number + 1 == count:
            progress(f"bench: {what}: {number + 1} of {count}")


def _rendered(seed: int, index: int) -> Picture:
    return as_pictures(render_faces(1, EXPORT_SIDE, seed, start=index).images)[0]


def _marked_row(index: int, again: Callable[[Picture], Picture]) -> dict[str, list[float]]:
    watermark, picture = RivaGan(), _rendered(MARKED_SEED, index)
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
