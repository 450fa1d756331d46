"""Batches follow the manifest, and data of another kind say what to run."""

from pathlib import Path

import pytest
from trees import labelled, quiet

from l2sae.data import PreparedError, open_split, prepare
from l2sae.data import dataset as dataset_module
from l2sae.rois import Roi


def test_batches_follow_the_manifest_across_shards(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(dataset_module, "SHARD_IMAGES", 3)
    manifest = prepare(labelled(folder), tmp_path / "out", quiet)
    train = open_split(tmp_path / "out", "train")
    assert len(list((tmp_path / "out/train").glob("images-*.npy"))) == -(-len(train) // 3)
    assert list(train.names) == [item["name"] for item in manifest["items"]["train"]]
    everything = train.batch(range(len(train)))
    some = train.batch([5, 0])
    assert everything.images.shape == (len(train), 3, 32, 32)
    assert float(everything.images.min()) >= -1
    assert float(everything.images.max()) <= 1
    assert some.images.equal(everything.images[[5, 0]])
    assert some.labels.equal(everything.labels[[5, 0]])
    with pytest.raises(IndexError, match="face 99"):
        train.batch([99])


def test_stale_or_absent_data_says_what_to_run(folder: Path, tmp_path: Path) -> None:
    config = labelled(folder)
    with pytest.raises(PreparedError, match="run 'dvc repro prepare'"):
        open_split(tmp_path / "out", "train")
    prepare(config, tmp_path / "out", quiet)
    assert len(open_split(tmp_path / "out", "test", rois=config.rois, image_size=32)) == 4
    with pytest.raises(PreparedError, match=r"32 pixels, data\.image_size is 64"):
        open_split(tmp_path / "out", "train", image_size=64)
    with pytest.raises(PreparedError, match="made for other rois"):
        open_split(tmp_path / "out", "train", rois=[Roi(name="hair", channels=1, parts=("hair",))])
    with pytest.raises(PreparedError, match="no images in split 'holdout'"):
        open_split(tmp_path / "out", "holdout")
