"""A cluster of several nodes, of which one is lost and one joins at work, beside an S3 server. L2SAE_SLOW=1 runs it."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from l2sae.bench.local_cluster import RayNodes, object_store, ray_nodes
from l2sae.bulk.label_folder import label_folder
from l2sae.model import L2SAE
from l2sae.provenance import AuditLog
from tests.bulk.conftest import edited, pixels

pytest.importorskip("ray", reason="needs the extra cluster")
pytest.importorskip("s3fs", reason="needs the extra remote")
pytest.importorskip("moto", reason="needs the extra remote-tests")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("L2SAE_SLOW") != "1", reason="takes minutes: set L2SAE_SLOW=1"),
]
EDITS, FACES = 24, 8


@pytest.fixture
def store() -> Iterator[str]:
    with object_store() as address:
        yield address


class Weather:
    """Adds a node when some photos are done, and kills the oldest when more are: a function for lines of progress."""

    def __init__(self, nodes: RayNodes) -> None:
        self.nodes, self.lines = nodes, 0

    def __call__(self, line: str) -> None:
        self.lines += 1
        if self.lines == 1:
            self.nodes.add()
        if self.lines == 3:
            self.nodes.kill()


def test_edits_on_s3_are_those_of_one_process_though_a_node_is_lost_and_one_joins(
    tiny_model: L2SAE, folder: Path, store: str, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(EDITS):
        Image.open(folder / "c.png").rotate(index).save(folder / f"turned-{index:02}.png")
    fs = fsspec.filesystem("s3", endpoint_url=store)
    fs.put(str(folder), "bucket/photos", recursive=True)
    monkeypatch.setattr("l2sae.bulk.progress.EVERY", 0.0)
    with ray_nodes(3) as nodes:
        weather = Weather(nodes)
        table = edited(
            tiny_model, "s3://bucket/photos", "s3://bucket/edited", runner="ray", progress=weather,
            storage_options={"endpoint_url": store},
        )  # fmt: skip
        assert weather.lines >= 3
        assert len(nodes.nodes) == 3
    assert (table["result"] == "done").sum() == EDITS + 6
    assert (table["result"] == "skipped").sum() == 2
    assert table["worker"].nunique() >= 3
    log = AuditLog(home / "audit.jsonl")
    assert log.verify()
    exported = Counter(one.record["export"] for one in log.entries() if one.record["event"] == "unmarked export")
    assert exported == Counter(table["export"].dropna())  # every photo exactly once
    repeated = [one for one in log.entries() if one.record["event"] == "repeated unmarked export"]
    assert len(repeated) <= 1  # the photo that was at work when its node was lost
    fs.invalidate_cache()
    fs.get("bucket/edited", str(tmp_path / "out"), recursive=True)
    alone = edited(tiny_model, folder, tmp_path / "alone")
    assert pixels(tmp_path / "out") == pixels(tmp_path / "alone")
    assert alone["export"].dropna().tolist() == table["export"].dropna().tolist()


@pytest.mark.finds_faces
def test_labels_on_s3_are_those_of_one_process_though_a_node_is_lost_and_one_joins(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    head = astronaut()[:320, 60:380]
    for index in range(FACES):
        Image.fromarray(np.roll(head, 4 * index, axis=1)).save(photos / f"{index:02}.jpg", quality=95)
    (photos / "no_face.jpg").write_bytes((photos / "00.jpg").read_bytes()[:2000])
    fs = fsspec.filesystem("s3", endpoint_url=store)
    fs.put(str(photos), "bucket/photos", recursive=True)
    monkeypatch.setattr("l2sae.bulk.progress.EVERY", 0.0)
    with ray_nodes(3) as nodes:
        table = label_folder(
            "s3://bucket/photos", "s3://bucket/labels", 64, runner="ray", batch=1, progress=Weather(nodes),
            storage_options={"endpoint_url": store},
        )  # fmt: skip
    assert len(table) == FACES + 1
    assert (table["result"] == "done").sum() == FACES
    fs.invalidate_cache()
    fs.get("bucket/labels", str(tmp_path / "labels"), recursive=True)
    alone = label_folder(photos, tmp_path / "alone", 64, workers=0, progress=False)
    found, expected = (
        {one.name: one.read_bytes() for one in (tmp_path / name).glob("*.npz")} for name in ("labels", "alone")
    )
    assert found == expected
    assert alone["result"].tolist() == table["result"].tolist()
