import io
import json
import os
from pathlib import Path
from typing import Any

import c2pa
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae import EditSession
from l2sae.editing import Noise
from l2sae.model import L2SAE
from l2sae.pictures.fidelity import psnr_of_levels
from l2sae.provenance import (
    AuditLog,
    MarkError,
    PatternMark,
    Policy,
    PolicyError,
    ProvenanceError,
    digest_recipe,
    export,
    exporting,
    inspect,
    load_credentials,
    verify,
)
from l2sae.provenance.fingerprint import digest_file

Picture = NDArray[np.uint8]
OPEN = Policy(unmarked_by=("*",))


def read(path: Path) -> Picture:
    return np.array(Image.open(path))


def actions(path: Path) -> list[str]:
    """The actions that a file's manifest lists."""
    with c2pa.Reader(str(path)) as reader:
        report = json.loads(reader.json())
    active = report["manifests"][report["active_manifest"]]
    listed = next(one for one in active["assertions"] if one["label"].startswith("c2pa.actions"))
    return [one["action"] for one in listed["data"]["actions"]]


def files_of(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize("name", ["out.png", "out.jpg", "out.webp"])
def test_an_export_is_marked_signed_and_logged(home: Path, tmp_path: Path, portrait: Picture, name: str) -> None:
    done = export(portrait, tmp_path / name, purpose="research", original=portrait, icc_profile=b"a profile")
    picture = read(tmp_path / name)
    assert psnr_of_levels(picture, portrait) > 37
    assert PatternMark().detect(picture).bits_matched == done.bits_matched
    assert Image.open(tmp_path / name).info["icc_profile"] == b"a profile"
    checked = verify(tmp_path / name)
    assert (checked.status, checked.development) == ("valid", True)
    assert checked.facts["changed_share"] == 0
    (entry,) = AuditLog(home / "audit.jsonl").entries()
    assert entry == done.entry
    assert entry.record["export"] == checked.facts["export"]
    assert entry.record["policy_sha256"] == checked.facts["policy_sha256"] == Policy().digest
    assert files_of(tmp_path) == [name]


def test_quality_is_that_of_the_encoder(home: Path, tmp_path: Path, portrait: Picture) -> None:
    sizes = []
    for quality in (85, 99):
        export(portrait, tmp_path / f"{quality}.jpg", purpose="research", quality=quality)
        sizes.append((tmp_path / f"{quality}.jpg").stat().st_size)
    assert sizes[0] < 0.7 * sizes[1]


def test_sessions_state_recipe_matte_and_share(
    home: Path, tmp_path: Path, tiny_model: L2SAE, portrait: Picture
) -> None:
    session = EditSession(tiny_model)
    session.load(portrait)
    matte = np.zeros(portrait.shape[:2], np.uint8)
    matte[:128] = 255
    session.add_layer("hair", Noise(3.0), matte=matte)
    done = session.export(tmp_path / "out.png", purpose="research")
    facts = verify(done.path).facts
    assert facts["recipe_sha256"] == digest_recipe(session.recipe())
    assert facts["model_sha256"] == session.recipe().model_sha256
    assert facts["original_sha256"] == session.recipe().photo.sha256
    assert 0.3 < facts["changed_share"] <= 0.5
    assert np.array_equal(session.matte(), matte)
    session.add_layer("lips", Noise(1.0))
    assert (session.matte() >= matte).all()
    assert [entry.id for entry in AuditLog(home / "audit.jsonl").find(recipe=facts["recipe_sha256"])] == [done.entry.id]
    with pytest.raises(PolicyError, match="forbidden_rois"):
        session.export(tmp_path / "no.png", purpose="research", policy=Policy(forbidden_rois=("lips",)))


def test_a_session_is_rendered_once_for_picture_and_recipe(
    home: Path, tmp_path: Path, tiny_model: L2SAE, portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = EditSession(tiny_model)
    session.load(portrait)
    session.add_layer("hair", Noise(1.0))
    rendered, recipe, made = session.render(), session.recipe(), []
    monkeypatch.setattr(session, "render", lambda: made.append(1) or rendered)
    assert session.export(tmp_path / "out.png", purpose="research").recipe == recipe
    assert len(made) == 1


def test_a_recipe_of_another_picture_is_refused(
    home: Path, tmp_path: Path, tiny_model: L2SAE, portrait: Picture
) -> None:
    session = EditSession(tiny_model)
    session.load(portrait)
    with pytest.raises(ProvenanceError, match="its result is another picture"):
        export(portrait[::-1], tmp_path / "out.png", purpose="research", recipe=session.recipe())


def test_an_unmarked_export_has_to_be_allowed_and_is_logged(home: Path, tmp_path: Path, portrait: Picture) -> None:
    with pytest.raises(PolicyError, match="unmarked_by"):
        export(portrait, tmp_path / "out.png", purpose="research", unmarked=True)
    assert files_of(tmp_path) == []
    done = export(portrait, tmp_path / "out.png", purpose="research", unmarked=True, policy=OPEN)
    assert np.array_equal(read(done.path), portrait)
    assert done.entry.record["event"] == "unmarked export"
    assert verify(done.path).facts["watermark"] == "none"


def test_alpha_is_kept_and_jpeg_refuses_it(home: Path, tmp_path: Path, portrait: Picture) -> None:
    alpha = np.linspace(0, 255, 256, dtype=np.uint8)[:, None, None].repeat(256, 1)
    picture = np.concatenate([portrait, alpha], axis=2)
    export(picture, tmp_path / "out.png", purpose="research")
    assert np.array_equal(read(tmp_path / "out.png")[..., 3:], alpha)
    with pytest.raises(ProvenanceError, match="no transparency"):
        export(picture, tmp_path / "out.jpg", purpose="research")


def test_existing_files_are_kept_unless_asked(home: Path, tmp_path: Path, portrait: Picture) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"precious")
    with pytest.raises(ProvenanceError, match="overwrite=True"):
        export(portrait, out, purpose="research")
    assert out.read_bytes() == b"precious"
    export(portrait, out, purpose="research", overwrite=True)
    assert verify(out).status == "valid"


def test_a_file_that_appears_meanwhile_is_kept_and_the_log_says_withdrawn(
    home: Path, tmp_path: Path, portrait: Picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.png"
    append = AuditLog.append

    def append_and_interfere(log: AuditLog, record: Any, entry_id: str | None = None) -> Any:
        out.write_bytes(b"precious")
        return append(log, record, entry_id)

    monkeypatch.setattr(AuditLog, "append", append_and_interfere)
    with pytest.raises(ProvenanceError, match="it exists now"):
        export(portrait, out, purpose="research")
    assert out.read_bytes() == b"precious"
    first, second = AuditLog(home / "audit.jsonl").entries()
    assert second.record == {"event": "withdrawn", "export": first.record["export"]}
    assert files_of(tmp_path) == ["out.png"]


def test_an_export_that_was_cut_off_is_made_again_under_its_id(home: Path, tmp_path: Path, portrait: Picture) -> None:
    name = "0123456789abcdef" * 2
    first = export(portrait, tmp_path / "out.png", purpose="research", unmarked=True, policy=OPEN, export_id=name)
    first.path.unlink()  # as if the process had ended between log and file
    again = export(portrait, tmp_path / "out.png", purpose="research", unmarked=True, policy=OPEN, export_id=name)
    assert verify(again.path).facts["export"] == name
    log = AuditLog(home / "audit.jsonl")
    assert [entry.record["event"] for entry in log.entries()] == ["unmarked export", "repeated unmarked export"]
    assert {entry.record["export"] for entry in log.entries()} == {name}
    assert log.find(digest=digest_file(again.path))[0].number == 2
    assert log.verify()


@pytest.mark.parametrize("step", ["embed", "encode", "sign", "append", "move_into_place"])
def test_a_failure_at_any_step_leaves_no_file(
    home: Path, tmp_path: Path, portrait: Picture, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    owner: Any = {"embed": PatternMark, "append": AuditLog}.get(step, exporting)
    monkeypatch.setattr(owner, step, fail)
    with pytest.raises((OSError, ProvenanceError), match="No space left"):
        export(portrait, tmp_path / "out.png", purpose="research")
    assert files_of(tmp_path) == []
    logged = [entry.record["event"] for entry in AuditLog(home / "audit.jsonl").entries()]
    assert logged == (["export", "withdrawn"] if step == "move_into_place" else [])


UNMARKABLE = {
    "strong compression": ((256, 256), None, "out.jpg", 3),
    "tiny": ((24, 24), None, "out.png", 95),
    "one pixel": ((1, 1), None, "out.png", 95),
    "one row": ((1, 900), None, "out.webp", 95),
    "white": ((300, 300), 255, "out.jpg", 60),
    "black strip": ((40, 4000), 0, "out.jpg", 60),
}


@pytest.mark.parametrize("case", UNMARKABLE)
def test_what_cannot_carry_the_mark_goes_out_unmarked_and_says_so(
    home: Path, tmp_path: Path, portrait: Picture, case: str
) -> None:
    (rows, columns), level, name, quality = UNMARKABLE[case]
    picture = np.array(Image.fromarray(portrait).resize((columns, rows)))
    picture = picture if level is None else np.full_like(picture, level)
    with pytest.raises(MarkError, match="mark_required"):
        export(picture, tmp_path / name, purpose="research", quality=quality, policy=Policy(mark_required=True))
    assert files_of(tmp_path) == []
    done = export(picture, tmp_path / name, purpose="research", quality=quality)
    assert not done.marked
    assert "does not hold" in (done.unmarked_reason or "")
    assert done.bits_matched is None
    checked = verify(done.path)
    assert (checked.status, checked.facts["watermark"], done.entry.record["watermark"]) == ("valid", "none", "none")
    assert checked.facts["unmarked_reason"] == done.entry.record["unmarked_reason"] == done.unmarked_reason
    assert done.entry.record["event"] == "unmarked export"
    assert not [one for one in actions(done.path) if one.startswith("c2pa.watermarked")]
    seen = inspect(done.path, localiser=False)
    assert seen.watermark is not None
    assert not seen.watermark.marked


@pytest.mark.parametrize("mark", ["invisible", "robust", "off"])
def test_the_policy_says_which_mark(home: Path, tmp_path: Path, portrait: Picture, mark: Any) -> None:
    done = export(portrait, tmp_path / "out.png", purpose="research", policy=Policy(mark=mark))
    assert done.marked == (mark != "off")
    assert ("c2pa.watermarked.unbound" in actions(done.path)) == done.marked
    seen = inspect(done.path, localiser=False).watermark
    assert seen is not None
    assert seen.marked == done.marked
    if mark == "off":
        assert np.array_equal(read(done.path), portrait)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"path": "out.gif"}, "has to end in"),
        ({"path": "absent/out.png"}, "no such folder"),
        ({"quality": 0}, "quality=0"),
        ({"picture": np.zeros((64, 64), np.uint8)}, "give uint8"),
        ({"picture": np.zeros((64, 64, 3), np.float32)}, "give uint8"),
        ({"original": np.zeros((64, 64, 3), np.uint8)}, "needs the picture's shape"),
        ({"purpose": "advertising"}, "purposes"),
    ],
)
def test_mistakes_are_named(
    home: Path, tmp_path: Path, portrait: Picture, change: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {"picture": portrait, "path": "out.png", "purpose": "research"} | change
    picture, name = arguments.pop("picture"), arguments.pop("path")
    with pytest.raises(ProvenanceError, match=message):
        export(picture, tmp_path / name, **arguments)
    assert files_of(tmp_path) == []


def test_nothing_secret_or_personal_is_written(
    home: Path, tmp_path: Path, tiny_model: L2SAE, portrait: Picture, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "jane_doe.png"
    Image.fromarray(portrait).save(photo)
    session = EditSession(tiny_model)
    session.load(photo)
    session.add_layer("hair", Noise(1.0))
    out = tmp_path / "jane_edited.png"
    session.export(out, purpose="research", consent="signed by Jane Doe")
    key = "".join(load_credentials().private_key.splitlines()[1:-1])
    log = (home / "audit.jsonl").read_text()
    assert json.loads(log)["record"]["consent_sha256"]
    written = [
        out.read_bytes(),
        log.encode(),
        session.recipe().model_dump_json().encode(),
        capsys.readouterr().out.encode(),
    ]
    assert not [text for text in written if b"PRIVATE KEY" in text or key[:40].encode() in text]
    for name in ("jane", "Jane", str(tmp_path), os.environ.get("USER") or "no user"):
        assert name not in log
        assert name.encode() not in out.read_bytes()


def test_pictures_are_not_in_the_manifest(home: Path, tmp_path: Path, portrait: Picture) -> None:
    """Thumbnails are off: what the export adds to the encoded picture is small."""
    plain = io.BytesIO()
    Image.fromarray(PatternMark().embed(portrait)).save(plain, "PNG")
    export(portrait, tmp_path / "out.png", purpose="research")
    assert (tmp_path / "out.png").stat().st_size < plain.tell() + 10_000
