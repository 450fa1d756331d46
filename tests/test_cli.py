import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

import l2sae
from l2sae.cli import main
from l2sae.editing import Noise, Recipe, Swap, align, edit
from l2sae.model import L2SAE, load_model
from l2sae.pictures.crops import CropTransform
from l2sae.provenance import AuditLog
from tests.marks import same_but_for_the_mark

Photos = list[NDArray[np.uint8]]
pytestmark = pytest.mark.filterwarnings("ignore::l2sae.editing.FaceWarning")


@pytest.fixture
def folder(photos: Photos, tmp_path: Path) -> Path:
    Image.fromarray(photos[0]).save(tmp_path / "photo.png")
    Image.fromarray(photos[1]).save(tmp_path / "ref.png")
    return tmp_path


def run(folder: Path, checkpoint: Path, *arguments: str) -> Result:
    named = [str(folder / word) if word.endswith((".png", ".jpg", ".json", ".gif")) else word for word in arguments]
    return CliRunner().invoke(main, [named[0], *named[1:], "--model", str(checkpoint)])


def pixels(path: Path) -> NDArray[np.uint8]:
    return np.asarray(Image.open(path))


def test_edit_writes_what_edit_returns(folder: Path, tiny_checkpoint: Path, tiny_model: L2SAE, photos: Photos) -> None:
    swap = ("edit", "photo.png", "--roi", "hair", "--roi", "lips", "--swap", "ref.png", "-o", "out.png")
    result = run(folder, tiny_checkpoint, *swap)
    assert result.exit_code == 0, result.output
    model = load_model(tiny_checkpoint, device="cpu")
    expected = edit(model, photos[0], ("hair", "lips"), Swap(photos[1]))
    assert same_but_for_the_mark(pixels(folder / "out.png"), expected)
    noise = ("edit", "photo.png", "--roi", "skin", "--noise", "1.5", "--seed", "4", "--strength", "0.5")
    run(folder, tiny_checkpoint, *noise, "--compose", "replace", "-o", "noise.png")
    expected = edit(model, photos[0], "skin", Noise(1.5), strength=0.5, seed=4, compose="replace")
    written = pixels(folder / "noise.png")  # which is so small that it may be unable to carry the mark
    assert np.array_equal(written, expected) or same_but_for_the_mark(written, expected)


def test_a_reference_may_keep_its_own_light(folder: Path, tiny_checkpoint: Path, photos: Photos) -> None:
    arguments = ("edit", "photo.png", "--roi", "skin", "--reference-light", "-o", "out.png")
    refused = run(folder, tiny_checkpoint, *arguments, "--noise", "1")
    assert refused.exit_code == 2
    assert "--reference-light needs --swap" in refused.output
    assert run(folder, tiny_checkpoint, *arguments, "--swap", "ref.png").exit_code == 0
    expected = edit(load_model(tiny_checkpoint), photos[0], "skin", Swap(photos[1], keep_light=False))
    assert same_but_for_the_mark(pixels(folder / "out.png"), expected)


def test_edit_saves_a_recipe_that_replays(folder: Path, tiny_checkpoint: Path) -> None:
    arguments = ("edit", "photo.png", "--roi", "hair", "--swap", "ref.png", "--recipe", "edit.json", "-o", "out.png")
    assert run(folder, tiny_checkpoint, *arguments).exit_code == 0
    replayed = Recipe.load(folder / "edit.json").replay(load_model(tiny_checkpoint))
    assert same_but_for_the_mark(pixels(folder / "out.png"), replayed)


def test_edit_folder_writes_what_edit_returns(folder: Path, tiny_checkpoint: Path, photos: Photos) -> None:
    (folder / "photos").mkdir()
    large = photos[0].repeat(3, axis=0).repeat(3, axis=1)
    Image.fromarray(large).save(folder / "photos/a.png")
    (folder / "photos/b.png").write_bytes(b"")
    arguments = ("edit-folder", str(folder / "photos"), "--roi", "hair", "--noise", "2", "-o", str(folder / "out"))
    result = run(folder, tiny_checkpoint, *arguments)
    assert result.exit_code == 1, result.output
    assert f"{folder / 'photos/b.png'}: empty file" in result.output
    assert "1 of 2 photos edited, 1 skipped" in result.output
    expected = edit(load_model(tiny_checkpoint, device="cpu"), large, "hair", Noise(2.0))
    assert same_but_for_the_mark(pixels(folder / "out/a.png"), expected)
    mistaken = run(folder, tiny_checkpoint, "edit-folder", str(folder), "--roi", "hair", "-o", str(folder / "out"))
    assert mistaken.exit_code == 2
    assert "give either --roi" in mistaken.output


def test_export_inspect_and_verify(folder: Path, tiny_checkpoint: Path) -> None:
    edit_it = ("edit", "photo.png", "--roi", "hair", "--swap", "ref.png", "--recipe", "edit.json", "-o", "out.png")
    assert run(folder, tiny_checkpoint, *edit_it).exit_code == 0
    assert run(folder, tiny_checkpoint, "export", "edit.json", "-o", "again.png").exit_code == 0
    assert np.array_equal(pixels(folder / "out.png"), pixels(folder / "again.png"))
    refused = run(folder, tiny_checkpoint, "export", "edit.json", "--purpose", "advertising", "-o", "third.png")
    assert (refused.exit_code, (folder / "third.png").exists()) == (1, False)
    assert "policy, purposes" in refused.output
    assert "watermark is there" in CliRunner().invoke(main, ["inspect", str(folder / "again.png")]).output
    assert CliRunner().invoke(main, ["verify", str(folder / "again.png")]).output.startswith("valid")
    plain = CliRunner().invoke(main, ["verify", str(folder / "photo.png")])
    assert (plain.exit_code, plain.output.split()[0]) == (1, "none")


def test_verify_checks_audit_logs_too(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    for index in range(3):
        log.append({"index": index})
    whole = CliRunner().invoke(main, ["verify", str(log.path)])
    assert (whole.exit_code, whole.output) == (0, "3 lines hold\n")
    log.path.write_text(log.path.read_text().replace('"index":1', '"index":7'))
    broken = CliRunner().invoke(main, ["verify", str(log.path)])
    assert broken.exit_code == 1
    assert "audit.jsonl, line 3" in broken.output


def test_rotated_photos_come_out_upright(folder: Path, tiny_checkpoint: Path, photos: Photos) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise to view
    Image.fromarray(photos[0]).rotate(90, expand=True).save(folder / "turned.png", exif=exif)
    arguments = ("edit", "turned.png", "--roi", "hair", "--noise", "1", "--strength", "0", "-o", "out.png")
    assert run(folder, tiny_checkpoint, *arguments).exit_code == 0
    assert same_but_for_the_mark(pixels(folder / "out.png"), photos[0])
    assert Image.open(folder / "out.png").getexif().get(0x0112, 1) == 1


def test_jpeg_keeps_size_and_profile(folder: Path, tiny_checkpoint: Path, photos: Photos) -> None:
    Image.fromarray(photos[0]).save(folder / "profile.jpg", icc_profile=b"a profile")
    assert (
        run(folder, tiny_checkpoint, "edit", "profile.jpg", "--roi", "hair", "--noise", "1", "-o", "o.jpg").exit_code
        == 0
    )
    with Image.open(folder / "o.jpg") as out:
        assert (out.format, out.size) == ("JPEG", (131, 97))
        assert out.info["icc_profile"] == b"a profile"


def test_existing_files_are_kept_without_force(folder: Path, tiny_checkpoint: Path) -> None:
    (folder / "out.png").write_bytes(b"precious")
    arguments = ("edit", "photo.png", "--roi", "hair", "--noise", "1", "-o", "out.png")
    result = run(folder, tiny_checkpoint, *arguments)
    assert result.exit_code == 2
    assert "--force" in result.output
    assert (folder / "out.png").read_bytes() == b"precious"
    assert run(folder, tiny_checkpoint, *arguments, "--force").exit_code == 0
    assert pixels(folder / "out.png").shape == (97, 131, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (
            ("photo.png", "--roi", "hair", "-o", "out.png"),
            2,
            "SIGMA or --swap REF or --style NAME or --colour",
        ),
        (("photo.png", "--roi", "hair", "--swap", "ref.png", "--noise", "1", "-o", "out.png"), 2, "not 2"),
        (("photo.png", "--roi", "hat", "--noise", "1", "-o", "out.png"), 1, "unknown region hat"),
        (("absent.png", "--roi", "hair", "--noise", "1", "-o", "out.png"), 1, "no such picture"),
        (("photo.png", "--roi", "hair", "--swap", "absent.png", "-o", "out.png"), 1, "no such picture"),
        (("photo.png", "--roi", "hair", "--noise", "1", "-o", "out.gif"), 2, ".jpeg"),
        (("photo.png", "--roi", "hair", "--noise", "1", "--strength", "7", "-o", "out.png"), 1, "strength=7"),
    ],
)
def test_mistakes_end_in_one_line(
    folder: Path, tiny_checkpoint: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    before = sorted(folder.iterdir())
    result = run(folder, tiny_checkpoint, "edit", *arguments)
    assert result.exit_code == code
    assert message in result.output
    assert len([line for line in result.output.splitlines() if line.startswith("Error")]) == 1
    assert sorted(folder.iterdir()) == before


def test_a_missing_checkpoint_ends_in_one_line(folder: Path) -> None:
    result = run(
        folder, folder / "absent.safetensors", "edit", "photo.png", "--roi", "hair", "--noise", "1", "-o", "o.png"
    )
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1


def test_masks_shows_the_mattes(folder: Path, tiny_checkpoint: Path) -> None:
    result = run(folder, tiny_checkpoint, "masks", "photo.png", "-o", "masks.png")
    assert result.exit_code == 0, result.output
    assert "hair: " in result.output
    assert pixels(folder / "masks.png").shape == (97, 131, 3)


def test_importing_the_package_is_light() -> None:
    code = "import sys, l2sae; assert 'torch' not in sys.modules; print(l2sae.Noise(2.0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Noise(sigma=2.0)\n"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = l2sae.nothing


def test_a_name_is_the_function_though_its_module_is_called_likewise() -> None:
    code = "from l2sae.editing.session import EditSession; from l2sae.editing import edit; print(callable(edit))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


@pytest.mark.finds_faces
def test_align_edits_a_face_in_a_larger_photo(
    folder: Path, tiny_checkpoint: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    crop = CropTransform(60.0, 70.0, 64.0, 10.0)
    monkeypatch.setattr(align, "find_faces", lambda picture: [SimpleNamespace(crop_transform=lambda: crop)])
    larger = np.pad(photos[1], ((40, 90), (30, 150), (0, 0)), constant_values=99)
    Image.fromarray(larger).save(folder / "larger.png")
    arguments = ("larger.png", "--align", "--model", str(tiny_checkpoint))
    edited = ("edit", *arguments, "--roi", "hair", "--noise", "2", "-o", "out.png", "--recipe", "edit.json")
    assert run(folder, tiny_checkpoint, *edited).exit_code == 0
    replayed = Recipe.load(folder / "edit.json").replay(load_model(tiny_checkpoint))
    changed = (replayed != larger).any(axis=2)
    assert changed.any()
    assert not changed[:, 160:].any()
    assert same_but_for_the_mark(pixels(folder / "out.png"), replayed)
    both = ("edit", "larger.png", "--align", "all", "--roi", "hair", "--noise", "2", "-o", "all.png")
    assert run(folder, tiny_checkpoint, *both).exit_code == 0
    assert np.array_equal(pixels(folder / "all.png"), pixels(folder / "out.png"))
    assert "holds one face" in run(folder, tiny_checkpoint, *both, "--force", "--recipe", "b.json").output
    assert run(folder, tiny_checkpoint, "masks", "larger.png", "--align", "-o", "masks.png").exit_code == 0
    assert (pixels(folder / "masks.png")[:, 160:] == round(99 * 0.4)).all()


@pytest.mark.finds_faces
def test_no_face_is_one_line_that_says_what_to_do(folder: Path, tiny_checkpoint: Path) -> None:
    Image.fromarray(np.full((200, 300, 3), 128, np.uint8)).save(folder / "wall.png")
    arguments = ("edit", "wall.png", "--roi", "hair", "--noise", "1", "-o", "out.png")
    refused = run(folder, tiny_checkpoint, *arguments)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert "no face found in the photo of 300 x 200 pixels" in refused.output
    assert "--box" in refused.output
    assert "--align none" in refused.output
    assert not (folder / "out.png").exists()


def test_a_box_says_where_the_face_is(folder: Path, tiny_checkpoint: Path, photos: Photos) -> None:
    larger = np.pad(photos[1], ((40, 90), (30, 50), (0, 0)), constant_values=99)
    Image.fromarray(larger).save(folder / "larger.png")
    arguments = ("edit", "larger.png", "--roi", "hair", "--noise", "2", "--strength", "1")
    done = run(folder, tiny_checkpoint, *arguments, "--box", "30,40,94,104", "-o", "out.png", "--recipe", "edit.json")
    assert done.exit_code == 0, done.output
    assert json.loads((folder / "edit.json").read_text())["photo"]["crop"]["side"] == 64.0
    for wrong, message in (("30,40", "--box 30,40: give left"), ("30,40,94,10000", "box=(30, 40, 94, 10000)")):
        refused = run(folder, tiny_checkpoint, *arguments, "--box", wrong, "-o", "other.png")
        assert refused.exit_code != 0
        assert message in refused.output
    both = run(folder, tiny_checkpoint, *arguments, "--box", "1,2,3,4", "--align", "none", "-o", "other.png")
    assert "not both" in both.output
