from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.editing import EditError
from l2sae.provenance import AuditLog, development_root, export, inspect

Picture = NDArray[np.uint8]


@pytest.fixture
def exported(home: Path, tmp_path: Path, portrait: Picture) -> Path:
    original = portrait.copy()
    original[:64] = 255 - original[:64]
    export(portrait, tmp_path / "out.png", purpose="research", original=original)
    return tmp_path / "out.png"


def test_an_export_is_known_by_manifest_watermark_and_log(exported: Path) -> None:
    found = inspect(exported)
    assert (found.manifest.status, found.watermark.marked, len(found.exact), len(found.similar)) == (
        "valid",
        True,
        1,
        0,
    )
    assert found.edited
    for words in (
        "anyone can make",
        "25.0% of the pixels",
        "The watermark is there (pattern: correlation",
        "holds this file: line 1",
    ):
        assert words in found.verdict
    assert "who is trusted" in inspect(exported, trust_anchors=development_root()).verdict


def test_a_copy_without_manifest_is_still_known(exported: Path, tmp_path: Path) -> None:
    Image.open(exported).save(tmp_path / "copy.jpg", quality=80)
    found = inspect(tmp_path / "copy.jpg")
    assert (found.manifest.status, found.watermark.marked, found.exact) == ("none", True, ())
    assert [entry.number for entry in found.similar] == [1]
    assert "no manifest" in found.verdict
    elsewhere = inspect(tmp_path / "copy.jpg", log=AuditLog(tmp_path / "another.jsonl"))
    assert "does not know it" in elsewhere.verdict
    assert elsewhere.edited


def test_a_changed_file_is_said_to_be_changed(exported: Path) -> None:
    whole = exported.read_bytes()
    exported.write_bytes(whole + b"more")
    found = inspect(exported)
    assert found.manifest.status == "tampered"
    assert found.watermark is not None
    assert found.watermark.marked
    assert "do not rely on the manifest" in found.verdict
    assert "25.0%" not in found.verdict


def test_a_damaged_picture_is_reported_and_what_is_no_picture_an_error(exported: Path, tmp_path: Path) -> None:
    whole = bytearray(exported.read_bytes())
    whole[-40] ^= 1
    exported.write_bytes(whole)
    found = inspect(exported)
    assert (found.manifest.status, found.watermark, found.edited) == ("tampered", None, True)
    assert "damaged and cannot be read" in found.verdict
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(EditError, match=r"text\.png"):
        inspect(tmp_path / "text.png")


def test_nothing_found_is_not_a_clean_bill(home: Path, tmp_path: Path, portrait: Picture) -> None:
    Image.fromarray(portrait).save(tmp_path / "plain.png")
    found = inspect(tmp_path / "plain.png")
    assert not found.edited
    assert found.verdict.endswith("No mark found; this does not show that the picture is unedited.")


def test_no_verdict_says_authentic(exported: Path, tmp_path: Path, portrait: Picture) -> None:
    Image.fromarray(portrait).save(tmp_path / "plain.png")
    for path in (exported, tmp_path / "plain.png"):
        for anchors in (None, development_root()):
            verdict = inspect(path, trust_anchors=anchors).verdict.lower()
            assert not [word for word in ("authentic", "genuine", "original photo", "not edited") if word in verdict]


def test_a_localiser_is_asked_where_it_looks_edited(home: Path, tmp_path: Path, portrait: Picture) -> None:
    Image.fromarray(portrait).save(tmp_path / "plain.png")

    def localise(picture: Picture) -> tuple[float, NDArray[np.floating]]:
        return 0.75, (np.arange(picture.shape[0])[:, None] < 64).astype(np.float32).repeat(picture.shape[1], 1)

    found = inspect(tmp_path / "plain.png", localiser=localise)
    assert (
        "The localiser takes 25.0% of the pixels for edited (score 0.75, 0.5 needed), which is a hint and no proof."
        in found.verdict
    )
    assert found.heat is not None
    assert found.heat.shape == (256, 256)
