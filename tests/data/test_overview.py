import pandas as pd

from l2sae.data import describe_data, skipped_table, split_table

MANIFEST = {
    "source": "label_map",
    "labels": "human",
    "counts": {"train": 3, "test": 1},
    "roi_pixel_shares": {"train": {"hair": 0.25, "lips": 0.01}, "test": {"hair": 0.5, "lips": 0.0}},
    "skipped": [
        {"file": "a.jpg", "reason": "truncated"},
        {"file": "b.jpg", "reason": "no mask"},
        {"file": "c.jpg", "reason": "truncated"},
    ],
}


def test_description_counts_faces_and_skipped_files() -> None:
    described = describe_data(MANIFEST)
    assert described["counts"] == {"train": 3, "test": 1}
    assert described["skipped"] == 3
    assert described["roi_pixel_shares"]["test"]["hair"] == 0.5


def test_coverage_is_added_by_attribute_and_group() -> None:
    rows = [("pose", "turned more", 3), ("share of the face hidden", "over 30 %", 2)]
    described = describe_data(MANIFEST, pd.DataFrame(rows, columns=["attribute", "group", "faces"]))
    assert described["coverage"] == {"pose": {"turned_more": 3}, "share_of_the_face_hidden": {"over_30_percent": 2}}
    assert "coverage" not in describe_data(MANIFEST)


def test_split_table_gives_shares_in_percent() -> None:
    table = split_table(MANIFEST)
    assert table.loc["train", "faces"] == 3
    assert table.loc["train", "hair %"] == 25.0


def test_skipped_table_puts_the_commonest_reason_first() -> None:
    table = skipped_table(MANIFEST)
    assert list(table.index) == ["truncated", "no mask"]
    assert list(table.loc["truncated"]) == [2, "a.jpg"]


def test_nothing_skipped_gives_an_empty_table() -> None:
    assert len(skipped_table(MANIFEST | {"skipped": []})) == 0
