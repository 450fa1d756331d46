import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae import edit_folder
from l2sae.bulk import one_photo as bulk_photo
from l2sae.editing import EditError, EditSession, Noise, Recipe, Swap, edit
from l2sae.model import L2SAE
from l2sae.provenance import AuditLog, PolicyError, verify
from l2sae.provenance.fingerprint import digest_file
from tests.bulk.conftest import FREE, edited, pixels
from tests.marks import same_but_for_the_mark
from tests.processes import assert_gone

NAMES = ["a.png", "b.png", "broken.png", "c.png", "d.png", "more/e.png", "more/empty.png", "more/f.png"]


def read(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path).convert("RGB"))


def test_each_photo_is_edited_as_by_itself_and_broken_ones_are_reported(
    tiny_model: L2SAE, folder: Path, tmp_path: Path, photos: list[NDArray[np.uint8]]
) -> None:
    table = edited(tiny_model, folder, tmp_path / "out", style=Swap(photos[1]), rois=("hair", "skin"))
    assert [Path(photo).with_suffix(".png") for photo in table["photo"]] == [folder / name for name in NAMES]
    skipped = table[table["result"] == "skipped"].set_index("photo")["reason"].to_dict()
    assert skipped == {str(folder / "broken.jpg"): "not an image", str(folder / "more/empty.png"): "empty file"}
    done = table[table["result"] == "done"]
    assert len(done) == 6
    for row in done.itertuples():
        expected = edit(tiny_model, row.photo, ("hair", "skin"), Swap(photos[1]), align=None)
        assert (read(Path(row.output)) == expected).all()
        assert (row.width, row.height) == (expected.shape[1], expected.shape[0])
        assert min(row.decode_s, row.model_s, row.composite_s, row.encode_s) > 0
    stored = pd.read_parquet(tmp_path / "out/results.parquet")
    assert stored["export"].tolist() == table["export"].tolist()


def test_exports_are_marked_signed_and_logged_like_any_other(
    tiny_model: L2SAE, tmp_path: Path, home: Path, photos: list[NDArray[np.uint8]]
) -> None:
    large = photos[0].repeat(3, axis=0).repeat(3, axis=1)  # small pictures do not hold the mark
    (tmp_path / "photos").mkdir()
    Image.fromarray(large).save(tmp_path / "photos/a.jpg", quality=95)
    table = edited(tiny_model, tmp_path / "photos", tmp_path / "out", unmarked=False, consent="form 17")
    [row] = table.itertuples()
    assert row.watermark_bits >= 30
    assert row.mark_s > 0
    assert same_but_for_the_mark(
        read(tmp_path / "out/a.png"), edit(tiny_model, tmp_path / "photos/a.jpg", "hair", Noise(2.0))
    )
    facts = verify(tmp_path / "out/a.png").facts
    [entry] = AuditLog(home / "audit.jsonl").entries()
    assert facts["export"] == entry.record["export"] == entry.id == row.export
    assert entry.record["consent_sha256"]


def test_a_second_run_does_nothing_and_returns_the_same_table(tiny_model: L2SAE, folder: Path, tmp_path: Path) -> None:
    first = edited(tiny_model, folder, tmp_path / "out")
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    second = edited(tiny_model, folder, tmp_path / "out")
    pd.testing.assert_frame_equal(first, second)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")} == times


def test_photos_added_or_changed_later_are_edited_and_no_others(
    tiny_model: L2SAE, folder: Path, tmp_path: Path
) -> None:
    first = edited(tiny_model, folder, tmp_path / "out").set_index("photo")
    turned = Image.open(folder / "a.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned.save(folder / "a.png")
    turned.save(folder / "broken.jpg")
    turned.save(folder / "new.png")
    second = edited(tiny_model, folder, tmp_path / "out").set_index("photo")
    changed = {str(folder / name) for name in ("a.png", "broken.jpg", "new.png")}
    assert set(second.index) - set(first.index) == {str(folder / "new.png")}
    assert (second.loc[sorted(changed), "result"] == "done").all()
    same = sorted(set(first.index) - changed)
    pd.testing.assert_frame_equal(first.loc[same], second.loc[same])
    assert (read(tmp_path / "out/a.png") == edit(tiny_model, folder / "a.png", "hair", Noise(2.0))).all()


def test_a_full_disk_ends_the_run_which_then_goes_on_without_losing_anything(
    tiny_model: L2SAE, folder: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = edited(tiny_model, folder, tmp_path / "whole")
    real, calls = bulk_photo.export, []

    def export(*args: object, **options: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        return real(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(bulk_photo, "export", export)
    with pytest.raises(OSError, match="No space left"):
        edited(tiny_model, folder, tmp_path / "out")
    assert len(list((tmp_path / "out").rglob("*.png"))) == 3
    table = edited(tiny_model, folder, tmp_path / "out")
    assert len(calls) == 7  # three before, one in vain, and three more: none twice
    assert pixels(tmp_path / "out") == pixels(tmp_path / "whole")
    assert table["export"].tolist() == whole["export"].tolist()
    assert AuditLog(home / "audit.jsonl").verify()


SCRIPT = """
import sys
from l2sae import Noise, edit_folder, load_model
from l2sae.provenance import Policy
edit_folder(load_model(sys.argv[1], device="cpu"), sys.argv[2], sys.argv[3], ("hair",), Noise(2.0), workers=2, batch=2,
            policy=Policy(unmarked_by=("*",)), unmarked=True, align=None)
"""


def test_a_killed_run_is_finished_by_the_next_with_the_same_results(
    tiny_checkpoint: Path, tiny_model: L2SAE, folder: Path, tmp_path: Path, home: Path
) -> None:
    for index in range(24):
        Image.open(folder / "a.png").rotate(index).save(folder / f"turned-{index:02}.png")
    with pytest.MonkeyPatch.context() as elsewhere:
        elsewhere.setenv("L2SAE_HOME", str(tmp_path / "elsewhere"))
        whole = edited(tiny_model, folder, tmp_path / "whole")
    out, script = tmp_path / "out", tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, script, tiny_checkpoint, folder, out]
    process = subprocess.Popen(list(map(str, command)), cwd=Path(__file__).parents[2])
    give_up = time.monotonic() + 60
    while len(list(out.glob("*.png"))) < 5 and time.monotonic() < give_up:
        time.sleep(0.01)
    workers = [worker.pid for worker in psutil.Process(process.pid).children(recursive=True)]
    process.kill()
    process.wait()
    assert workers
    assert_gone(workers)
    left = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert 5 <= len(left) < 30
    table = edited(tiny_model, folder, out)
    assert {path: path.stat().st_mtime_ns for path in left} == left, "a finished photo was edited again"
    assert pixels(out) == pixels(tmp_path / "whole")
    assert table["export"].tolist() == whole["export"].tolist()
    assert not [path for path in out.rglob("*") if path.name.endswith(".partial")]
    log = AuditLog(home / "audit.jsonl")
    assert log.verify()
    exported = [entry.record["export"] for entry in log.entries() if entry.record["event"] == "unmarked export"]
    assert sorted(exported) == sorted(whole["export"].dropna())
    digests = {digest_file(path) for path in out.rglob("*.png")}
    assert digests <= {entry.record["file_sha256"] for entry in log.entries()}, "a file that the log does not know"


def test_workers_in_processes_give_the_same_results_as_this_one(
    tiny_model: L2SAE, folder: Path, tmp_path: Path
) -> None:
    here = edited(tiny_model, folder, tmp_path / "here")
    there = edited(tiny_model, folder, tmp_path / "there", workers=2)
    assert pixels(tmp_path / "here") == pixels(tmp_path / "there")
    kept = ["photo", "result", "reason", "export", "result_sha256"]
    pd.testing.assert_frame_equal(here[kept], there[kept])
    assert here["worker"].nunique() == 1
    assert not set(here["worker"]) & set(there["worker"])


def test_a_recipe_is_replayed_on_its_own_photo_and_applied_afresh_to_others(
    tiny_model: L2SAE, folder: Path, tmp_path: Path
) -> None:
    session = EditSession(tiny_model)
    session.load(folder / "b.png")
    session.add_layer("hair", Noise(2.0), seed=4)
    session.add_layer("skin", Swap(folder / "c.png"), matte=np.eye(64))
    session.recipe().save(folder / "edit.json")
    table = edited(tiny_model, folder, tmp_path / "out", recipe=folder / "edit.json", recipes=True).set_index("photo")
    assert table.loc[str(folder / "b.png"), "note"] == "as recorded"
    assert table.loc[str(folder / "c.png"), "note"] == "applied afresh"
    assert (read(tmp_path / "out/b.png") == session.render()).all()
    own = Recipe.load(tmp_path / "out/more/e.recipe.json")
    assert (own.replay(tiny_model) == read(tmp_path / "out/more/e.png")).all()


def test_names_may_hold_any_character(tiny_model: L2SAE, folder: Path, tmp_path: Path) -> None:
    odd = folder / "more [1]*"
    odd.mkdir()
    for name in ("a#1?.png", "ü ñ.b.PNG", "100%.png", "[x].png"):
        Image.open(folder / "a.png").save(odd / name, "PNG")
    table = edited(tiny_model, odd, tmp_path / "out [2]*")
    assert (table["result"] == "done").all()
    assert {Path(output).name for output in table["output"]} == {"a#1?.png", "ü ñ.b.png", "100%.png", "[x].png"}
    assert all(Path(output).is_file() for output in table["output"])
    assert not (tmp_path / "out [2]*/.l2sae/rows").exists()


def test_what_a_library_cannot_do_skips_one_photo_only(
    tiny_model: L2SAE, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = EditSession.load

    def fail_once(session: EditSession, pixels: NDArray[np.uint8], *rest: object) -> None:
        if pixels.shape == (64, 64, 3):
            raise RuntimeError("no kernel for this")
        load(session, pixels, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(EditSession, "load", fail_once)
        table = edited(tiny_model, folder, tmp_path / "out").set_index("photo")
    assert table.loc[str(folder / "b.png"), "reason"] == "unexpected RuntimeError: no kernel for this"
    assert table.loc[str(folder / "a.png"), "result"] == "done"
    again = edited(tiny_model, folder, tmp_path / "out").set_index("photo")
    assert again.loc[str(folder / "b.png"), "result"] == "done"


def test_a_list_names_the_photos(tiny_model: L2SAE, folder: Path, tmp_path: Path) -> None:
    (folder / "list.txt").write_text(f"b.png\nmore/e.png\nabsent.png\n{folder / 'c.png'}\nb.png\n")
    table = edited(tiny_model, folder / "list.txt", tmp_path / "out")
    assert table["result"].tolist() == ["skipped", "done", "done", "done"]
    assert "cannot read the file" in table.loc[0, "reason"]
    assert set(pixels(tmp_path / "out")) == {"b.png", "more/e.png", "c.png"}
    pd.DataFrame({"photo": ["b.png", "more/e.png"]}).to_csv(folder / "list.csv")
    assert len(edited(tiny_model, folder / "list.csv", tmp_path / "csv")) == 2


def test_files_of_others_are_never_replaced_unless_asked(tiny_model: L2SAE, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_bytes(b"mine")
    table = edited(tiny_model, folder, tmp_path / "out")
    assert "exists, and is not of this job" in table.loc[0, "reason"]
    assert (tmp_path / "out/a.png").read_bytes() == b"mine"
    with pytest.raises(EditError, match=r"results of another job, with other layers: name another folder"):
        edited(tiny_model, folder, tmp_path / "out", style=Noise(1.0))
    table = edited(tiny_model, folder, tmp_path / "out", style=Noise(1.0), overwrite=True)
    assert table.loc[0, "result"] == "done"
    assert (read(tmp_path / "out/b.png") == edit(tiny_model, folder / "b.png", "hair", Noise(1.0))).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rois": ("hare",)}, "unknown region hare: there are"),
        ({"style": None}, "give either a recipe, or rois and a style"),
        ({"strength": 3.0}, r"strength=3.0: need 0"),
        ({"compose": "paste"}, "compose='paste': give one of"),
        ({"style": Swap("absent.png")}, r"absent\.png: no such picture"),
        ({"ending": ".gif"}, r"ending='\.gif'"),
        ({"quality": 0}, "quality=0"),
        ({"batch": 0}, "batch=0"),
        ({"align": "all"}, "align='all'"),
        ({"purpose": "fun"}, "purposes: 'fun' is not allowed"),
        ({"policy": None}, "unmarked_by: .* may not export without a watermark"),
        ({"policy": FREE.model_copy(update={"forbidden_rois": ("hair",)})}, "forbidden_rois: edits of hair"),
        ({"runner": "slurm"}, "runner='slurm'"),
    ],
)
def test_a_wrong_parameter_is_one_clear_error_before_any_work(
    tiny_model: L2SAE, folder: Path, tmp_path: Path, options: dict[str, object], message: str
) -> None:
    with pytest.raises(EditError, match=message):
        edited(tiny_model, folder, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_wrong_folders_are_named(tiny_model: L2SAE, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(EditError, match=r"absent: no such folder of photos"):
        edited(tiny_model, tmp_path / "absent", tmp_path / "out")
    with pytest.raises(EditError, match="this is the folder of the photos"):
        edited(tiny_model, folder, folder)
    with pytest.raises(EditError, match="nowhere://photos"):
        edited(tiny_model, "nowhere://photos", tmp_path / "out")
    (tmp_path / "none").mkdir()
    with pytest.raises(EditError, match="no photo in this folder"):
        edited(tiny_model, tmp_path / "none", tmp_path / "out")


def test_unmarked_exports_are_refused_where_the_policy_does_not_allow_them(tiny_model: L2SAE, folder: Path) -> None:
    with pytest.raises(PolicyError):
        edit_folder(tiny_model, folder, folder.parent / "out", "hair", Noise(1.0), unmarked=True)


def test_progress_is_plain_lines_with_rate_and_time_left(
    tiny_model: L2SAE, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setattr("l2sae.bulk.progress.EVERY", 0.0)
    edited(tiny_model, folder, tmp_path / "out", progress=lines.append)
    assert len(lines) == 4
    assert "edited 2 of 8 photos" in lines[0]
    assert lines[0].endswith(" left")
    assert "/s, in " in lines[-1]
    assert lines[-1].endswith("2 skipped")


@pytest.mark.slow
def test_onnx_runtime_gives_the_same_results_to_one_level(tiny_model: L2SAE, folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    ours = edited(tiny_model, folder, tmp_path / "torch")
    theirs = edited(tiny_model, folder, tmp_path / "onnx", backend="onnx")
    assert theirs["result"].tolist() == ours["result"].tolist()
    for name in pixels(tmp_path / "torch"):
        apart = read(tmp_path / "torch" / name).astype(int) - read(tmp_path / "onnx" / name)
        assert np.abs(apart).max() <= 1
    assert (theirs["export"].dropna() != ours["export"].dropna()).all()
