"""No output takes the place of an input or of another output, however it is spelled."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest
from click.testing import CliRunner
from fsspec.implementations.memory import MemoryFileSystem

from l2sae.bulk import edit_folder
from l2sae.bulk.replay import apply_recipe
from l2sae.cli import main
from l2sae.editing import EditError, EditSession, Noise
from l2sae.model import L2SAE
from l2sae.pictures.files import check_outputs, same_place
from l2sae.provenance.exporting_session import save_edit
from tests.field_cases.cases import write_named

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in (b"a.png", b"b.png"):
        write_named(folder, name)
    write_named(tmp_path, b"ref.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "list.txt").write_text("photos/a.png\nphotos/b.png\n")
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "other").mkdir()
    os.link(folder / "a.png", tmp_path / "other/a.png")
    return folder


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_relative_to(folder / "home")
    }


FOLDERS: list[Callable[[Path], str]] = [
    lambda folder: "photos", lambda folder: "photos/", lambda folder: "./photos", lambda folder: "photos/.",
    lambda folder: "photos/../photos", lambda folder: str(folder), lambda folder: "link", lambda folder: "link/",
    lambda folder: f"file://{folder}", lambda folder: f"file://{folder}/", lambda folder: "~/photos",
    lambda folder: "other",
]  # fmt: skip


@pytest.mark.parametrize("source", ["photos", "list.txt", "link", "file"])
@pytest.mark.parametrize("number", range(len(FOLDERS)))
@pytest.mark.parametrize("ending", [".png", ".jpg"])
def test_folders(photos: Path, tiny_model: L2SAE, source: str, number: int, ending: str) -> None:
    output = FOLDERS[number](photos)
    if output == "other" and (ending == ".jpg" or source == "list.txt"):
        pytest.skip("no result has the hard link's name")
    before = digests(photos.parent)
    named = f"file://{photos}" if source == "file" else source
    with pytest.raises(EditError, match=r"this is (the folder of the photos|an input)"):
        edit_folder(tiny_model, named, output, "hair", Noise(1.0), ending=ending, overwrite=True, workers=0)
    assert digests(photos.parent) == before


PLACES: list[tuple[str, ...]] = [
    ("-o", "photos/a.png"), ("-o", "./photos/a.png"), ("-o", "link/a.png"), ("-o", "other/a.png"),
    ("-o", "~/photos/a.png"), ("-o", "photos/../photos/a.png"), ("-o", "same.png", "--recipe", "same.png"),
    ("-o", "same.png", "--recipe", "./same.png"),
    ("-o", "o.png", "--recipe", "photos/a.png"), ("-o", "o.png", "--recipe", "link/a.png"), ("-o", "ref.jpg"),
    ("-o", "o.png", "--recipe", "ref.jpg"), ("-o", "o.png", "--recipe", "other/a.png"),
]  # fmt: skip


@pytest.mark.parametrize("options", PLACES, ids=" ".join)
def test_files(photos: Path, tiny_checkpoint: Path, options: tuple[str, ...]) -> None:
    before = digests(photos.parent)
    command = ["edit", "photos/a.png", "--roi", "hair", "--swap=~/ref.jpg", "--force", "--model", str(tiny_checkpoint)]
    result = CliRunner().invoke(main, [*command, *options])
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    assert digests(photos.parent) == before


def test_the_model_and_the_recipe_are_inputs_too(photos: Path, tiny_checkpoint: Path, tiny_model: L2SAE) -> None:
    session = EditSession(tiny_model)
    session.load("photos/a.png")
    session.add_layer("hair", Noise(1.0))
    session.recipe().save("edit.png")
    before = digests(photos.parent)
    for command in (["export", "edit.png", "-o", "edit.png"], ["export", "edit.png", "-o", "photos/a.png"],
                    ["masks", "photos/a.png", "-o", "link/a.png"]):  # fmt: skip
        result = CliRunner().invoke(main, [*command, "--force", "--model", str(tiny_checkpoint)])
        assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    with pytest.raises(EditError, match="photo itself"):
        apply_recipe(tiny_model, "edit.png", None, "link/a.png")
    with pytest.raises(EditError, match="an input"):
        save_edit(session, "link/a.png")
    assert digests(photos.parent) == before


@pytest.mark.parametrize("place", ["policy.yaml", "keys/audit.jsonl", "keys/development/key.pem", "own.pem", "photos"])
def test_a_recipe_never_replaces_keys_log_or_policy(
    photos: Path, tiny_checkpoint: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = photos.parent
    monkeypatch.setenv("L2SAE_HOME", str(folder / "keys"))
    (folder / "policy.yaml").write_text('unmarked_by: ["*"]\n')
    command = ["edit", "photos/a.png", "--roi", "hair", "--noise", "1", "--model", str(tiny_checkpoint), "--unmarked"]
    assert CliRunner().invoke(main, [*command, "-o", "first.png"]).exit_code == 0
    (folder / "own.pem").write_bytes((folder / "keys/development/key.pem").read_bytes())
    if place == "own.pem":
        (folder / "chain.pem").write_bytes((folder / "keys/development/chain.pem").read_bytes())
        monkeypatch.setenv("L2SAE_PRIVATE_KEY", "own.pem")
        monkeypatch.setenv("L2SAE_CERTIFICATE", "chain.pem")
    before = digests(folder)
    result = CliRunner().invoke(main, [*command, "-o", "o.png", "--recipe", place, "--force"])
    assert result.exit_code == (2 if place == "photos" else 1)
    assert "this is an input" in result.output or place == "photos"
    assert digests(folder) == before


def test_an_output_below_the_photos_that_holds_photos_is_refused(photos: Path, tiny_model: L2SAE) -> None:
    (photos / "sub").mkdir()
    write_named(photos / "sub", b"b.png")
    (photos / "notes").mkdir()
    (photos / "notes/read me.txt").write_text("no photo")
    before = digests(photos)
    options = {"overwrite": True, "workers": 0, "progress": False}
    for output in ("photos/sub", "link/sub", "photos/notes/../sub", str(photos / "sub"), f"file://{photos}/sub"):
        with pytest.raises(EditError, match=r"(lies within the folder of the photos|this is the folder of the photos)"):
            edit_folder(tiny_model, "photos", output, "hair", Noise(1.0), **options)
    assert digests(photos) == before
    for output in ("photos/new", "photos/notes"):
        for _ in range(2):
            table = edit_folder(tiny_model, "photos", output, "hair", Noise(1.0), **options)
    assert sorted(Path(photo).name for photo in table["photo"]) == [
        "a.png",
        "a.png",
        "b.png",
        "b.png",
        "b.png",
        "b.png",
    ]


@pytest.mark.parametrize("name", ["", "a\0b", "nowhere://x", "file://a\0b"])
def test_folders_without_a_usable_name(photos: Path, tiny_model: L2SAE, name: str) -> None:
    before = digests(photos.parent)
    for source, output in ((name, "out"), ("photos", name)):
        with pytest.raises(EditError):
            edit_folder(tiny_model, source, output, "hair", Noise(1.0), workers=0)
    (photos.parent / "names.txt").write_text(f"photos/a.png\n{name}/x.png\n")
    if name:
        with pytest.raises(EditError, match=r"zero byte|not known"):
            edit_folder(tiny_model, "names.txt", "out", "hair", Noise(1.0), workers=0)
    (photos.parent / "names.txt").unlink()
    assert digests(photos.parent) == before


def test_a_storage_that_cannot_be_reached_is_one_error(photos: Path, tiny_model: L2SAE, tiny_checkpoint: Path) -> None:
    class Broken(MemoryFileSystem):
        protocol = "broken"

        def _fail(self, *_: object, **__: object) -> None:
            raise LookupError("no credentials")

        info = ls = find = cat_file = isfile = isdir = exists = pipe_file = _fail

    fsspec.register_implementation("broken", Broken, clobber=True)
    for source, output in (("broken://x", "out"), ("photos", "broken://x")):
        with pytest.raises(OSError, match="broken://x: LookupError: no credentials"):
            edit_folder(tiny_model, source, output, "hair", Noise(1.0), workers=0)
        command = [
            "edit-folder",
            source,
            "-o",
            output,
            "--roi",
            "hair",
            "--noise",
            "1",
            "--model",
            str(tiny_checkpoint),
        ]
        result = CliRunner().invoke(main, [*command, "--workers", "0"])
        assert (result.exit_code, result.output.count("\n")) == (1, 1), result.output
    (photos.parent / "names.txt").write_text("photos/a.png\nbroken://x/a.png\n")
    table = edit_folder(tiny_model, "names.txt", "out", "hair", Noise(1.0), workers=0, progress=False)
    assert table["result"].tolist() == ["skipped", "done"]
    assert "no credentials" in table["reason"][0]


def test_results_may_not_replace_references(photos: Path, tiny_model: L2SAE) -> None:
    from l2sae.editing import Swap

    write_named(photos.parent / "other", b"b.png")
    (photos.parent / "other/a.png").unlink()
    with pytest.raises(EditError, match="an input"):
        edit_folder(tiny_model, "photos", "other", "hair", Swap("other/b.png"), overwrite=True, workers=0)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("memory://a/b", "memory:///a/b/", True), ("s3://x/y", "s3://x/./y", True), ("s3://x/y", "s3://x/Y", False),
        ("file:///tmp", "/tmp/.", True), ("memory://a", "a", False), ("nothing/x", "nothing/./x", True),
        ("nothing/x", "nothing/y", False),
    ],
)  # fmt: skip
def test_places(first: str, second: str, same: bool) -> None:
    assert same_place(first, second) is same
    arguments: Any = ([first], [second])
    if same:
        with pytest.raises(EditError, match="an input"):
            check_outputs(*arguments)
        with pytest.raises(EditError, match="same file"):
            check_outputs([], [first, second])
    else:
        check_outputs(*arguments)
