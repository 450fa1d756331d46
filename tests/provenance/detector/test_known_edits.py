from pathlib import Path

import numpy as np
import pytest

from l2sae.data import FaceDataset, open_split, prepare
from l2sae.model import L2SAE
from l2sae.params import Params, load_params
from l2sae.provenance.detector import known_edits as edits
from l2sae.provenance.detector.known_edits import EditedFace, changed_pixels, edit_faces, training_edits, visible

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def split(tiny_params: Params, tmp_path_factory: pytest.TempPathFactory) -> FaceDataset:
    folder = tmp_path_factory.mktemp("edits") / "prepared"
    more = {"data.image_size": 64, "data.count": 14, "data.split": {"train": 0.8, "val": 0.0, "test": 0.2}}
    prepare(load_params(ROOT / "params.yaml", more), folder, progress=lambda line: None)
    return open_split(folder, "train")


@pytest.mark.parametrize("compose", ["detail", "replace"])
def test_negatives_take_the_path_of_edits_and_are_the_photos_to_the_bit(
    tiny_model: L2SAE, split: FaceDataset, compose: str
) -> None:
    made = edit_faces(tiny_model, split, [0, 1], [2, 3], ("hair",), compose, strength=0)
    for face in made:
        assert np.array_equal(face.photo, face.edited)
        assert not face.truth.any()


def test_truth_is_where_the_picture_changed_visibly(tiny_model: L2SAE, split: FaceDataset) -> None:
    face = edit_faces(tiny_model, split, [0], [1], ("hair", "skin"), "replace")[0]
    apart = np.abs(face.photo.astype(int) - face.edited.astype(int)).max(axis=2)
    assert face.truth.any()
    assert apart[face.truth].min() >= edits.CHANGED
    assert apart[~face.truth].max() < edits.CHANGED
    assert not changed_pixels(face.photo, face.photo).any()


def test_training_edits_are_drawn_by_the_seed_and_are_visible(
    tiny_model: L2SAE, split: FaceDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edits, "BATCH", 2)
    one, two, other = (training_edits(tiny_model, split, 9, seed) for seed in (0, 0, 1))
    assert [face.edited.tobytes() for face in one] == [face.edited.tobytes() for face in two]
    assert [face.edited.tobytes() for face in one] != [face.edited.tobytes() for face in other]
    assert all(face.truth.mean() >= edits.VISIBLE for face in one)
    assert all(1 <= len(face.rois) <= 3 for face in one)


def test_measured_edits_cover_each_region_and_all_at_once(tiny_model: L2SAE, split: FaceDataset) -> None:
    made = edits.measured_edits(tiny_model, split, 11, "replace")
    assert {face.rois for face in made} >= {("hair",), ("skin",), tiny_model.roi_names}
    photos = [face.photo.tobytes() for face in made]
    assert len(set(photos)) == len(photos)


def test_faint_edits_are_left_out_unless_there_are_no_others() -> None:
    photo = np.zeros((50, 50, 3), np.uint8)
    none, some = np.zeros((50, 50), bool), np.zeros((50, 50), bool)
    some[:3, :3] = True
    faint, plain = (EditedFace(photo, photo, truth, ("hair",)) for truth in (none, some))
    assert visible([faint, plain]) == [plain]
    assert visible([faint]) == [faint]
