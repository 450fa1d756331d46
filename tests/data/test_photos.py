"""Photos without labels become a data set with weak ones."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data
from trees import params, photo, save, write

from l2sae.data import open_split, photos, prepare
from l2sae.data.listing import SourceError
from l2sae.data.photos import MIN_CONFIDENCE, label_photo, yaw
from l2sae.data.schemes import CELEBAMASK_PARTS
from l2sae.data.sources import list_source, portrait_digests
from l2sae.faces import landmarks
from l2sae.params import Params

SPLIT = {"train": 0.5, "val": 0.0, "test": 0.5}


def quiet(line: str) -> None:
    pass


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three photos of one face and one of none, with a stray."""
    astronaut = data.astronaut()
    views: dict[str, NDArray[np.uint8]] = {
        "a": astronaut, "b": astronaut[:300, 50:400, ::-1].copy()[..., ::-1].copy(), "e": astronaut[:, ::-1].copy(),
    }  # fmt: skip
    for name, view in views.items():
        save(tmp_path / f"photos/{name}.png", view)
    save(tmp_path / "photos/none.png", photo(3, 200, 160))
    write(tmp_path / "photos/notes.txt", b"x")
    return tmp_path / "photos"


def config(folder: Path, **more: object) -> Params:
    return params(folder, "photos", image_size=64, split=SPLIT, max_skipped=0.5, **more)


def test_a_folder_of_photos_becomes_a_data_set(folder: Path, tmp_path: Path) -> None:
    manifest = prepare(config(folder), tmp_path / "out", quiet)
    assert manifest["labels"] == "weak"
    assert sum(manifest["counts"].values()) == 3
    reasons = {item["file"]: item["reason"].split(":")[0] for item in manifest["skipped"]}
    assert reasons == {"none.png": "no face found", "notes.txt": "stray file"}
    item = manifest["items"]["train"][0]
    (name, digest), *_ = item["sha256"].items()
    assert digest == hashlib.sha256((folder / name).read_bytes()).hexdigest()
    for roi in ("hair", "skin", "brows", "eyes", "nose", "lips"):
        assert manifest["roi_pixel_shares"]["train"][roi] > 0.001, roi
    train = open_split(tmp_path / "out", "train")
    assert list(train.attributes.columns) == ["name", "confidence", "turn", "roll"]
    assert train.attributes["confidence"].min() >= MIN_CONFIDENCE


def test_a_second_run_reads_the_cache_and_gives_equal_bytes(folder: Path, tmp_path: Path, monkeypatch) -> None:
    prepare(config(folder), tmp_path / "out", quiet)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def fail(picture: NDArray[np.uint8]) -> None:
        raise AssertionError("labelled again")

    monkeypatch.setattr(photos, "find_faces", fail)
    prepare(config(folder), tmp_path / "out", quiet)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == first


def test_the_astronauts_regions_are_plausible() -> None:
    done = label_photo(data.astronaut(), 128)
    share = {part: float((done.parts == number).mean()) for number, part in enumerate(CELEBAMASK_PARTS)}
    assert 0.1 < share["hair"] < 0.4
    assert 0.08 < share["skin"] < 0.35
    assert min(share[part] for part in ("l_eye", "r_eye", "nose", "u_lip", "l_lip")) > 0.0005
    top, below = done.parts[8:60] == CELEBAMASK_PARTS.index("hair"), done.parts[110:]
    assert top.mean() > 0.2
    assert (below == CELEBAMASK_PARTS.index("hair")).mean() < 0.1


def test_a_looser_crop_shows_the_same_face_smaller_and_more_hair() -> None:
    own, loose = (label_photo(data.astronaut(), 128, scale=scale) for scale in (1.0, 2.0))
    assert own.image.shape == loose.image.shape == (128, 128, 3)
    assert own.parts.shape == loose.parts.shape == (128, 128)
    assert loose.crop.side == pytest.approx(2 * own.crop.side)

    def area(labelled: photos.LabelledPhoto, part: str) -> float:
        return float((labelled.parts == CELEBAMASK_PARTS.index(part)).mean()) * labelled.crop.side**2

    for part in ("l_eye", "r_eye", "nose", "u_lip", "l_lip"):
        assert area(loose, part) == pytest.approx(area(own, part), rel=0.3), part
    assert area(loose, "hair") > area(own, "hair")


def test_a_photo_may_come_at_two_scales_and_stays_in_one_split(folder: Path, tmp_path: Path) -> None:
    save(folder / "c.png", data.astronaut())  # a twin of a.png
    sources = [{"source": "photos", "root": str(folder), "crop_scale": scale} for scale in (1.0, 2.0)]
    mixed = params(folder, "mixed", image_size=64, split=SPLIT, max_skipped=0.9, sources=sources)
    manifest = prepare(mixed, tmp_path / "out", quiet)
    split_of = {item["name"]: split for split, items in manifest["items"].items() for item in items}
    names = {name.split("/")[1] for name in split_of}
    assert len(names) == 3
    assert set(split_of) == {f"{prefix}/{name}" for prefix in ("photos", "photos-2x") for name in names}
    assert all(split_of[f"photos/{name}"] == split_of[f"photos-2x/{name}"] for name in names)
    assert sum("duplicate photo" in item["reason"] for item in manifest["skipped"]) == 2


def test_a_photo_may_come_once_more_with_its_head_turned(folder: Path, tmp_path: Path) -> None:
    sources = [{"source": "photos", "root": str(folder), "max_yaw": yaw} for yaw in (0.0, 90.0)]
    mixed = params(folder, "mixed", image_size=64, split=SPLIT, max_skipped=0.9, sources=sources)
    manifest = prepare(mixed, tmp_path / "out", quiet)
    split_of = {item["name"]: split for split, items in manifest["items"].items() for item in items}
    turned = {name for name in split_of if name.startswith("photos-90deg/")}
    assert turned
    assert all(split_of[name] == split_of[name.replace("-90deg", "")] for name in turned)
    for split in ("train", "test"):
        rows = open_split(tmp_path / "out", split).attributes.set_index("name")
        assert all(30 <= abs(float(rows.loc[name, "yaw"])) <= 90 for name in turned if split_of[name] == split)


@pytest.mark.parametrize("turn", [60.0, -60.0])
def test_a_turned_head_fills_its_crop(turn: float) -> None:
    done = label_photo(data.astronaut(), 64, turn=turn)
    assert done.image.shape == (64, 64, 3)
    assert done.parts.shape == (64, 64)
    rows, columns = np.nonzero(np.isin(done.parts, [CELEBAMASK_PARTS.index(part) for part in ("hair", "skin")]))
    assert np.ptp(rows) > 32
    assert np.ptp(columns) > 32
    assert done.measured["yaw"] == turn


def test_a_head_that_is_turned_already_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(photos, "FRONTAL", 0.0)
    with pytest.raises(ValueError, match="the head is turned already"):
        label_photo(data.astronaut(), 64, turn=45.0)


@pytest.mark.parametrize("more", [{"crop_scale": 2.0}, {"max_yaw": 90.0}])
def test_photos_that_are_cropped_already_have_no_other_crop(tmp_path: Path, more: dict[str, float]) -> None:
    with pytest.raises(SourceError, match=rf"data\.{next(iter(more))}: photos of .* celebamask_hq are cropped already"):
        prepare(params(tmp_path, "celebamask_hq", split=SPLIT, **more), tmp_path / "out", quiet)


def test_portraits_without_a_folder_say_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"absent; get the portraits with: git clone .*unitedstates/images"):
        prepare(params(tmp_path / "absent", "portraits", split=SPLIT), tmp_path / "out", quiet)


def test_portraits_are_pinned_by_digest(tmp_path: Path, monkeypatch) -> None:
    digests = portrait_digests()
    assert len(digests) == 879
    assert all(len(digest) == 64 and name.endswith(".jpg") for name, digest in digests.items())
    save(tmp_path / "A000014.jpg", photo(1))
    save(tmp_path / "Z999999.jpg", photo(2))
    listing = list_source(params(tmp_path, "portraits", split=SPLIT).data)[0]
    assert [entry.name for entry in listing.entries] == ["A000014"]
    ((_, found),) = photos.label_photos(listing.entries, params(tmp_path, "portraits", split=SPLIT).data, {}, tmp_path)
    assert found.reason == "not the pinned file: sha256 of A000014.jpg differs"
    assert [(item.file.name, item.bad) for item in listing.skipped] == [("Z999999.jpg", False)]


def test_yaw_follows_the_nose() -> None:
    points = np.zeros((478, 2))
    points[landmarks.CHEEKS[0]], points[landmarks.CHEEKS[1]] = (0, 0), (100, 0)
    for tip, turned in ((50, 0.0), (75, 0.5), (20, -0.6)):
        points[landmarks.NOSE_TIP] = (tip, 30)
        assert yaw(points) == pytest.approx(turned)
