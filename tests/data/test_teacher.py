"""A trained model improves weak labels: it says where hair and face are, and colours and edges decide."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage import data
from trees import lapa_folder, params, save

from l2sae.data import SourceError, open_split, prepare
from l2sae.data.teacher import Teacher
from l2sae.data.weak_labels import joined_prior
from l2sae.model import L2SAE, save_model
from l2sae.params import Params

SPLIT = {"train": 0.5, "val": 0.0, "test": 0.5}


def quiet(line: str) -> None:
    pass


def test_belief_is_the_mean_over_a_face_and_its_mirror(tiny_checkpoint: Path) -> None:
    teacher = Teacher(tiny_checkpoint)
    mattes = torch.zeros(2, 5, 64, 64)
    mattes[0, 0, :, :32] = 0.8  # hair on the left, in the photo as in its mirror
    mattes[1, 0, :, :32] = 0.4
    mattes[:, 1:3, 40:] = 0.3  # two regions of the face
    encode = SimpleNamespace(image_size=64, encode=lambda images: SimpleNamespace(mattes=mattes))
    teacher.model = encode  # type: ignore[assignment]
    hair, face = teacher.belief(np.zeros((64, 64, 3), np.uint8))
    np.testing.assert_allclose((hair[0, 0], hair[0, 63]), (0.4, 0.2), atol=1e-6)
    np.testing.assert_allclose((face[0, 0], face[63, 0]), (0.0, 0.6), atol=1e-6)


def test_what_cannot_teach_is_refused(tiny_params: Params, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"data\.teacher: .*absent"):
        Teacher(tmp_path / "absent.safetensors")
    eyes = tiny_params.model_copy(update={"rois": tiny_params.rois[2:]})
    save_model(L2SAE(eyes.model, eyes.rois, 64), tmp_path / "eyes.safetensors", eyes)
    with pytest.raises(SourceError, match="no ROIs with the parts hair and skin; it has brows, eyes, nose, lips"):
        Teacher(tmp_path / "eyes.safetensors")


def test_a_prior_goes_half_way_to_what_a_model_says() -> None:
    prior = np.full((4, 1, 2), 0.25)
    hair, face = np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])
    joined = joined_prior(prior, np.stack([hair, face]))
    np.testing.assert_allclose(joined.sum(axis=0), 1.0)
    assert joined[0, 0, 0] > 0.5 > joined[1, 0, 0]
    assert joined[1, 0, 0] > 0.1  # a model may be sure and wrong
    np.testing.assert_allclose(joined[2, 0], joined[3, 0])  # clothes and the rest are the prior's


def test_labels_that_are_not_weak_need_no_teacher(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = lapa_folder(tmp_path / "source", {"train": 12, "test": 4})
    split = {"train": ["train"], "test": ["test"]}
    config = params(folder, "label_map", scheme="lapa", split=split, teacher="shipped")
    with pytest.raises(SourceError, match=r"data\.teacher improves weak labels"):
        prepare(config, tmp_path / "out", quiet)


def test_a_data_set_is_prepared_with_a_teacher(tmp_path: Path) -> None:
    for name, view in {"a": data.astronaut(), "b": data.astronaut()[:, ::-1].copy()}.items():
        save(tmp_path / f"photos/{name}.png", view)
    made = {}
    for name, more in {"weak": {}, "taught": {"teacher": "shipped"}}.items():
        config = params(tmp_path / "photos", "photos", image_size=64, split=SPLIT, max_skipped=0.5, **more)
        manifest = prepare(config, tmp_path / name, quiet)
        assert ("teacher_sha256" in manifest) == (name == "taught")
        assert manifest["labels"] == "weak"
        made[name] = open_split(tmp_path / name, "train").batch([0])
    assert made["weak"].images.equal(made["taught"].images)
    changed = (made["weak"].labels != made["taught"].labels).float().mean()
    assert 0 < changed < 0.3
