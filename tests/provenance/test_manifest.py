import io
import random
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.provenance import Credentials, ProvenanceError, development_root, export, load_credentials, verify
from l2sae.provenance.manifest import sign

Picture = NDArray[np.uint8]
FLIPS = 60


@pytest.fixture
def signed(home: Path, tmp_path: Path, portrait: Picture) -> Path:
    export(portrait, tmp_path / "out.png", purpose="research", original=portrait)
    return tmp_path / "out.png"


def test_valid_trusted_tampered_and_stripped_are_told_apart(signed: Path, tmp_path: Path) -> None:
    found = verify(signed)
    assert (found.status, found.development) == ("valid", True)
    assert found.signer == "L2SAE development certificate (untrusted)"
    assert found.reasons == ("signingCredential.untrusted",)
    assert verify(signed, development_root()).status == "trusted"
    assert verify(signed, development_root(tmp_path / "other")).status == "valid"
    Image.open(signed).save(tmp_path / "saved_again.jpg")
    assert verify(tmp_path / "saved_again.jpg").status == "stripped"
    changed = bytearray(signed.read_bytes())
    changed[-40] ^= 1
    signed.write_bytes(changed)
    assert verify(signed).status == "tampered"
    assert verify(signed, development_root()).status == "tampered"


def test_trust_anchors_come_by_file_or_environment(
    signed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root.pem"
    root.write_text(development_root())
    assert verify(signed, root).status == "trusted"
    monkeypatch.setenv("L2SAE_TRUST_ANCHORS", str(root))
    assert verify(signed).status == "trusted"
    with pytest.raises(ProvenanceError, match="cannot read the trust anchors"):
        verify(signed, tmp_path / "absent.pem")


@pytest.mark.parametrize(
    ("file_format", "mime"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_every_changed_byte_outside_the_manifest_is_found(
    home: Path, tmp_path: Path, portrait: Picture, file_format: str, mime: str
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(portrait).save(buffer, file_format)
    whole = sign(buffer.getvalue(), mime, {"purpose": "research"}, load_credentials())
    path = tmp_path / f"picture.{file_format.lower()}"
    path.write_bytes(whole)
    assert verify(path).status == "valid"
    start, end = box_of(buffer.getvalue(), whole)
    outside = [index for index in range(len(whole)) if not start <= index < end]
    rng = random.Random(3)
    chosen = outside[:24] + outside[-16:] + [start - 1, end] * (end < len(whole)) + rng.sample(outside, FLIPS)
    missed = []
    for index in chosen:
        changed = bytearray(whole)
        changed[index] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        if verify(path).status != "tampered":
            missed.append(index)
    assert missed == []
    path.write_bytes(whole + b"x")
    assert verify(path).status == "tampered"
    path.write_bytes(whole[:-1])
    assert verify(path).status == "tampered"


def box_of(plain: bytes, whole: bytes) -> tuple[int, int]:
    """Where the manifest lies in a signed file: what was put in between the plain file's two parts."""
    length = len(whole) - len(plain)
    start = whole.index(b"jumb")
    starts = [index for index in range(max(0, start - 40), start) if whole[index + length :] == plain[index:]]
    return starts[0], starts[-1] + length  # several where the bytes around it are equal: none of these is tried


def test_files_without_a_manifest_are_stripped_and_missing_ones_an_error(tmp_path: Path, portrait: Picture) -> None:
    Image.fromarray(portrait).save(tmp_path / "plain.png")
    assert verify(tmp_path / "plain.png").status == "stripped"
    with pytest.raises(ProvenanceError, match="cannot read the picture"):
        verify(tmp_path / "absent.png")


def test_a_certificate_that_does_not_fit_its_key_is_refused(home: Path, tmp_path: Path, portrait: Picture) -> None:
    own, other = load_credentials(), load_credentials(home=tmp_path / "other")
    before = sorted(tmp_path.iterdir())
    for wrong in (
        Credentials(own.chain, other.private_key),
        Credentials("no", own.private_key),
        Credentials(own.chain, "no"),
    ):
        with pytest.raises(ProvenanceError, match="cannot sign the manifest") as caught:
            export(portrait, tmp_path / "out.png", purpose="research", credentials=wrong)
        assert "PRIVATE" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before
