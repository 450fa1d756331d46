from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from l2sae.bench.mark_table import (
    ATTACKS,
    block_differences,
    enlarged,
    marks,
    measure,
    measure_unmarked,
    photos_of,
    summarise_unmarked,
)
from l2sae.provenance import Detection
from l2sae.provenance.mark import count_bits

Picture = NDArray[np.uint8]


class Corner:
    """A mark that any crop removes: the first pixels are white."""

    name = "corner"

    def embed(self, picture: Picture) -> Picture:
        marked = picture.copy()
        marked[:8, :8] = 255
        return marked

    def detect(self, picture: Picture) -> Detection:
        return count_bits(self.name, 64 * bool((picture[:2, :2] > 250).all()), 64, 60)


def test_figures_tell_what_a_mark_survives(portrait: Picture) -> None:
    figures = measure([np.minimum(portrait, 200), np.minimum(portrait[::-1], 200)], Corner())
    assert figures.keys() >= ATTACKS.keys()
    assert (figures["none"]["detected"], figures["crop_10"]["detected"], figures["pictures"]) == (1, 0, 2)
    assert figures["psnr_lowest"] <= figures["psnr"]
    assert figures["block_ciede2000_median"] == 0 < figures["block_ciede2000_most"]


def test_block_differences_see_what_psnr_does_not(portrait: Picture) -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    shifted, checked = grey + np.uint8(2), grey.copy()
    checked[::2, ::2], checked[1::2, 1::2] = 130, 130
    checked[::2, 1::2], checked[1::2, ::2] = 126, 126
    assert block_differences(grey, shifted).min() > 0.5
    assert block_differences(grey, checked).max() < 1e-6
    assert min(enlarged(portrait, 512).shape[:2]) == 512


def test_unmarked_pictures_are_of_all_kinds_and_none_is_found(portrait: Picture, tmp_path: Path) -> None:
    Image.fromarray(portrait).save(tmp_path / "one.png")
    scores = measure_unmarked(photos_of(tmp_path, 6), range(6), print)
    assert set(scores) == {"photos", "rendered", "windows", "textures", "noise"}
    figures = summarise_unmarked(scores)
    assert (figures["found"], figures["pictures"]) == (0, 6)
    assert figures["highest_score"] < figures["threshold"]
    assert figures["rate_at_most"] == pytest.approx(1 - 0.025 ** (1 / 6))


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    assert CliRunner().invoke(marks, ["absent"]).exit_code == 2
    assert "no pictures" in CliRunner().invoke(marks, [str(tmp_path)]).output


def test_photos_are_evenly_spaced_and_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(click.ClickException, match="no pictures"):
        photos_of(tmp_path, 2)
    for index in range(6):
        (tmp_path / f"{index}.jpg").touch()
    assert [path.stem for path in photos_of(tmp_path, 3)] == ["0", "2", "4"]
    assert len(photos_of(tmp_path, 99)) == 6
