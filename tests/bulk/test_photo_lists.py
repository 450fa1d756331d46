"""The photos of a bulk edit: folders and lists, and the names of results."""

from pathlib import Path

import pandas as pd
import pytest

from l2sae.bulk.photo_lists import Item, batches, find_items, share
from l2sae.bulk.storage import Folder
from l2sae.pictures.errors import EditError


def names(photos: Path, tmp_path: Path) -> list[str]:
    return [item.name for item in find_items(Folder(str(photos)), ".jpg", Folder(str(tmp_path / "out")))]


def test_a_folder_is_searched_at_any_depth_and_sidecars_are_left_out(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPEG", "deep/er/c.tif", "notes.txt", ".hidden.png", "raw/d.cr2"):
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / name).touch()
    assert names(tmp_path / "photos", tmp_path) == ["a.jpg", "b.jpg", "deep/er/c.jpg", "raw/d.cr2.jpg"]


@pytest.mark.parametrize("ending", [".txt", ".csv", ".parquet"])
def test_a_list_names_its_photos(tmp_path: Path, ending: str) -> None:
    paths = ["x/one.png", "/elsewhere/two.png", "x/one.png"]
    file = tmp_path / f"list{ending}"
    if ending == ".txt":
        file.write_text("\n".join([*paths, "", "  "]))
    else:
        table = pd.DataFrame({"photo": paths, "note": "a"})
        table.to_csv(file) if ending == ".csv" else table.to_parquet(file)
    assert names(file, tmp_path) == ["two.jpg", "x/one.jpg"]


def test_a_list_without_photos_or_without_their_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\n")
    with pytest.raises(EditError, match="no photo in this list"):
        names(tmp_path / "list.txt", tmp_path)
    (tmp_path / "list.csv").write_text("path\na.png\n")
    with pytest.raises(EditError, match="no column photo; it has path"):
        names(tmp_path / "list.csv", tmp_path)


def test_every_item_is_in_one_share_and_one_batch() -> None:
    items = [Item(Folder("photos"), f"{index}.png", f"{index}.png", size=1) for index in range(7)]
    assert [[item.source for item in share(items, rank, 2)] for rank in range(2)] == [
        ["0.png", "2.png", "4.png", "6.png"], ["1.png", "3.png", "5.png"],
    ]  # fmt: skip
    assert [len(batch) for batch in batches(items, 3)] == [3, 3, 1]
