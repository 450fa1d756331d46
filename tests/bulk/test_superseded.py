"""What lies in the output folder and is not of the job is said, or moved out of the way."""

from pathlib import Path
from typing import Any

import pytest

from l2sae.bulk.photo_lists import Item
from l2sae.bulk.results import DONE, SKIPPED, TABLE, Version, earlier_names, pack, rows_name
from l2sae.bulk.storage import Folder
from l2sae.bulk.superseded import clear_away, take_over

ITEM = Item(Folder("photos"), "a.jpg", "a.png", "new")


def rows(result: str, note: str | None = None) -> dict[Version, dict[str, Any]]:
    row = {"photo": ITEM.photo, "name": ITEM.key, "stamp": ITEM.stamp, "result": result, "note": note, "again": False}
    return {(ITEM.key, ITEM.stamp): row}


def note(found: dict[Version, dict[str, Any]]) -> str | None:
    return found[ITEM.key, ITEM.stamp]["note"]


@pytest.fixture
def output(tmp_path: Path) -> Folder:
    folder = Folder(str(tmp_path))
    folder.write("a.png", b"older")
    folder.write("a.recipe.json", b"{}")
    return folder


def test_a_folder_that_is_taken_over_remembers_only_its_results(output: Folder) -> None:
    output.write(TABLE, pack(list(rows(DONE).values())))
    output.write(rows_name([ITEM]), pack([]))
    take_over(output)
    assert earlier_names(output) == {ITEM.key}
    assert not output.exists(TABLE)
    assert not output.exists(rows_name([ITEM]))
    take_over(output)
    assert earlier_names(output) == {ITEM.key}


def test_a_strangers_file_in_a_skipped_photos_place_stays_and_is_said_once(output: Folder) -> None:
    found = clear_away(output, [ITEM], rows(SKIPPED, "too small"), overwrite=False)
    assert note(found) == f"too small; there is an older file, {output.url}/a.png, which is not of this photo and job"
    assert clear_away(output, [ITEM], found, overwrite=False) == found
    assert output.read("a.png") == b"older"


@pytest.mark.parametrize("by", ["overwrite", "the job before"])
def test_a_result_in_a_skipped_photos_place_is_moved_with_its_recipe(output: Folder, by: str) -> None:
    if by == "the job before":
        output.write(TABLE, pack(list(rows(DONE).values())))
        take_over(output)
    output.write("superseded/a.png", b"oldest")
    found = clear_away(output, [ITEM], rows(SKIPPED), overwrite=by == "overwrite")
    assert note(found) == f"the older file in its place was moved to {output.url}/superseded/a~2.png"
    assert output.read("superseded/a.png") == b"oldest"
    assert output.read("superseded/a~2.png") == b"older"
    assert output.read("superseded/a~2.recipe.json") == b"{}"
    assert not output.exists("a.png")


def test_earlier_results_of_photos_that_are_gone_are_moved_and_those_of_the_job_stay(output: Folder) -> None:
    output.write(TABLE, pack(list(rows(DONE).values())))
    take_over(output)
    assert clear_away(output, [ITEM], rows(DONE), overwrite=False) == rows(DONE)
    assert output.exists("a.png")
    assert clear_away(output, [], {}, overwrite=False) == {}
    assert output.exists("superseded/a.png")
    assert not output.exists("a.png")
