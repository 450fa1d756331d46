"""Rows of batches become one table, and say what is still to be done."""

from pathlib import Path
from typing import Any

from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import (
    DONE,
    ROWS,
    SKIPPED,
    TABLE,
    pack,
    read_rows,
    read_table,
    rows_name,
    unpack,
)
from l2sae.bulk.storage import Folder

PHOTOS = Folder("photos")


def row(item: Item, result: str = DONE, again: bool = False) -> dict[str, Any]:
    return {"photo": item.photo, "name": item.key, "stamp": item.stamp, "result": result, "again": again}


def items(*stamps: str) -> list[Item]:
    return [Item(PHOTOS, f"{number}.png", f"{number}.jpg", stamp) for number, stamp in enumerate(stamps)]


def test_rows_come_back_and_damaged_ones_are_none() -> None:
    packed = pack([row(one) for one in items("a", "b")])
    assert [found["name"] for found in unpack(packed)] == ["0.jpg", "1.jpg"]
    assert unpack(packed[:-9]) == []


def test_batches_have_a_name_of_their_photos_and_versions() -> None:
    first, again, other = (rows_name(items(*stamps)) for stamps in ("ab", "ab", "ac"))
    assert first == again != other
    assert first.startswith(f"{ROWS}/")


def test_rows_of_all_batches_are_read_and_what_was_skipped_gives_way_to_what_was_done(tmp_path: Path) -> None:
    output, some = Folder(str(tmp_path)), items("a", "b")
    output.write(rows_name(some), pack([row(some[0]), row(some[1], SKIPPED)]))
    output.write(rows_name(some[1:]), pack([row(some[1])]))
    found = read_rows(output)
    assert {version: one["result"] for version, one in found.items()} == {("0.jpg", "a"): DONE, ("1.jpg", "b"): DONE}
    output.write(TABLE, pack(list(found.values())))
    table = read_table(output)
    assert table["photo"].tolist() == ["photos/0.png", "photos/1.png"]
    assert not {"name", "stamp", "again"} & set(table.columns)
