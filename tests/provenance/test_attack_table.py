from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from l2sae.model import L2SAE
from l2sae.provenance.attack_table import as_exported, measure_manifest, measure_watermark, put_share, second_edit
from l2sae.provenance.attacks import get_attack
from l2sae.provenance.mark import Detection, count_bits
from l2sae.provenance.rivagan import BITS

Picture = NDArray[np.uint8]


class CornerMark:
    """A mark for tests: the upper left pixel is 7. Bits that match fall with its distance from that."""

    name = "corner"

    def embed(self, picture: Picture) -> Picture:
        marked = picture.copy()
        marked[:4, :4] = 7
        return marked

    def detect(self, picture: Picture) -> Detection:
        matched = max(0, BITS - abs(int(picture[0, 0, 0]) - 7))
        return count_bits(self.name, matched, BITS, 30)


def pictures(count: int) -> list[Picture]:
    return [np.random.default_rng(seed).integers(60, 200, (64, 64, 3)).astype(np.uint8) for seed in range(count)]


def test_watermark_figures_by_hand() -> None:
    attacks = [get_attack(name) for name in ("none", "flip")]
    figures, marked = measure_watermark(
        CornerMark(), pictures(4), [*pictures(3), marked_one()], attacks, 20, 0, progress=lambda line: None
    )
    assert figures["none"] == {"bit_accuracy": 1.0, "detected": 1.0}
    assert figures["flip"] == {"bit_accuracy": 0.0, "detected": 0.0}
    assert figures["false_positive_rate"] == 0.25
    errors = [np.square(a.astype(float) - b).mean() for a, b in zip(pictures(4), marked, strict=True)]
    assert figures["psnr"] == pytest.approx(np.mean([10 * np.log10(255**2 / error) for error in errors]))


def marked_one() -> Picture:
    return CornerMark().embed(pictures(1)[0])


def test_share_has_an_exact_interval_even_where_all_are_right() -> None:
    figures: dict[str, object] = {}
    put_share(figures, "a.b", [True] * 10)
    assert figures["a"] == {"b": 1.0}
    low, high = figures["ci"]["a"]["b"]
    assert low == pytest.approx(0.025**0.1)  # the share at which ten of ten come with a chance of 2.5 %
    assert high == 1.0


def test_every_manifest_case_is_told_rightly(tmp_path: Path) -> None:
    smooth = np.full((64, 64, 3), 100, np.uint8)
    figures = measure_manifest([CornerMark().embed(smooth)], CornerMark(), tmp_path)
    assert {case: figures[case] for case in ("valid", "trusted", "tampered", "stripped", "resaved")} == dict.fromkeys(
        ("valid", "trusted", "tampered", "stripped", "resaved"), 1.0
    )


def test_lost_mark_is_told_wrongly_where_the_manifest_is_gone(tmp_path: Path) -> None:
    figures = measure_manifest(pictures(1), CornerMark(), tmp_path)
    assert (figures["valid"], figures["tampered"], figures["stripped"], figures["resaved"]) == (1.0, 1.0, 0.0, 0.0)


def test_small_pictures_are_exported_larger_and_large_ones_as_they_are() -> None:
    assert as_exported(pictures(1)[0]).shape == (256, 256, 3)
    large = np.zeros((300, 400, 3), np.uint8)
    assert as_exported(large) is large


def test_second_edit_changes_a_picture_only_where_the_region_is(tiny_model: L2SAE, photos: list[Picture]) -> None:
    change = second_edit(tiny_model, photos[1], "replace")
    edited = change(photos[0])
    assert edited.shape == photos[0].shape
    assert np.array_equal(edited, change(photos[0]))
    share = (edited != photos[0]).any(axis=2).mean()
    assert 0 < share < 1
