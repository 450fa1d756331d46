"""Preparing: complete, deterministic, atomic, and open to readers that ask for the same ROIs and size."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from trees import (
    FOLDERS,
    PARAMS,
    celebamask,
    id_mask,
    labelled,
    lapa_folder,
    params,
    photo,
    quiet,
    save,
    tree_bytes,
    write,
)

from l2sae.data import PrepareError, SourceError, open_split, prepare, render_faces
from l2sae.data import dataset as dataset_module
from l2sae.params import Params, ParamsError, load_params


def test_manifest_tells_everything(folder: Path, tmp_path: Path) -> None:
    config = labelled(folder)
    manifest = prepare(config, tmp_path / "out", quiet)
    assert json.loads((tmp_path / "out/manifest.json").read_text()) == manifest
    assert sum(manifest["counts"].values()) == 16
    assert manifest["counts"]["test"] == 4
    assert manifest["counts"]["val"] >= 1
    assert manifest["rois"][2] == {"name": "brows", "id": 3, "parts": ["l_brow", "r_brow"]}
    item = manifest["items"]["test"][0]
    source = folder / "test/images/face013.png"
    assert item["name"] == "test/images/face013"
    assert item["sha256"]["test/images/face013.png"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert set(item["sha256"]) == {"test/images/face013.png", "test/labels/face013.png"}
    assert 0 < manifest["roi_pixel_shares"]["train"]["lips"] < manifest["roi_pixel_shares"]["train"]["skin"]
    assert str(tmp_path) not in (tmp_path / "out/manifest.json").read_text()


def test_two_runs_are_byte_identical(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        prepare(labelled(folder), tmp_path / name, quiet)
    assert tree_bytes(tmp_path / "one") == tree_bytes(tmp_path / "two")


def test_every_quirk_is_skipped_with_its_reason(folder: Path, tmp_path: Path) -> None:
    images, labels = folder / "train/images", folder / "train/labels"
    write(images / "face001.png", b"")
    write(images / "face002.png", b"not a picture")
    write(images / "face003.png", (images / "face003.png").read_bytes()[:300])
    save(images / "face004.png", photo(4, 10, 10))
    save(labels / "face005.png", np.zeros((60, 48), np.uint8))
    save(labels / "face006.png", id_mask(61, 48))
    write(images / "face007.png", (folder / "test/images/face013.png").read_bytes())
    write(images / ".DS_Store", b"x")
    (labels / "face008.png").unlink()
    (images / "face009.png").unlink()
    manifest = prepare(labelled(folder, max_skipped=0.8), tmp_path / "out", quiet)
    reasons = {item["file"]: item["reason"].split(":")[0] for item in manifest["skipped"]}
    assert reasons == {
        "train/images/.DS_Store": "stray file",
        "train/images/face001.png": "empty file",
        "train/images/face002.png": "not an image",
        "train/images/face003.png": "truncated or damaged",
        "train/images/face004.png": "photo too small",
        "train/labels/face005.png": "mask is all one id",
        "train/labels/face006.png": "mask and photo differ in size",
        "train/images/face007.png": "duplicate photo",
        "train/images/face008.png": "photo without mask",
        "train/labels/face009.png": "mask without photo",
    }
    assert manifest["counts"]["test"] == 4


def test_too_many_bad_files_leave_the_old_data_alone(folder: Path, tmp_path: Path) -> None:
    prepare(labelled(folder), tmp_path / "out", quiet)
    before = tree_bytes(tmp_path / "out")
    for number in range(1, 6):
        write(folder / f"train/images/face{number:03d}.png", b"")
    with pytest.raises(PrepareError, match=r"5 of 16 files are unusable.*5 x empty file.*face001"):
        prepare(labelled(folder), tmp_path / "out", quiet)
    assert tree_bytes(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError("8128 requested and 100 written")])
def test_a_full_disk_leaves_the_old_data_alone(folder: Path, tmp_path: Path, monkeypatch, error: OSError) -> None:
    """Both ways in which NumPy reports a full disk."""
    prepare(labelled(folder), tmp_path / "out", quiet)
    before = tree_bytes(tmp_path / "out")
    save_array = np.save

    def save_to_full_disk(path: Path, array: np.ndarray) -> None:
        save_array(path, array[:1])  # half-written
        raise error

    monkeypatch.setattr(dataset_module.np, "save", save_to_full_disk)
    with pytest.raises(PrepareError, match=r"out: the disk is full .*free space.*unchanged"):
        prepare(labelled(folder, max_skipped=0.5), tmp_path / "out", quiet)
    assert tree_bytes(tmp_path / "out") == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "source"]


def test_a_photo_in_train_and_test_stays_in_test_only(folder: Path, tmp_path: Path) -> None:
    split = {"train": ["train", "test"], "test": ["test"]}
    manifest = prepare(labelled(folder, split=split, max_skipped=0.3), tmp_path / "out", quiet)
    assert (manifest["counts"]["test"], sum(manifest["counts"].values())) == (4, 16)
    assert [item["reason"].split(":")[0] for item in manifest["skipped"]] == ["duplicate photo"] * 4


def test_wrong_scheme_names_the_ids(folder: Path, tmp_path: Path) -> None:
    scheme = {0: "background", 1: "skin", 2: "hair", 3: "eyes", 4: "nose", 5: "lips", 99: "brows"}
    with pytest.raises(PrepareError, match="ids outside scheme custom: 6, 7, 10"):
        prepare(labelled(folder, scheme=scheme), tmp_path / "out", quiet)


def test_empty_split_is_named(tmp_path: Path) -> None:
    root = lapa_folder(tmp_path / "source", {"": 3})
    with pytest.raises(PrepareError, match=r"data\.split: no image in .*train"):
        prepare(labelled(root, split={"train": 0.0001, "val": 0.4999, "test": 0.5}), tmp_path / "out", quiet)
    (tmp_path / "bare/images").mkdir(parents=True)
    (tmp_path / "bare/labels").mkdir()
    with pytest.raises(SourceError, match="found no photo with a mask"):
        prepare(labelled(tmp_path / "bare", split={"train": 0.8, "val": 0.1, "test": 0.1}), tmp_path / "out", quiet)


def test_celebamask_masks_paint_in_order(tmp_path: Path) -> None:
    root = celebamask(tmp_path / "source", [1, 162771, 182638, 2])
    hat = np.zeros((48, 48, 3), np.uint8)
    hat[:10] = 255
    save(root / "CelebAMask-HQ-mask-anno/0/00000_hat.png", hat)
    prepare(params(root, "celebamask_hq", split="official"), tmp_path / "out", quiet)
    train = open_split(tmp_path / "out", "train")
    assert train.names == ("0", "3")
    with_hat, without = train.batch([0, 1]).labels
    assert int(with_hat[:6].max()) == 0
    assert int(without[4, 16]) == 1
    # hair is painted after skin and eyes, and covers them where both are marked
    assert int(without[10, 16]) == 1
    assert set(without.unique().tolist()) == {0, 1, 2, 5, 6}


def test_helen_class_maps_take_the_strongest(tmp_path: Path) -> None:
    root, ids = tmp_path / "source", id_mask()
    for number, name in enumerate(("exemplars.txt", "tuning.txt", "testing.txt")):
        stem = f"10{number}_1"
        write(root / name, f"1 , {stem}\n".encode())
        save(root / f"images/{stem}.png", photo(number))
        for index in range(11):
            strength = np.where(ids == index, 200, 20).astype(np.uint8)
            save(root / f"labels/{stem}/{stem}_lbl{index:02d}.png", strength)
    prepare(params(root, "helen", split="official"), tmp_path / "maps", quiet)
    save(tmp_path / "plain/images/100_1.png", photo(0))
    folder = lapa_folder(tmp_path / "plain", {"train": 2, "test": 2})
    prepare(labelled(folder), tmp_path / "out", quiet)
    expected = open_split(tmp_path / "out", "test").batch([0]).labels
    assert open_split(tmp_path / "maps", "test").batch([0]).labels.equal(expected)


def rendered(count: int) -> Params:
    path = Path(__file__).resolve().parents[2] / "params.yaml"
    return load_params(path, {"preset": "smoke", "data.count": count, "data.image_size": 32})


def test_rendered_faces_are_ranges_of_one_series(tmp_path: Path) -> None:
    config = rendered(20)
    manifest = prepare(config, tmp_path / "out", quiet)
    assert manifest["counts"] == {"train": 12, "val": 4, "test": 4}
    faces = render_faces(20, 32, config.seed, rois=config.rois)
    test = open_split(tmp_path / "out", "test", rois=config.rois, image_size=32)
    batch = test.batch(range(4))
    assert batch.labels.equal(faces.labels[16:])
    assert float((batch.images - faces.images[16:]).abs().max()) <= 1.01 / 255
    assert list(test.attributes.columns) == ["name", *faces.factors]
    first = next(iter(faces.factors))
    assert pd.Series(faces.factors[first][16:]).astype(str).tolist() == test.attributes[first].astype(str).tolist()


def test_rendered_split_must_be_ratios(tmp_path: Path) -> None:
    config = rendered(20)
    folders = config.model_copy(update={"data": config.data.model_copy(update={"split": "official"})})
    with pytest.raises(PrepareError, match=r"data\.split: rendered faces"):
        prepare(folders, tmp_path / "out", quiet)


def test_factors_of_rendered_faces_can_be_held(tmp_path: Path) -> None:
    def holding(**factors: float) -> Params:
        config = rendered(20)
        return config.model_copy(update={"data": config.data.model_copy(update={"held": factors})})

    prepare(holding(yaw=5.0), tmp_path / "held", quiet)
    drawn = open_split(tmp_path / "held", "train").attributes
    assert set(drawn["yaw"]) == {5.0}
    assert drawn["pitch"].nunique() > 1
    with pytest.raises(PrepareError, match=r"data\.held.*factor age cannot be set"):
        prepare(holding(age=1.0), tmp_path / "age", quiet)
    assert not (tmp_path / "age").exists()


def test_several_sources_become_one_data_set_each_split_by_itself(tmp_path: Path) -> None:
    first = lapa_folder(tmp_path / "a", {"train": 6, "test": 3})
    second = lapa_folder(tmp_path / "b", {"": 12})
    for path in (tmp_path / "b").rglob("*.png"):  # other pictures than those of the first
        save(path, np.ascontiguousarray(np.array(Image.open(path))[::-1]))
    ratios = {"train": 0.5, "val": 0.2, "test": 0.3}
    sources = [
        {"source": "label_map", "root": str(first), "scheme": "lapa", "split": FOLDERS},
        {"source": "label_map", "root": str(second), "scheme": "lapa"},
    ]
    config = params(tmp_path, "mixed", split=ratios, sources=sources)
    manifest = prepare(config, tmp_path / "out", quiet)
    assert (manifest["source"], manifest["labels"]) == ("mixed", "human")
    assert [one["prefix"] for one in manifest["sources"]] == ["label_map-0/", "label_map-1/"]
    for split, count in manifest["counts"].items():
        assert sum(one["counts"][split] for one in manifest["sources"]) == count
    assert manifest["sources"][0]["counts"]["test"] == 3
    names = open_split(tmp_path / "out", "test").names
    assert {name.split("/")[0] for name in names} == {"label_map-0", "label_map-1"}


@pytest.mark.parametrize(
    "given", [{"source": "mixed"}, {"source": "rendered", "sources": [{"source": "photos", "root": "a"}]}]
)
def test_sources_belong_to_mixed_alone(given: dict[str, object]) -> None:
    with pytest.raises(ParamsError, match=r"data\.sources"):
        load_params(PARAMS, {f"data.{key}": value for key, value in given.items()})
