"""Photo folders are paired with their label folders by name."""

from pathlib import Path

import pytest
from trees import params, photo, save

from l2sae.data.listing import SourceError, find_pairs
from l2sae.data.sources import list_source


def listed(root: Path, source: str, **data):
    return list_source(params(root, source, **data).data)[0]


@pytest.mark.parametrize(
    ("images", "labels", "given"),
    [
        ("images", "labels", "."),
        ("Photos", "MASKS", "."),
        ("V2/Train_RGB", "V2/Train_Labels", "V2/Train"),
        ("V2/Train_RGB", "V2/Train_Labels", "V2"),
        ("V2/Train_RGB", "V2/Train_Labels", "V2/Train_RGB"),
        ("images/train", "labels/train", "train"),
        ("train/img", "train/annotations", "train"),
    ],
)
def test_photo_folders_find_their_label_folders(tmp_path: Path, images: str, labels: str, given: str) -> None:
    (tmp_path / images).mkdir(parents=True)
    (tmp_path / labels).mkdir(parents=True)
    assert find_pairs(tmp_path, given) == [(tmp_path / images, tmp_path / labels)]


def test_ambiguous_and_missing_pairs_are_errors(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no photo folder with a label folder"):
        find_pairs(tmp_path, "train")
    for name in ("images", "labels", "masks"):
        (tmp_path / name).mkdir()
    with pytest.raises(SourceError, match="several label folders beside it: labels, masks"):
        find_pairs(tmp_path, ".")


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = save(tmp_path / "private/secret.png", photo(1))
    save(tmp_path / "photos/one.png", photo(2))
    (tmp_path / "photos/link.png").symlink_to(outside)
    (tmp_path / "photos/alias.png").symlink_to(tmp_path / "photos/one.png")
    (tmp_path / "photos/folder").symlink_to(tmp_path / "private", target_is_directory=True)
    listing = listed(tmp_path / "photos", "photos", split={"train": 0.5, "val": 0.0, "test": 0.5})
    assert sorted(entry.name for entry in listing.entries) == ["alias", "one"]
    assert [(item.file.name, item.reason) for item in listing.skipped] == [
        ("link.png", "symbolic link out of the folder")
    ]
