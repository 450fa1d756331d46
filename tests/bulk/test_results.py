"""Rows of batches become one table, and say what is still to be done."""

from pathlib import Path
from typing import Any

from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import (
    DONE,
    ROWS,
    SKIPPED,
    pack,
    read_rows,
    read_table,
    rows_name,
    unfinished,
    unpack,
    write_table,
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


def test_what_has_no_row_of_its_version_or_is_to_be_tried_again_is_left_to_do() -> None:
    done, changed, failed = items("a", "b", "c")
    old = Item(PHOTOS, changed.source, changed.name, "before")
    rows = {(one["name"], one["stamp"]): one for one in (row(done), row(old), row(failed, SKIPPED, again=True))}
    left = unfinished([done, changed, failed], rows)
    assert [(one.name, one.replaces) for one in left] == [("1.jpg", True), ("2.jpg", False)]


def test_the_table_takes_the_place_of_what_batches_left(tmp_path: Path) -> None:
    output, some = Folder(str(tmp_path)), items("a", "b")
    output.write(rows_name(some[:1]), pack([row(some[0])]))
    output.write(rows_name(some[1:]), pack([row(some[1], SKIPPED)]))
    (tmp_path / "1.jpg").write_bytes(b"of another")
    write_table(output, some)
    table = read_table(output)
    assert table["result"].tolist() == [DONE, SKIPPED]
    assert "which is not of this photo and job" in table["note"][1]
    assert not {"name", "stamp", "again"} & set(table.columns)
    assert not output.list_names(ROWS)
    assert set(read_rows(output)) == {("0.jpg", "a"), ("1.jpg", "b")}
