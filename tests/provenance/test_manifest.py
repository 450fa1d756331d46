import http.server
import io
import random
import shutil
import threading
import time
from pathlib import Path

import c2pa
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae import EditSession
from l2sae.editing import Noise
from l2sae.model import L2SAE
from l2sae.provenance import (
    Credentials,
    Policy,
    ProvenanceError,
    development_root,
    export,
    inspect,
    keys,
    load_credentials,
    verify,
)
from l2sae.provenance.manifest import sign
from tests.provenance.time_authority import time_authority

Picture = NDArray[np.uint8]
FREE = Policy(unmarked_by=("*",))
FLIPS = 60


@pytest.fixture
def signed(home: Path, tmp_path: Path, portrait: Picture) -> Path:
    export(portrait, tmp_path / "out.png", purpose="research", original=portrait)
    return tmp_path / "out.png"


def test_valid_trusted_tampered_and_none_are_told_apart(signed: Path, tmp_path: Path) -> None:
    found = verify(signed)
    assert (found.status, found.development) == ("valid", True)
    assert found.signer == "L2SAE development certificate (untrusted)"
    assert found.reasons == ("signingCredential.untrusted",)
    assert verify(signed, development_root()).status == "trusted"
    assert verify(signed, development_root(tmp_path / "other")).status == "valid"
    Image.open(signed).save(tmp_path / "saved_again.jpg")
    assert verify(tmp_path / "saved_again.jpg").status == "none"
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


def test_files_without_a_manifest_have_none_and_missing_ones_an_error(tmp_path: Path, portrait: Picture) -> None:
    Image.fromarray(portrait).save(tmp_path / "plain.png")
    assert verify(tmp_path / "plain.png").status == "none"
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


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_certificate_that_has_expired_since_is_no_tampering(
    home: Path, tmp_path: Path, portrait: Picture, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "RENEWAL_DAYS", 0)
    monkeypatch.setattr(keys, "YEARS", 3 / 86_400 / 365)  # three seconds
    path = tmp_path / f"out{suffix}"
    export(portrait, path, purpose="research", original=portrait)
    whole = bytearray(path.read_bytes())
    time.sleep(4)
    for anchors in (None, development_root()):
        found = verify(path, anchors)
        assert (found.status, found.intact, found.facts["changed_share"]) == ("expired", True, 0)
        assert "signingCredential.expired" in found.reasons
    seen = inspect(path, localiser=False)
    assert seen.edited
    assert "has expired" in seen.verdict
    assert "changed after it was signed" not in seen.verdict
    path.write_bytes(whole + b"x")
    assert verify(path).status == "tampered"


def sign_as_another_tool(portrait: Picture, path: Path, tool: str, action: str) -> Path:
    """A picture with the manifest of some other program."""
    buffer = io.BytesIO()
    Image.fromarray(portrait).save(buffer, "PNG")
    own = load_credentials(home=path.parent / "another home")
    generated = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    actions = [{"action": action, **({"digitalSourceType": generated} if action == "c2pa.created" else {})}]
    definition = {
        "claim_generator_info": [{"name": tool, "version": "1"}],
        "title": "A picture",
        "format": "image/png",
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }
    signed = io.BytesIO()
    info = c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, own.chain.encode(), own.private_key.encode(), None)
    with c2pa.Signer.from_info(info) as signer, c2pa.Builder(definition) as builder:
        builder.sign(signer, "image/png", io.BytesIO(buffer.getvalue()), signed)
    path.write_bytes(signed.getvalue())
    return path


def test_pictures_that_others_signed_are_not_called_edits_of_ours(
    home: Path, tmp_path: Path, portrait: Picture
) -> None:
    found = inspect(sign_as_another_tool(portrait, tmp_path / "ai.png", "Some generator", "c2pa.created"))
    assert found.manifest.status == "valid"
    assert not found.edited
    assert [(step.tool, step.generated, step.ours) for step in found.manifest.history] == [
        ("Some generator", True, False)
    ]


def test_the_manifest_of_the_source_becomes_part_of_the_export(
    home: Path, tmp_path: Path, portrait: Picture, tiny_model: L2SAE
) -> None:
    """A generated picture, edited, and edited again: three steps, newest first; by session and by the function."""
    photo = sign_as_another_tool(portrait, tmp_path / "ai.png", "Some generator", "c2pa.created")
    session = EditSession(tiny_model)
    session.load(photo)
    session.add_layer("hair", Noise(1.0))
    once = session.export(tmp_path / "once.png", purpose="research").path
    twice = export(portrait, tmp_path / "twice.jpg", purpose="research", source=once).path
    history = verify(twice).history
    assert [(step.tool, step.ours) for step in history] == [("l2sae", True), ("l2sae", True), ("Some generator", False)]
    assert history[-1].generated
    assert history[0].actions[0] == "c2pa.opened"
    assert verify(twice, development_root()).status == "trusted"
    verdict = inspect(twice, localiser=False).verdict
    assert verdict.count("Before: ") == 2
    assert "Before: Some generator (created, by a trained algorithm)" in verdict
    plain = export(portrait, tmp_path / "plain.png", purpose="research", original=portrait, source=tmp_path / "no.png")
    assert len(verify(plain.path).history) == 1
    assert twice.stat().st_size < once.stat().st_size + portrait.size  # no thumbnails


def test_a_recipe_whose_photo_is_another_by_now_has_no_history(
    home: Path, tmp_path: Path, portrait: Picture, tiny_model: L2SAE
) -> None:
    photo = sign_as_another_tool(portrait, tmp_path / "ai.png", "Some generator", "c2pa.created")
    session = EditSession(tiny_model)
    session.load(photo)
    sign_as_another_tool(255 - portrait, photo, "Another generator", "c2pa.created")
    assert len(verify(session.export(tmp_path / "out.png", purpose="research").path).history) == 1


def test_a_changed_source_does_not_make_the_export_look_changed(home: Path, tmp_path: Path, portrait: Picture) -> None:
    photo = sign_as_another_tool(portrait, tmp_path / "ai.png", "Some generator", "c2pa.created")
    changed = bytearray(photo.read_bytes())
    changed[-40] ^= 1
    photo.write_bytes(changed)
    done = export(portrait, tmp_path / "out.png", purpose="research", source=photo)
    assert verify(done.path).status == "valid"
    broken = photo.read_bytes()
    photo.write_bytes(broken[: broken.index(b"jumdc2pa") + 400])  # so that no reader can make anything of it
    done = export(portrait, tmp_path / "again.png", purpose="research", source=photo)
    found = verify(done.path)
    assert (found.status, len(found.history)) == ("valid", 1)


def test_a_time_stamp_authority_is_asked_only_where_one_is_named(home: Path, tmp_path: Path, portrait: Picture) -> None:
    asked = []

    class Authority(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.headers["Content-Type"])
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Authority) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        export(portrait, tmp_path / "silent.png", purpose="research")
        assert asked == []
        with pytest.raises(ProvenanceError, match=url):
            export(portrait, tmp_path / "out.png", purpose="research", policy=Policy(tsa_url=url))
        server.shutdown()
    assert asked == ["application/timestamp-query"]
    assert not (tmp_path / "out.png").exists()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="OpenSSL's command writes the authority's answers")
def test_a_stamped_export_outlives_its_certificate(
    home: Path, tmp_path: Path, portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "RENEWAL_DAYS", 0)
    monkeypatch.setattr(keys, "YEARS", 8 / 86_400 / 365)  # eight seconds
    load_credentials()
    expiry = time.monotonic() + 9
    stamped, plain = tmp_path / "stamped.png", tmp_path / "plain.jpg"
    with time_authority(tmp_path / "authority") as (url, authority):
        export(portrait, stamped, purpose="research", policy=FREE.model_copy(update={"tsa_url": url}), unmarked=True)
        export(portrait, plain, purpose="research", policy=FREE, unmarked=True)
        signer = development_root()
    time.sleep(max(0.0, expiry - time.monotonic()))
    assert verify(plain, authority + signer).status == "expired"
    assert (verify(stamped, authority).status, verify(stamped, authority + signer).status) == ("valid", "trusted")
    unknown = verify(stamped, signer)
    assert unknown.status == "expired", "anyone could have stated the time"
    assert "timeStamp.untrusted" in unknown.reasons
    monkeypatch.setattr(keys, "YEARS", 5)
    child = export(portrait, tmp_path / "child.png", purpose="research", policy=FREE, unmarked=True, source=stamped)
    found = verify(child.path, authority + development_root())
    assert (found.status, len(found.history)) == ("trusted", 2)
    changed = bytearray(stamped.read_bytes())
    changed[-40] ^= 1
    stamped.write_bytes(changed)
    assert verify(stamped, authority + signer).status == "tampered"
