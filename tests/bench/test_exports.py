import numpy as np
from click.testing import CliRunner
from numpy.typing import NDArray

from l2sae import load_model
from l2sae.bench.exports import ATTACKS, faces, marks, measure, measure_exports
from l2sae.provenance import Detection
from l2sae.provenance.attacks import crop

Picture = NDArray[np.uint8]


class Corner:
    """A mark that any crop removes: the first pixel is white."""

    name = "corner"

    def embed(self, picture: Picture) -> Picture:
        marked = picture.copy()
        marked[:8, :8] = 255
        return marked

    def detect(self, picture: Picture) -> Detection:
        marked = bool((picture[:2, :2] > 250).all())
        return Detection(marked, 32 * marked, 30, 1.0)


def test_figures_tell_what_a_mark_survives(portrait: Picture) -> None:
    figures = measure([np.minimum(portrait, 200), np.minimum(portrait[::-1], 200)], Corner())
    assert figures.keys() >= ATTACKS.keys()
    assert (figures["none"], figures["crop_10"], figures["false_positives"], figures["pictures"]) == (1, 0, 0, 2)
    assert figures["psnr_lowest"] <= figures["psnr"]


def test_faces_come_in_the_size_asked_for() -> None:
    pictures = list(faces(None, photos=4, side=130))
    assert len(pictures) == 3
    assert {min(picture.shape[:2]) for picture in pictures} == {130}
    assert crop(np.zeros((100, 200, 3), np.uint8), 0.1).shape == (90, 180, 3)


def test_a_missing_folder_is_an_error() -> None:
    assert CliRunner().invoke(marks, ["absent"]).exit_code == 2


def test_exports_are_compared_with_plain_saving() -> None:
    figures = measure_exports(load_model(device="cpu"), (320, 240), repeats=1)
    assert figures.keys() == {"jpg", "png"}
    for taken in figures.values():
        assert taken["overhead_s"] == taken["export_s"] - taken["save_s"]
        assert min(taken["first_s"], taken["export_s"], taken["save_s"]) > 0
