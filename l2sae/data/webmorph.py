"""The Face Research Lab London and Canada sets: studio photos of volunteers, with the points that people set on them.

DeBruine and Jones (2017), doi 10.6084/m9.figshare.5047666.v5 (London) and 10.6084/m9.figshare.4220517.v1 (Canada), both
CC BY 4.0. Public repository: debruine/webmorphR.stim, folders ``inst/neutral_front``, ``inst/smiling_front`` and
``inst/canada``; smiling faces have no template.
"""

import csv
import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from l2sae.data.outlines import TEMPLATE_POINTS, Points
from l2sae.pictures.errors import UnusableError

FOLDERS = {"neutral_front": "london", "smiling_front": "london", "canada": "canada"}
"""Folder -> the set whose persons it shows."""
DIGESTS = Path(__file__).with_name("webmorph.sha256")
ATTRIBUTES = {"age": "face_age", "gender": "face_gender", "ethnicity": "face_eth"}
"""Attribute -> column of ``london_info.csv`` and ``canada_info.csv``; all are the volunteers' own statements."""
HOWTO = (
    "get the photos with: git clone --depth 1 --filter=blob:none --sparse https://github.com/debruine/webmorphR.stim; "
    "git -C webmorphR.stim sparse-checkout set inst/neutral_front inst/smiling_front inst/canada data-raw; then name "
    "that folder with data.root"
)
LICENCE = (
    "Face Research Lab London Set, DeBruine and Jones (2017), doi 10.6084/m9.figshare.5047666.v5, and Canada set, doi "
    "10.6084/m9.figshare.4220517.v1: CC BY 4.0, https://creativecommons.org/licenses/by/4.0; cropped, labels added."
)


def person_of(photo: Path) -> str:
    """Whom a photo shows: ``london-001`` for ``neutral_front/001_03.jpg`` and ``smiling_front/001_08.jpg``."""
    return f"{FOLDERS[photo.parent.name]}-{photo.stem.split('_')[0]}"


def read_template(path: Path, content: bytes) -> Points:
    """The points of a template, (189, 2) in pixels of its photo: a line with their number, then ``x y`` a line each.

    Raises:
        UnusableError: the content is not of that form.
    """
    lines = content.decode("utf-8", "replace").split("\n")
    try:
        points = np.array([[float(number) for number in line.split()] for line in lines[1 : TEMPLATE_POINTS + 1]])
        counted = int(lines[0])
    except ValueError:
        raise UnusableError(path, "damaged template: its lines are not numbers") from None
    if counted != TEMPLATE_POINTS or points.shape != (TEMPLATE_POINTS, 2) or not np.isfinite(points).all():
        raise UnusableError(path, f"template of {counted} points, expected {TEMPLATE_POINTS}")
    return points


def names_a_file(name: str) -> bool:
    """Whether a file of this name is a photo or a template; macOS leaves ``._*`` files that are neither."""
    return not name.startswith(".") and name.endswith((".jpg", ".tem"))


def pinned_files(photo: Path) -> dict[Path, tuple[str, ...]]:
    """The photo and its template, with their accepted digests; empty where the photo is not one of the sets'."""
    pinned = pinned_digests()
    files = (photo, photo.with_suffix(".tem"))
    accepted = {file: pinned.get(f"{file.parent.name}/{file.name}", ()) for file in files}
    return accepted if accepted[photo] else {}


@functools.cache
def pinned_digests() -> Mapping[str, tuple[str, ...]]:
    """``folder/file`` -> sha256 of the repository's own file, and of its copy at half the size."""
    pinned: dict[str, tuple[str, ...]] = {}
    for line in DIGESTS.read_text(encoding="utf-8").splitlines():
        digest, name, _ = line.split()
        pinned[name] = (*pinned.get(name, ()), digest)
    return pinned


def read_attributes(root: Path) -> dict[str, dict[str, str]]:
    """Person -> what is stated of age, gender and ethnicity, from the tables in ``root`` or in its ``data-raw``."""
    stated: dict[str, dict[str, str]] = {}
    for kind in dict.fromkeys(FOLDERS.values()):
        for path in (root / f"{kind}_info.csv", root / "data-raw" / f"{kind}_info.csv"):
            if path.is_file():
                for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
                    values = {name: row.get(column) or "" for name, column in ATTRIBUTES.items()}
                    stated[f"{kind}-{row['face_id']}"] = {name: value for name, value in values.items() if value}
    return stated
