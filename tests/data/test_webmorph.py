"""The Face Research Lab sets: their folders, templates, persons and digests."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from schematic import template
from skimage import data
from trees import jpeg, params, photo, write

from l2sae.data import open_split, prepare, webmorph
from l2sae.data.listing import SourceError
from l2sae.data.photos import label_photo
from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.data.sources import list_source
from l2sae.data.splits import assign_splits
from l2sae.data.webmorph import pinned_digests, read_template
from l2sae.faces.finding import find_faces
from l2sae.params import SplitRatios
from l2sae.pictures.errors import UnusableError

SPLIT = {"train": 0.5, "val": 0.0, "test": 0.5}


def written(points: np.ndarray) -> bytes:
    rows = "\n".join(f"{x}\t{y}" for x, y in points)
    return f"{len(points)}\n{rows}\n1\n0\n2\n0 1\n".encode()


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two persons, one neutral and smiling; a Canadian of the same number; what macOS leaves; pinned as it is."""
    files = {
        "neutral_front/001_03.jpg": jpeg(photo(1)), "neutral_front/001_03.tem": written(template()),
        "smiling_front/001_08.jpg": jpeg(photo(2)), "neutral_front/002_03.jpg": jpeg(photo(3)),
        "canada/001f.jpg": jpeg(photo(4)), "canada/001f.tem": written(template()),
    }  # fmt: skip
    for name, content in files.items():
        write(tmp_path / "inst" / name, content)
    write(tmp_path / "inst/neutral_front/._001_03.jpg", b"x")
    write(tmp_path / "inst/neutral_front/999_03.jpg", b"x")
    table = "face_id,face_age,face_gender,face_eth\n001,24,female,white\n002,NA,,east_asian\n"
    write(tmp_path / "data-raw/london_info.csv", table.encode())
    pinned = {name: (hashlib.sha256(content).hexdigest(),) for name, content in files.items()}
    monkeypatch.setattr(webmorph, "pinned_digests", lambda: pinned)
    return tmp_path


def test_photos_templates_and_persons_are_found(tree: Path) -> None:
    listing = list_source(params(tree, "webmorph", split=SPLIT).data)[0]
    found = {entry.name: (entry.group, entry.template is not None) for entry in listing.entries}
    assert found == {
        "neutral_front/001_03": ("london-001", True), "neutral_front/002_03": ("london-002", False),
        "smiling_front/001_08": ("london-001", False), "canada/001f": ("canada-001f", True),
    }  # fmt: skip
    attributes = {entry.name: dict(entry.attributes) for entry in listing.entries}
    assert attributes["smiling_front/001_08"] == {"age": "24", "gender": "female", "ethnicity": "white"}
    assert attributes["neutral_front/002_03"] == {"age": "NA", "ethnicity": "east_asian"}
    reasons = {item.file.name: (item.reason, item.bad) for item in listing.skipped}
    assert reasons["999_03.jpg"] == ("not one of the pinned photos", False)
    assert reasons["._001_03.jpg"][1] is False


def test_one_person_is_in_one_split(tree: Path) -> None:
    listing = list_source(params(tree, "webmorph", split=SPLIT).data)[0]
    for train in np.linspace(0.05, 0.95, 10):
        ratios = SplitRatios(train=float(train), val=0.0, test=1 - float(train))
        splits = assign_splits(listing.entries, ratios)
        of = {entry.name: split for split, entries in splits.items() for entry in entries}
        assert of["neutral_front/001_03"] == of["smiling_front/001_08"]


def test_a_folder_of_something_else_says_how_to_get_the_photos(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none of the folders neutral_front.*git clone .*webmorphR\.stim"):
        list_source(params(tmp_path, "webmorph", split=SPLIT).data)


def test_the_committed_digests_name_every_photo_at_two_sizes_at_most() -> None:
    digests = pinned_digests()
    assert sum(name.endswith(".jpg") for name in digests) == 102 + 102 + 40
    assert sum(name.endswith(".tem") for name in digests) == 102 + 40
    assert all(1 <= len(set(known)) <= 2 and all(len(one) == 64 for one in known) for known in digests.values())
    assert not any("._" in name for name in digests)


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "not numbers"), (b"2\n1 2\n3 4", "template of 2 points"), (b"189\n1 2\nx y\n", "not numbers")],
)
def test_a_damaged_template_is_a_reason(content: bytes, reason: str) -> None:
    with pytest.raises(UnusableError) as caught:
        read_template(Path("a.tem"), content)
    assert reason in caught.value.reason


def test_a_templates_parts_are_where_its_points_are() -> None:
    picture = data.astronaut()
    crop = find_faces(picture)[0].crop_transform()
    moved = crop.to_photo(template() / 128)
    parts = label_photo(picture, 128, template=moved).parts
    for name, (x, y) in {"r_eye": (50, 58), "nose": (64, 72), "u_lip": (64, 86), "l_lip": (64, 94)}.items():
        assert CELEBAMASK_PARTS[parts[y, x]] == name


def test_persons_attributes_reach_manifest_and_table(tree: Path, tmp_path: Path, monkeypatch) -> None:
    view = data.astronaut()
    faces = [
        view,
        np.ascontiguousarray(view[:, ::-1]),
        np.ascontiguousarray(view[20:]),
        np.ascontiguousarray(view[:, 9:]),
    ]
    names = ("neutral_front/001_03", "smiling_front/001_08", "neutral_front/002_03", "canada/001f")
    for name, face in zip(names, faces, strict=True):
        write(tree / f"inst/{name}.jpg", jpeg(face, quality=95))
        (tree / f"inst/{name}.tem").unlink(missing_ok=True)
    pinned = {f"{name}.jpg": (hashlib.sha256((tree / f"inst/{name}.jpg").read_bytes()).hexdigest(),) for name in names}
    monkeypatch.setattr(webmorph, "pinned_digests", lambda: pinned)
    split = {"train": 1.0, "val": 0.0, "test": 0.0}
    manifest = prepare(params(tree, "webmorph", split=split, max_skipped=0.5), tmp_path / "out", lambda line: None)
    assert manifest["labels"] == "template"
    assert "10.6084/m9.figshare.5047666.v5" in manifest["licence"]
    item = next(one for one in manifest["items"]["train"] if one["name"] == "smiling_front/001_08")
    assert (item["group"], item["attributes"]["age"]) == ("london-001", "24")
    table = open_split(tmp_path / "out", "train").attributes.set_index("name")
    assert table.loc["smiling_front/001_08", "gender"] == "female"
    assert table.loc["canada/001f", "gender"] == ""
