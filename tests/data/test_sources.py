"""Importers find the documented layouts and name what they leave out."""

from pathlib import Path

import numpy as np
import pytest
from trees import LAPA, celebamask, colour_mask, id_mask, lapa_folder, params, photo, save, write

from l2sae.data.listing import SourceError
from l2sae.data.sources import list_source


def listed(root: Path, source: str, **data):
    return list_source(params(root, source, **data).data)[0]


def test_multi_pose_tree_pairs_by_sub_folder(tmp_path: Path) -> None:
    for yaw in ("0", "+30"):
        save(tmp_path / "V3/Train_RGB" / yaw / "person.bmp", photo(1))
        save(tmp_path / "V3/Train_labels" / yaw / "person.bmp", colour_mask())
    save(tmp_path / "V3/Train_RGB/-15/person.bmp", photo(2))
    save(tmp_path / "V3/Test_RGB/0/other.bmp", photo(3))
    save(tmp_path / "V3/Test_labels/0/other.bmp", colour_mask())
    split = {"train": ["V3/Train"], "test": ["V3/Test"]}
    listing = listed(tmp_path, "label_map", scheme="fasseg", split=split)
    assert [(entry.name, entry.split) for entry in listing.entries] == [
        ("V3/Train_RGB/+30/person", "train"),
        ("V3/Train_RGB/0/person", "train"),
        ("V3/Test_RGB/0/other", "test"),
    ]
    assert [(item.reason, item.bad) for item in listing.skipped] == [("folder without masks: 1 photos", False)]


def test_unmatched_files_and_strays_are_recorded(tmp_path: Path) -> None:
    lapa_folder(tmp_path, {"": 2})
    save(tmp_path / "images/alone.png", photo(9))
    save(tmp_path / "labels/orphan.png", id_mask())
    save(tmp_path / "images/face001.jpg", photo(8))
    write(tmp_path / "images/.DS_Store", b"x")
    listing = listed(tmp_path, "label_map", scheme="lapa")
    assert {(item.file.name, item.reason.split(":")[0], item.bad) for item in listing.skipped} == {
        ("alone.png", "photo without mask", True),
        ("orphan.png", "mask without photo", True),
        ("face001.png", "same name as face001.jpg", True),
        (".DS_Store", "stray file", False),
    }


@pytest.mark.parametrize("header", [True, False])
def test_celebamask_follows_the_official_split(tmp_path: Path, header: bool) -> None:
    celebamask(tmp_path / "CelebAMask-HQ", [162770, 162771, 182637, 182638, 1], header)
    listing = listed(tmp_path, "celebamask_hq", split="official")
    assert [entry.split for entry in listing.entries] == ["train", "val", "val", "test", "train"]
    assert [mask.part for mask in listing.entries[0].masks] == ["skin", "nose", "l_eye", "r_eye", "u_lip", "hair"]


def test_celebamask_indices_sort_as_numbers(tmp_path: Path) -> None:
    celebamask(tmp_path, list(range(1, 13)))
    save(tmp_path / "CelebA-HQ-img/99.jpg", photo(99))
    listing = listed(tmp_path, "celebamask_hq")
    assert [entry.name for entry in listing.entries] == [str(index) for index in range(12)]
    assert [(item.file.name, item.reason) for item in listing.skipped] == [("99.jpg", "photo without mask")]


def test_celebamask_without_mapping_file_is_an_error(tmp_path: Path) -> None:
    celebamask(tmp_path, [1, 2])
    (tmp_path / "CelebA-HQ-to-CelebA-mapping.txt").unlink()
    with pytest.raises(SourceError, match=r"mapping\.txt is missing"):
        listed(tmp_path, "celebamask_hq", split="official")


def test_lapa_splits_by_folder(tmp_path: Path) -> None:
    lapa_folder(tmp_path / "LaPa", {"train": 2, "val": 1, "test": 1})
    write(tmp_path / "LaPa/train/landmarks/face001.txt", b"106")
    listing = listed(tmp_path, "lapa", split="official")
    assert [entry.split for entry in listing.entries] == ["train", "train", "val", "test"]


def test_helen_relabelled_layout(tmp_path: Path) -> None:
    for split, stem in (("train", "a_1"), ("train", "b_1"), ("test", "c_1")):
        save(tmp_path / split / f"{stem}_image.jpg", photo(1))
        save(tmp_path / split / f"{stem}_label.png", id_mask())
    save(tmp_path / "test/d_1_image.jpg", photo(2))
    listing = listed(tmp_path, "helen", split="official")
    assert [(entry.name, entry.split) for entry in listing.entries] == [
        ("train/a_1", "train"), ("train/b_1", "train"), ("test/c_1", "test"),
    ]  # fmt: skip
    assert [item.reason for item in listing.skipped] == ["photo without mask"]


def test_helen_class_maps_and_lists(tmp_path: Path) -> None:
    ids = id_mask()
    for number, name in enumerate(("exemplars.txt", "tuning.txt", "testing.txt")):
        stem = f"10{number}_1"
        write(tmp_path / name, f"1 , {stem}\n".encode())
        save(tmp_path / f"images/{stem}.jpg", photo(number))
        for index in range(11):
            strength = np.where(ids == index, 200, 20).astype(np.uint8)
            save(tmp_path / f"labels/{stem}/{stem}_lbl{index:02d}.png", strength)
    listing = listed(tmp_path, "helen", split="official")
    assert [entry.split for entry in listing.entries] == ["train", "val", "test"]
    assert listing.entries[0].soft
    assert listing.entries[0].masks[LAPA["viewer_left_eye"]].part == "r_eye"


def test_photos_without_labels_are_listed_alone(tmp_path: Path) -> None:
    save(tmp_path / "holiday/one.jpg", photo(1))
    save(tmp_path / "two.png", photo(2))
    write(tmp_path / "notes.txt", b"x")
    split = {"train": 0.5, "val": 0.0, "test": 0.5}
    listing = listed(tmp_path, "photos", split=split)
    assert [(entry.name, entry.masks) for entry in listing.entries] == [("holiday/one", ()), ("two", ())]
    assert [item.file.name for item in listing.skipped] == ["notes.txt"]
    with pytest.raises(SourceError, match="photos has no official split; give ratios"):
        listed(tmp_path, "photos", split="official")


def test_wrong_folder_scheme_or_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"data\.root: no folder .*absent"):
        listed(tmp_path / "absent", "label_map", scheme="lapa")
    lapa_folder(tmp_path, {"": 1})
    with pytest.raises(SourceError, match=r"data\.scheme: say what"):
        listed(tmp_path, "label_map")
    with pytest.raises(SourceError, match=r"data\.split: a label-map folder has no official split"):
        listed(tmp_path, "label_map", scheme="lapa", split="official")
    with pytest.raises(SourceError, match="lapa is labelled by the scheme lapa"):
        listed(tmp_path, "lapa", scheme="bisenet")
