"""The table of a bulk edit: one row a photo. Batches leave their rows behind as they end, which are put together last.

A batch's rows are what says that it is done: they are written after its pictures, whole or not at all, so that a run
that was cut off is taken up by leaving out whatever has a row.
"""

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from l2sae.bulk.photo_lists import Item
from l2sae.bulk.storage import Folder

TABLE, KEPT = "results.parquet", ".l2sae"
ROWS, EARLIER = f"{KEPT}/rows", f"{KEPT}/earlier.json"
PARTS = ("decode", "model", "composite", "encode", "mark")
"""Of the work on one photo: reading pixels; networks; mattes and pixels; file, manifest and log; watermark."""

DONE, SKIPPED = "done", "skipped"
SCHEMA = pa.schema(
    [
        ("photo", pa.string()),
        ("output", pa.string()),
        ("result", pa.string()),
        ("reason", pa.string()),
        ("note", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("export", pa.string()),
        ("original_sha256", pa.string()),
        ("result_sha256", pa.string()),
        ("changed_share", pa.float64()),
        ("watermark_bits", pa.int32()),
        *((f"{part}_s", pa.float64()) for part in PARTS),
        ("seconds", pa.float64()),
        ("worker", pa.string()),
        ("name", pa.string()),
        ("stamp", pa.string()),
        ("again", pa.bool_()),
    ]
)
"""``*_s`` are seconds of one core, ``seconds`` of the clock; ``name``, ``stamp`` and ``again`` (a later run should try
the photo again) are for taking a run up."""

READERS = 16
"""Files of rows that are read at a time."""
Row = dict[str, Any]
Version = tuple[str, str]
"""Name of a result and stamp of its photo."""


def pack(rows: Sequence[Row]) -> bytes:
    """Rows as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), buffer)
    return buffer.getvalue()


def unpack(content: bytes) -> list[Row]:
    """Rows of a Parquet file; none of a file that is damaged, which is as if it were not there."""
    try:
        return pq.read_table(io.BytesIO(content)).to_pylist()
    except pa.ArrowInvalid:
        return []


def rows_name(items: Sequence[Item]) -> str:
    """The name under which a batch leaves its rows: follows from its photos."""
    names = json.dumps([[item.key, item.stamp] for item in items])
    return f"{ROWS}/{hashlib.sha256(names.encode()).hexdigest()[:32]}.parquet"


def read_rows(output: Folder) -> dict[Version, Row]:
    """Version of a photo -> its row, of all that is finished: in the last table, and in batches since."""
    found: dict[Version, Row] = {}
    names = [TABLE] if output.exists(TABLE) else []
    with ThreadPoolExecutor(READERS) as pool:  # a store answers many requests in the time of one
        for content in pool.map(output.read, [*names, *output.list_names(ROWS)]):
            for row in unpack(content):
                version = (row["name"], row["stamp"])
                if version not in found or found[version]["result"] == SKIPPED:
                    found[version] = row
    return found


def made_by(rows: Iterable[Row]) -> set[str]:
    """Names of the results that rows tell of."""
    return {row["name"] for row in rows if row["result"] == DONE}


def earlier_names(output: Folder) -> set[str]:
    """Names of the results of jobs that this one has taken the folder over from."""
    return set(json.loads(output.read(EARLIER))) if output.exists(EARLIER) else set()


def unfinished(items: Iterable[Item], rows: Mapping[Version, Row], output: Folder, named: bool = True) -> list[Item]:
    """The items without a row for this version of the photo, or without their result, or that are to be tried again.

    What this job has made of another version may be replaced, and what it has taken over.

    Args:
        items: photos.
        rows: of what is finished.
        output: folder of the results.
        named: whether results have the items' names, so that one that is missing is found out.
    """
    ours = made_by(rows.values()) | earlier_names(output)
    listed = output.files() if named and output.local is None else ()
    return [
        replace(item, replaces=item.key in ours)
        for item in items
        if (row := rows.get((item.key, item.stamp))) is None
        or row["again"]
        or (named and row["result"] == DONE and item.name not in listed and not output.exists(item.name))
    ]


def write_table(output: Folder, items: Sequence[Item], rows: Mapping[Version, Row]) -> None:
    """Put the rows of these items together as the table, in their order, and drop what batches have left."""
    output.write(TABLE, pack([rows[item.key, item.stamp] for item in items]))
    output.remove(ROWS)


def read_table(output: Folder) -> pd.DataFrame:
    """The table, without the columns that serve taking a run up."""
    whole = {pa.int32(): pd.Int32Dtype()}  # numbers of photos that have one stay whole
    table = pq.read_table(io.BytesIO(output.read(TABLE))).to_pandas(types_mapper=whole.get)
    return table.drop(columns=["name", "stamp", "again"])
