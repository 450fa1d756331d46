"""A run claims its output folder, and does only what is not finished."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from l2sae.bulk.photo_lists import JOB, Item
from l2sae.bulk.results import DONE, Row, pack, rows_name
from l2sae.bulk.runs import check_runner, open_folders, run
from l2sae.bulk.storage import Folder
from l2sae.pictures.errors import EditError


@dataclass
class Copying:
    """Work that needs no model: each result is its photo's name."""

    verb: ClassVar[str] = "copied"
    named: ClassVar[bool] = True
    output: Folder
    overwrite: bool = False
    key: str = "copying"
    fails: bool = False
    batches: list[list[str]] = field(default_factory=list)

    def open(self) -> "Copying":
        return self

    def run(self, items: Sequence[Item]) -> list[Row]:
        if self.fails:
            raise EditError("no space left")
        self.batches.append([item.source for item in items])
        rows = []
        for item in items:
            self.output.write(item.name, item.source.encode())
            row = {"photo": item.photo, "name": item.key, "stamp": item.stamp, "result": DONE, "again": False}
            rows.append(row)
        self.output.write(rows_name(items), pack(rows))
        return rows


ITEMS = [Item(Folder("photos"), f"{name}.jpg", f"{name}.png", "new") for name in "abc"]
DESCRIPTION: dict[str, Any] = {"kind": "copying", "strength": 1}


def do(work: Copying, description: dict[str, Any] = DESCRIPTION) -> list[str]:
    table = run(work, ITEMS, description, workers=0, batch=2, runner="processes", progress=False)
    return table["result"].tolist()


@pytest.fixture
def output(tmp_path: Path) -> Folder:
    return Folder(str(tmp_path / "out"))


def test_a_run_is_taken_up_where_results_are_missing(output: Folder) -> None:
    assert do(first := Copying(output)) == [DONE] * 3
    assert first.batches == [["a.jpg", "b.jpg"], ["c.jpg"]]
    assert do(again := Copying(output)) == [DONE] * 3
    assert again.batches == []
    output.remove("b.png")
    assert do(again) == [DONE] * 3
    assert again.batches == [["b.jpg"]]


def test_a_folder_of_other_work_is_refused_or_taken_over(output: Folder) -> None:
    do(Copying(output))
    other = {**DESCRIPTION, "strength": 2}
    with pytest.raises(EditError, match="another job, with other strength"):
        do(Copying(output), other)
    do(work := Copying(output, overwrite=True), other)
    assert [name for batch in work.batches for name in batch] == ["a.jpg", "b.jpg", "c.jpg"]


def test_a_run_that_failed_leaves_no_claim(output: Folder) -> None:
    with pytest.raises(EditError, match="no space left"):
        do(Copying(output, fails=True))
    assert not output.exists(JOB)
    assert do(Copying(output), {"kind": "other"}) == [DONE] * 3


@pytest.mark.parametrize(
    ("runner", "workers", "batch", "said"),
    [
        ("threads", None, 1, "give 'processes' or 'ray'"),
        ("ray", -1, 1, "workers 0 or more"),
        ("ray", 2, 0, "batch 1 or more"),
        ("ray", 1.5, 1, "workers=1.5"),
    ],
)
def test_what_no_run_can_be_made_with_is_refused(runner: str, workers: Any, batch: int, said: str) -> None:
    with pytest.raises(EditError, match=said):
        check_runner(runner, workers, batch)
    check_runner("ray", None, 1)


def test_workers_of_a_cluster_get_whole_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    urls = [folder.url for folder in open_folders(["photos", "memory://out"], None, "ray")]
    assert urls == [str(tmp_path / "photos"), "memory://out"]
