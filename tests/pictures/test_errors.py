"""Errors carry what they are about, also from one process to another."""

import pickle
from pathlib import Path

from l2sae.pictures.errors import EditError, FaceNotFoundError, NoPhotoError, UnusableError


def test_a_missing_face_says_what_is_missing_and_where() -> None:
    error = FaceNotFoundError("ref.png shows no hair", "hair", reference=True)
    assert (error.missing, error.reference, str(error)) == ("hair", True, "ref.png shows no hair")
    assert not FaceNotFoundError("no face", "face").reference


def test_every_complaint_about_an_edit_is_an_edit_error() -> None:
    assert issubclass(FaceNotFoundError, EditError)
    assert issubclass(NoPhotoError, EditError)
    assert issubclass(UnusableError, EditError)


def test_what_is_wrong_with_a_file_survives_the_way_between_processes() -> None:
    again = pickle.loads(pickle.dumps(UnusableError(Path("a.heic"), "cannot be read: no decoder", again=True)))
    assert (again.file, again.reason, again.again) == (Path("a.heic"), "cannot be read: no decoder", True)
    assert str(again) == "a.heic: cannot be read: no decoder"
