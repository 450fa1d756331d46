"""Labels of many photos are the files of the prepare stage's cache."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from l2sae.bulk import edit_folder
from l2sae.bulk.label_folder import label_folder
from l2sae.data import photos as photo_labels
from l2sae.data import prepare
from l2sae.editing import EditError, Noise
from l2sae.model import L2SAE
from l2sae.params import load_params

pytestmark = pytest.mark.finds_faces
SIZE = 64
PARAMS_FILE = Path(__file__).parents[2] / "params.yaml"


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photos of a face, one of them twice, a photo without one, and a broken file."""
    folder = tmp_path_factory.mktemp("heads")
    head = astronaut()[:320, 60:380]
    for index, name in enumerate(["a", "below/b", "c"]):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(np.roll(head, 6 * index, axis=1)).save(folder / f"{name}.png")
    (folder / "again.png").write_bytes((folder / "a.png").read_bytes())
    Image.new("RGB", (200, 200), "gray").save(folder / "gray.jpg")
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def labels(heads: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "weak_labels"
    label_folder(heads, out, SIZE, workers=0, batch=2, progress=False)
    return out


def test_every_photo_has_a_row_and_equal_photos_one_file(heads: Path, labels: Path) -> None:
    table = label_folder(heads, labels, SIZE, workers=0, batch=2, progress=False).set_index("photo")
    table.index = [Path(photo).relative_to(heads).as_posix() for photo in table.index]
    assert table["result"].to_dict() == {
        "a.png": "done", "again.png": "done", "below/b.png": "done", "broken.jpg": "skipped", "c.png": "done",
        "gray.jpg": "skipped",
    }  # fmt: skip
    assert table.loc["gray.jpg", "reason"] == "no face found"
    assert table.loc["a.png", "output"] == table.loc["again.png", "output"]
    assert len(list(labels.glob("*.npz"))) == 4  # one of them says that there is no face


def test_prepare_labels_nothing_again(heads: Path, labels: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    overrides = {
        "data.source": "photos", "data.root": str(heads), "data.image_size": SIZE, "data.teacher": None,
        "data.max_skipped": 1.0, "data.split": {"train": 1.0, "val": 0.0, "test": 0.0},
    }  # fmt: skip
    params = load_params(PARAMS_FILE, overrides)
    assert params.data.source == "photos"

    def fail(*arguments: object) -> None:
        raise AssertionError("labelled again")

    monkeypatch.setattr(photo_labels, "label_photo", fail)
    manifest = prepare(params, labels.parent / "prepared", progress=lambda line: None)
    assert manifest["counts"]["train"] == 3


def test_a_run_that_was_cut_off_goes_on(heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    label_photo = photo_labels.label_photo
    seen: list[int] = []

    def twice(*arguments: object) -> object:
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(1)
        return label_photo(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(photo_labels, "label_photo", twice)
    with pytest.raises(KeyboardInterrupt):
        label_folder(heads, tmp_path, SIZE, workers=0, batch=6, progress=False)
    monkeypatch.setattr(photo_labels, "label_photo", lambda *a: (seen.append(1), label_photo(*a))[1])
    table = label_folder(heads, tmp_path, SIZE, workers=0, batch=6, progress=False)
    assert (table["result"] == "done").sum() == 4
    assert len(seen) == 4  # three faces and the photo without one, each once


def test_a_teacher_goes_along(heads: Path, labels: Path, tmp_path: Path) -> None:
    table = label_folder(heads, tmp_path, SIZE, "shipped", workers=0, progress=False)
    assert (table["result"] == "done").sum() == 4
    assert json.loads((tmp_path / ".l2sae/job.json").read_text())["teacher_sha256"]
    assert not {one.name for one in tmp_path.glob("*.npz")} & {one.name for one in labels.glob("*.npz")}


def test_folders_of_other_work_and_wrong_sizes_are_refused(
    heads: Path, labels: Path, tiny_model: L2SAE, tmp_path: Path
) -> None:
    with pytest.raises(EditError, match="image_size=4"):
        label_folder(heads, tmp_path, 4)
    with pytest.raises(EditError, match="folder of the photos"):
        label_folder(heads, heads, SIZE)
    with pytest.raises(EditError, match="another job"):
        label_folder(heads, labels, 32, workers=0)
    with pytest.raises(EditError, match="another job"):
        edit_folder(tiny_model, heads, labels, ("hair",), Noise(1.0), workers=0)
