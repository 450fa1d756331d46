"""The optional back end: a longer code behind the same interface."""

import importlib.util
import multiprocessing
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.provenance import BlindWatermark, Policy, ProvenanceError, export, inspect
from l2sae.provenance.attacks import get_attack
from l2sae.provenance.blind_mark import BITS
from l2sae.provenance.mark import MIN_PSNR

Picture = NDArray[np.uint8]


@pytest.fixture(scope="module")
def watermark() -> BlindWatermark:
    if importlib.util.find_spec("blind_watermark") is None:
        pytest.skip("needs the extra marks")
    return BlindWatermark()


def test_processes_start_as_they_did_before(watermark: BlindWatermark, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "blind_watermark")
    for name in [name for name in sys.modules if name.startswith("blind_watermark.")]:
        monkeypatch.delitem(sys.modules, name)
    before = multiprocessing.get_start_method(allow_none=True)
    multiprocessing.set_start_method("spawn", force=True)
    try:
        BlindWatermark()
        assert multiprocessing.get_start_method() == "spawn"
    finally:
        multiprocessing.set_start_method(before, force=True)


@pytest.mark.parametrize("size", [(240, 200), (1500, 2000)])
def test_the_code_is_found_in_pictures_of_any_size(
    watermark: BlindWatermark, portrait: Picture, size: tuple[int, int]
) -> None:
    picture = np.array(Image.fromarray(portrait).resize(size, Image.Resampling.BICUBIC))
    assert not watermark.detect(picture).marked
    marked = watermark.embed(picture)
    assert psnr_of_levels(picture, marked) >= MIN_PSNR
    for attack in ("none", "jpeg_75", "resize_half"):
        found = watermark.detect(get_attack(attack)(marked))
        assert found.marked, attack
        assert found.bits_matched > found.threshold > BITS // 2


def test_exports_and_inspections_take_it(watermark: BlindWatermark, portrait: Picture, tmp_path: Path) -> None:
    done = export(
        portrait, tmp_path / "out.png", purpose="research", policy=Policy(), watermark=watermark, home=tmp_path / "home"
    )
    assert done.entry.record["watermark"] == "blind-watermark"
    seen = inspect(tmp_path / "out.png", watermark=watermark, home=tmp_path / "home")
    assert seen.watermark is not None
    assert seen.watermark.marked


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "blind_watermark", None)
    with pytest.raises(ProvenanceError, match=r"l2sae\[marks\]"):
        BlindWatermark()
