"""A trained model improves weak labels, where it is sure and the pixel is the photo's own."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from skimage import data
from trees import lapa_folder, params, save

from l2sae.data import SourceError, open_split, prepare
from l2sae.data.faces import available
from l2sae.data.teacher import Teacher
from l2sae.params import Params

SPLIT = {"train": 0.5, "val": 0.0, "test": 0.5}


def quiet(line: str) -> None:
    pass


def test_a_label_is_overruled_where_the_model_is_sure(tiny_checkpoint: Path, tiny_params: Params) -> None:
    teacher = Teacher(tiny_checkpoint, tiny_params.rois)
    mattes = torch.zeros(1, 5, 64, 64)
    mattes[:, 0, :32] = 0.95  # hair, it is sure
    mattes[:, 1, 32:] = 0.55  # skin, it rather thinks; the rest of 0.45 is background
    latents = SimpleNamespace(mattes=mattes)
    teacher.model = SimpleNamespace(image_size=64, device=torch.device("cpu"), encode=lambda images: latents)  # type: ignore[assignment]
    known = np.ones((1, 64, 64), bool)
    known[:, :, 60:] = False
    improved = teacher.improved(np.zeros((1, 64, 64, 3), np.uint8), np.full((1, 64, 64), 4, np.uint8), known)
    assert (improved[0, :32, :60] == 1).all()
    assert (improved[0, 32:, :60] == 4).all()
    assert (improved[..., 60:] == 4).all()


def test_a_teacher_of_other_rois_is_refused(tiny_checkpoint: Path, tiny_params: Params, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"trained for other rois \(hair: hair"):
        Teacher(tiny_checkpoint, tiny_params.rois[:3])
    with pytest.raises(SourceError, match=r"data\.teacher: .*absent"):
        Teacher(tmp_path / "absent.safetensors", tiny_params.rois)


def test_labels_that_are_not_weak_need_no_teacher(tiny_checkpoint: Path, tmp_path: Path) -> None:
    folder = lapa_folder(tmp_path / "source", {"train": 12, "test": 4})
    split = {"train": ["train"], "test": ["test"]}
    config = params(folder, "label_map", scheme="lapa", split=split, teacher="shipped")
    with pytest.raises(SourceError, match=r"data\.teacher improves weak labels"):
        prepare(config, tmp_path / "out", quiet)


@pytest.mark.skipif(not available(), reason="the extra 'faces' is not installed")
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
