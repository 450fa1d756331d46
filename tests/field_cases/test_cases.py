"""Every case through Python, command line and a bulk edit: edited as it should be, or one line that says why not."""

import hashlib
import os
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray
from PIL import Image

from l2sae.bulk import edit_folder
from l2sae.cli import main
from l2sae.editing import EditError, Noise, Recipe, edit
from l2sae.model import L2SAE
from l2sae.pictures.files import path_of
from l2sae.pictures.reading import load_picture
from tests.field_cases.cases import CASES, NAMES, SECRETS, Case, portrait, write, write_named

pytestmark = pytest.mark.filterwarnings("ignore")
NOISE = Noise(2.0)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run(checkpoint: Path, policy: Path, *arguments: str | Path) -> Result:
    """The command line, without a mark."""
    options = ("--roi", "hair", "--noise", "2", "--model", checkpoint, "--policy", policy, "--unmarked")
    return CliRunner().invoke(main, [*map(str, arguments), *map(str, options)])


def assert_one_line(result: Result, reason: str) -> None:
    assert result.exit_code == 1, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    [line] = [line for line in result.output.splitlines() if not line.startswith("Warning")]
    assert line.startswith("Error: ")
    assert reason in line


@pytest.fixture(params=CASES, ids=lambda case: case.name)
def case(request: pytest.FixtureRequest) -> Case:
    return request.param


def test_python(case: Case, tiny_model: L2SAE, tmp_path: Path) -> None:
    path = write(tmp_path, case)
    before = digest(path)
    if case.refused is not None:
        with pytest.raises(EditError, match=re.escape(case.refused)):
            edit(tiny_model, path, "hair", NOISE)
        return
    picture = load_picture(path)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        untouched = edit(tiny_model, path, "hair", NOISE, strength=0)
    assert (untouched == picture.array).all()
    assert case.note is None or any(case.note in str(one.message) for one in caught)
    made = edit(tiny_model, path, "hair", NOISE)
    changed = (made[..., :3] != picture.pixels).any(axis=2)
    assert 0 < changed.mean() < 1
    if picture.alpha is not None:
        assert (made[..., 3:] == picture.alpha).all()
    assert (edit(tiny_model, Image.open(path), "hair", NOISE) == made).all()
    assert digest(path) == before


def test_command_line(case: Case, tiny_checkpoint: Path, policy: Path, tmp_path: Path) -> None:
    path = write(tmp_path, case)
    before, out = digest(path), tmp_path / "out.png"
    result = run(tiny_checkpoint, policy, "edit", path, "-o", out)
    assert digest(path) == before
    if case.refused is not None:
        assert_one_line(result, case.refused)
        assert sorted(tmp_path.iterdir()) == [path]
        return
    assert result.exit_code == 0, result.output
    assert case.note is None or case.note in result.output
    source, made = load_picture(path), load_picture(out)
    assert (made.profile, made.metadata.main) == (source.profile, source.metadata.main)
    assert (made.alpha is None) == (source.alpha is None)
    if source.metadata.dpi is not None:
        assert made.metadata.dpi == pytest.approx(source.metadata.dpi, abs=0.1)
    assert not any(secret in out.read_bytes() for secret in SECRETS)
    assert sorted(tmp_path.iterdir()) == sorted([path, out])
    assert run(tiny_checkpoint, policy, "edit", path, "-o", tmp_path / "bare.png", "--metadata", "none").exit_code == 0
    bare = load_picture(tmp_path / "bare.png")
    assert (bare.metadata.main, bare.metadata.dpi, bare.profile) == ({}, None, source.profile)


@pytest.fixture(scope="module")
def bulk(tiny_model: L2SAE, policy: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("bulk")
    for index, case in enumerate(CASES):
        (folder / f"photos/{index:03}").mkdir(parents=True)
        write(folder / f"photos/{index:03}", case)
    before = {path: digest(path) for path in (folder / "photos").rglob("*") if path.is_file()}
    table = bulk_edit(tiny_model, policy, folder / "photos", folder / "out", align=None)
    assert {path: digest(path) for path in (folder / "photos").rglob("*") if path.is_file()} == before
    return folder, table.set_index("photo")


def bulk_edit(model: L2SAE, policy: Path, photos: Path, out: Path, **options: Any) -> pd.DataFrame:
    """A bulk edit without marks, in this process."""
    return edit_folder(
        model, photos, out, ("hair",), NOISE, policy=policy, unmarked=True, workers=0, progress=False, **options
    )


@pytest.mark.parametrize("index", range(len(CASES)), ids=lambda index: CASES[index].name)
def test_bulk(bulk: tuple[Path, pd.DataFrame], tiny_model: L2SAE, index: int) -> None:
    (folder, table), case = bulk, CASES[index]
    path = folder / f"photos/{index:03}" / case.name
    row = table.loc[str(path)]
    if case.refused is not None:
        assert row["result"] == "skipped"
        assert case.refused in row["reason"]
        assert not list((folder / f"out/{index:03}").glob("*"))
        return
    assert row["result"] == "done", row["reason"]
    assert case.note is None or case.note in row["note"]
    assert (load_picture(row["output"]).array == edit(tiny_model, path, "hair", NOISE, align=None)).all()


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names(name: bytes, tiny_model: L2SAE, tiny_checkpoint: Path, policy: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    path = write_named(tmp_path / "photos", name)
    [row] = bulk_edit(tiny_model, policy, tmp_path / "photos", tmp_path / "out", recipes=True).itertuples()
    assert row.result == "done", row.reason
    assert path_of(row.photo).samefile(path)
    made = load_picture(row.output).array
    assert (made == edit(tiny_model, path, "hair", NOISE)).all()
    [recipe] = (tmp_path / "out").glob("*.recipe.json")
    assert (Recipe.load(recipe).replay(tiny_model) == made).all()
    stored = pd.read_parquet(tmp_path / "out/results.parquet")
    assert path_of(stored["photo"][0]).samefile(path)
    result = run(tiny_checkpoint, policy, "edit", path, "-o", tmp_path / "o.png", "--recipe", tmp_path / "o.json")
    assert result.exit_code == 0, result.output
    assert (load_picture(tmp_path / "o.png").array == made).all()
    assert (Recipe.load(tmp_path / "o.json").replay(tiny_model) == made).all()
    (tmp_path / "list.txt").write_bytes(b"photos/" + name if b"\n" not in name else os.fsencode(path.parent))
    if b"\n" not in name and name.strip() == name:
        [row] = bulk_edit(tiny_model, policy, tmp_path / "list.txt", tmp_path / "from list").itertuples()
        assert row.result == "done", row.reason


@pytest.mark.parametrize("head", [b"\xef\xbb\xbf", b"", "utf-16"])
@pytest.mark.parametrize("kind", [".txt", ".csv"])
def test_lists(kind: str, head: Any, tiny_model: L2SAE, policy: Path, tmp_path: Path) -> None:
    write_named(tmp_path, b"a.jpg")
    write_named(tmp_path, "\u00fc b.jpg".encode())
    text = ("photo\r\n" if kind == ".csv" else "") + "a.jpg\r\n\u00fc b.jpg\r\n./a.jpg\r\n"
    content = text.encode("utf-16") if head == "utf-16" else head + text.encode()
    (tmp_path / f"list{kind}").write_bytes(content)
    table = bulk_edit(tiny_model, policy, tmp_path / f"list{kind}", tmp_path / "out")
    assert table["result"].tolist() == ["done", "done"]


def test_every_file_has_a_row(tiny_model: L2SAE, policy: Path, tmp_path: Path) -> None:
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    for folder in (photos / "sub", elsewhere):
        folder.mkdir(parents=True)
    for place in (photos / "a.jpg", photos / "a.nef", photos / "b", photos / "sub/c.JPE", elsewhere / "d.jpg"):
        write_named(place.parent, place.name.encode())
    (photos / "linked").symlink_to(elsewhere)
    (photos / "round").symlink_to(photos)
    (photos / "dangling.jpg").symlink_to(tmp_path / "nothing")
    (photos / "facts.xmp").write_text("<x/>")
    (photos / ".hidden.jpg").write_bytes(b"")
    os.mkfifo(photos / "pipe.jpg")
    table = bulk_edit(tiny_model, policy, photos, photos / "out").set_index("photo")
    found = {str(Path(photo).relative_to(photos)): row.result for photo, row in table.iterrows()}
    assert found == {
        "a.jpg": "done", "a.nef": "done", "b": "done", "sub/c.JPE": "done", "linked/d.jpg": "done",
        "dangling.jpg": "skipped", "pipe.jpg": "skipped",
    }  # fmt: skip
    assert table["output"].dropna().is_unique
    again = bulk_edit(tiny_model, policy, photos, photos / "out")
    assert len(again) == len(table)


def test_reasons_that_can_change_are_tried_again(
    tiny_model: L2SAE, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "photos").mkdir()
    [heic] = [case for case in CASES if case.name == "photo.HEIC"]
    write(tmp_path / "photos", heic)
    tried: list[Path] = []
    load = load_picture

    def count(path: Path) -> Any:
        tried.append(path)
        return load(path)

    monkeypatch.setattr("l2sae.bulk.one_photo.load_picture", count)
    for _ in range(2):
        bulk_edit(tiny_model, policy, tmp_path / "photos", tmp_path / "out")
    assert len(tried) == 2


@pytest.mark.finds_faces
def test_what_all_photos_lack_is_one_error(
    tiny_model: L2SAE, policy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from l2sae.editing import align

    def missing(picture: NDArray[np.uint8]) -> None:
        raise ImportError("no such package")

    (tmp_path / "photos").mkdir()
    write_named(tmp_path / "photos", b"a.jpg")
    monkeypatch.setattr(align, "find_faces", missing)
    with pytest.raises(EditError, match=r"package is missing.*no such package"):
        bulk_edit(tiny_model, policy, tmp_path / "photos", tmp_path / "out", align="auto")
    assert not (tmp_path / "out").exists()
    bulk_edit(tiny_model, policy, tmp_path / "photos", tmp_path / "out", align=None)
    with pytest.raises(EditError, match="package is missing"):
        bulk_edit(tiny_model, policy, tmp_path / "photos", tmp_path / "out", align="auto", overwrite=True)
    assert names(tmp_path / "out") == {"a.png"}, "what was there stays"


def names(folder: Path) -> set[str]:
    """Of all files but the table and what the job keeps for itself."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {name for name in found if not name.startswith(".l2sae/") and name != "results.parquet"}


def test_results_that_a_second_job_does_not_replace_are_moved(tiny_model: L2SAE, policy: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for name in (b"a.jpg", b"b.jpg", b"gone.jpg", b"M\xfcller.jpg"):
        write_named(photos, name)
    bulk_edit(tiny_model, policy, photos, out, recipes=True)
    first = {name: digest(out / name) for name in names(out)}
    (photos / "a.jpg").write_bytes(b"")
    (photos / "gone.jpg").unlink()
    (photos / os.fsdecode(b"M\xfcller.jpg")).write_bytes(b"")
    table = bulk_edit(tiny_model, policy, photos, out, overwrite=True, strength=0.5).set_index("photo")
    row = table.loc[str(photos / "a.jpg")]
    assert row["result"] == "skipped"
    assert row["note"] == f"the older file in its place was moved to {out}/superseded/a.png"
    moved = [os.fsdecode(stem) for stem in (b"a", b"gone", b"M\xfcller")]
    kept = {f"superseded/{stem}{ending}" for stem in moved for ending in (".png", ".recipe.json")}
    assert names(out) == {"b.png", "b.recipe.json"} | kept
    assert {digest(out / name) for name in kept} == {first[Path(name).name] for name in kept}
    again = bulk_edit(tiny_model, policy, photos, out, strength=0.5)
    assert again["result"].tolist() == table["result"].tolist()
    write_named(photos, b"a.jpg")
    bulk_edit(tiny_model, policy, photos, out, strength=0.5)
    (photos / "a.jpg").write_bytes(b"")
    table = bulk_edit(tiny_model, policy, photos, out, strength=0.5).set_index("photo")
    assert "superseded/a~2.png" in table.loc[str(photos / "a.jpg")]["note"], "its own result of an earlier version"
    assert len(bulk_edit(tiny_model, policy, out, tmp_path / "next")) == 1, "of the results that are the job's"


def test_files_of_no_job_stay_and_are_said(tiny_model: L2SAE, policy: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    out.mkdir()
    (photos / "a.jpg").write_bytes(b"")
    (out / "a.png").write_bytes(b"mine")
    (photos / "b.jpg").write_bytes(b"")
    (out / "b.png").mkdir()
    for _ in range(2):
        table = bulk_edit(tiny_model, policy, photos, out)
        assert table["note"][0] == f"there is an older file, {out}/a.png, which is not of this photo and job"
    table = bulk_edit(tiny_model, policy, photos, out, overwrite=True)
    assert "superseded/a.png" in table["note"][0]
    assert names(out) == {"superseded/a.png"}
    assert (out / "b.png").is_dir()


def test_results_that_were_removed_are_made_again(tiny_model: L2SAE, policy: Path, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in (b"a.jpg", b"b.jpg"):
        write_named(tmp_path / "photos", name)
    bulk_edit(tiny_model, policy, tmp_path / "photos", tmp_path / "out")
    before = load_picture(tmp_path / "out/a.png").array
    kept = (tmp_path / "out/b.png").stat().st_mtime_ns
    (tmp_path / "out/a.png").unlink()
    table = bulk_edit(tiny_model, policy, tmp_path / "photos", tmp_path / "out")
    assert table["result"].tolist() == ["done", "done"]
    assert (load_picture(tmp_path / "out/a.png").array == before).all()
    assert (tmp_path / "out/b.png").stat().st_mtime_ns == kept


TWINS = {
    "endings": (["a.jpg", "a.png", "a.avif"], ["a.avif.png", "a.jpg.png", "a.png.png"]),
    "one ending": (["a.jpg", "a.nef", "b.jpg"], ["a.nef.png", "a.png", "b.png"]),
    "a name that is taken": (["a.jpg", "a.png", "a.jpg.png"], ["a.jpg.png~", "a.jpg~", "a.png.png"]),
    "letters' case": (["a.jpg", "A.jpg", "s/b.jpg", "S/b.jpg"], ["A.jpg~", "S/b.jpg~", "a.jpg~", "s/b.jpg~"]),
    "accents' spelling": (["\u00fc.jpg", "u\u0308.jpg"], ["u\u0308.jpg~", "\u00fc.jpg~"]),
    "case of the ending": (["a.jpg", "a.JPG"], ["a.JPG~", "a.jpg~"]),
}


@pytest.mark.parametrize("kind", TWINS)
@pytest.mark.parametrize("listed", [False, True])
def test_twins(kind: str, listed: bool, tiny_model: L2SAE, policy: Path, tmp_path: Path) -> None:
    photos, (given, expected) = tmp_path / "photos", TWINS[kind]
    for number, name in enumerate(given):
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(portrait()) // (number + 1)).save(photos / name, "PNG")
    (tmp_path / "list.txt").write_text("".join(f"photos/{name}\n" for name in given))
    before = {path: digest(path) for path in photos.rglob("*") if path.is_file()}
    source = tmp_path / "list.txt" if listed else photos
    table = bulk_edit(tiny_model, policy, source, tmp_path / "out", recipes=True)
    assert table["result"].tolist() == ["done"] * len(given), table["reason"].tolist()
    found = sorted(os.path.relpath(path, tmp_path / ("out/photos" if listed else "out")) for path in table["output"])
    assert [re.sub("~[0-9a-f]{8}[.]png$", "~", name) for name in found] == expected
    for row in table.itertuples():
        assert (load_picture(row.output).array == edit(tiny_model, row.photo, "hair", NOISE)).all()
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")}
    again = bulk_edit(tiny_model, policy, source, tmp_path / "out", recipes=True)
    assert again["output"].tolist() == table["output"].tolist()
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.png")} == written
    assert {path: digest(path) for path in photos.rglob("*") if path.is_file()} == before


def test_photos_of_one_name_in_other_folders(tiny_model: L2SAE, policy: Path, tmp_path: Path) -> None:
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        write_named(tmp_path / folder, b"a.jpg")
    (tmp_path / "list.txt").write_text(f"{tmp_path}/x/a.jpg\n{tmp_path}/y/a.jpg\n{tmp_path}/y/../y/a.jpg\nx/a.jpg\n")
    table = bulk_edit(tiny_model, policy, tmp_path / "list.txt", tmp_path / "out")
    assert table["result"].tolist() == ["done", "done"]
    assert table["output"].is_unique
