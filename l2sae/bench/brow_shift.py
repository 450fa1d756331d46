"""How far the mesh's brows lie from those that people set, on the Face Research Lab sets.

``python -m l2sae.bench ship brows`` writes the mean to ``l2sae/data/brow_shift.json``, which weak labels use.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from l2sae.data import webmorph
from l2sae.data.outlines import Points, as_right, even_points, raw_brows, template_outlines
from l2sae.data.sources import list_source
from l2sae.data.splits import unit_hash
from l2sae.faces import find_faces
from l2sae.params import DataParams
from l2sae.pictures.reading import read_photo

LEARNED_FROM = 0.7  # share of the people, by the hash of their names: those whom every preset trains on
DIGITS = 4  # a ten-thousandth of a brow's width is less than a hundredth of a pixel


def mean_shift(faces: Iterable[tuple[Points, Points]]) -> Points:
    """Mean shift (BROW_POINTS, 2) of right and mirrored left brows, in units of the mesh's brow's width.

    Args:
        faces: the mesh's landmarks (478, 2) of each, and the points that people set, (189, 2), in one level frame.
    """
    found = []
    for landmarks, points in faces:
        wanted = template_outlines(points).features
        for part, outline in raw_brows(landmarks).items():
            own, theirs = (even_points(as_right(part, brow)) for brow in (outline, wanted[part]))
            found.append((theirs - own) / np.ptp(own[:, 0]))
    return np.asarray(np.mean(found, axis=0))


def level_faces(data: DataParams, progress: Callable[[str], object]) -> Iterator[tuple[Points, Points]]:
    """Landmarks and points of the photos below ``data.root`` that have a template, in their faces' crops."""
    for entry in list_source(data)[0].entries:
        if entry.template is None or unit_hash(entry.group or entry.name) >= LEARNED_FROM:
            continue
        points = webmorph.read_template(entry.template, entry.template.read_bytes())
        if faces := find_faces(read_photo(entry.photo)):
            crop = faces[0].crop_transform()
            progress(f"brows: {entry.name}")
            yield crop.to_crop(faces[0].landmarks), crop.to_crop(points)


def write_shift(shift: Points, path: Path) -> None:
    """Keep a shift as JSON."""
    path.write_text(json.dumps(np.round(shift, DIGITS).tolist()) + "\n", encoding="utf-8")
