"""Mistakes at every door end in one line that says what was wrong; values of every kind are taken as they are meant."""

import json
import os
import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from l2sae.bulk import edit_folder
from l2sae.bulk.replay import apply_recipe
from l2sae.cli import main
from l2sae.editing import EditError, EditSession, Noise, Recipe, Swap, edit
from l2sae.model import L2SAE
from l2sae.pictures.files import atomic_write, fitting_name, path_of, readable_name
from l2sae.pictures.writing import FORMATS, encode
from l2sae.pipeline.notebooks import NotebookError
from l2sae.pipeline.parameters import typed_parameters
from l2sae.provenance.keys import home_folder
from tests.field_cases.cases import portrait, write_named

pytestmark = pytest.mark.filterwarnings("ignore")
TOO_MUCH = ["150", "-1", "nan", "inf", "1e300"]
SEEDS = [str(2**63), str(2**70), "-1"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_named(tmp_path, b"a.png")
    write_named(tmp_path, b"r.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run(checkpoint: Path, *arguments: str) -> Any:
    return CliRunner().invoke(main, [*arguments, "--model", str(checkpoint)])


@pytest.mark.parametrize("command", ["edit", "edit-folder"])
@pytest.mark.parametrize(
    "options",
    [
        *(["--noise", noise] for noise in TOO_MUCH),
        *(["--noise", "1", f"--seed={seed}"] for seed in SEEDS),
        ["--noise", "1", "--strength", "nan"],
        ["--swap", "."],
        ["--swap", "nothing.png"],
        ["--noise", "1", "--policy", "."],
        ["--noise", "1", "--purpose", "fun"],
        ["--noise", "1", "--roi", "hat"],
    ],
    ids=" ".join,
)
def test_one_line(folder: Path, tiny_checkpoint: Path, command: str, options: list[str]) -> None:
    (folder / "photos").mkdir()
    write_named(folder / "photos", b"a.png")
    places = ["a.png", "-o", "o.png"] if command == "edit" else ["photos", "-o", "out", "--workers", "0"]
    result = run(tiny_checkpoint, command, *places, "--roi", "hair", *options)
    assert result.exit_code in (1, 2)
    assert isinstance(result.exception, SystemExit)
    assert len([line for line in result.output.splitlines() if line.startswith("Error: ")]) == 1
    assert not (folder / "o.png").exists()
    assert not (folder / "out").exists()


@pytest.mark.parametrize("photo", [".", "photos", "nothing.png", "a.png/b.png", "/dev/null"])
def test_what_is_no_photo(folder: Path, tiny_checkpoint: Path, tiny_model: L2SAE, photo: str) -> None:
    (folder / "photos").mkdir()
    result = run(tiny_checkpoint, "edit", photo, "--roi", "hair", "--noise", "1", "-o", "o.png")
    assert (result.exit_code, result.output.count("\n")) == (1, 1)
    for value in (photo, Path(photo)):
        with pytest.raises(EditError):
            edit(tiny_model, value, "hair", Noise(1.0))
        with pytest.raises(EditError):
            edit(tiny_model, portrait(), "hair", Swap(value))


@pytest.mark.parametrize(
    "photo", [None, 7, "", [[1, 2], [3, 4]], np.zeros((64, 64, 2), np.uint8), np.zeros((64, 64, 3))]
)
def test_values_that_are_no_photo(tiny_model: L2SAE, photo: Any) -> None:
    with pytest.raises(EditError):
        edit(tiny_model, photo, "hair", Noise(1.0))


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, None, "x"])
def test_seeds(tiny_model: L2SAE, seed: Any) -> None:
    with pytest.raises(EditError, match="seed="):
        edit(tiny_model, portrait(), "hair", Noise(1.0), seed=seed)


@pytest.mark.parametrize("strength", ["0.5", None, [1.0], np.nan, -1, 2.01])
def test_strengths(tiny_model: L2SAE, strength: Any) -> None:
    with pytest.raises(EditError, match="strength="):
        edit(tiny_model, portrait(), "hair", Noise(1.0), strength=strength)
    session = EditSession(tiny_model)
    session.load(portrait())
    session.add_layer("hair", Noise(1.0))
    with pytest.raises(EditError, match="strength="):
        session.update_layer(0, strength=strength)


@pytest.mark.parametrize("rois", [5, ("hair", 5), None, "", (), ["hare"], [None]])
def test_regions(tiny_model: L2SAE, rois: Any) -> None:
    with pytest.raises(EditError, match=r"region|rois"):
        edit(tiny_model, portrait(), rois, Noise(1.0))


@pytest.mark.parametrize(
    "box",
    ["abcd", 5, (1, 2, 3), (0.0, 0.0, 96.0, 96.0), (0, 0, np.nan, 5), (50, 50, 10, 10), (0, 0, 10**12, 9), (None,) * 4],
)
def test_boxes(tiny_model: L2SAE, box: Any) -> None:
    with pytest.raises(EditError, match="box="):
        edit(tiny_model, portrait(), "hair", Noise(1.0), box=box)


@pytest.mark.parametrize("matte", ["mask.png", [[1]], np.array(["x"]), np.full((270, 270), np.nan), np.ones((3, 3))])
def test_mattes(tiny_model: L2SAE, matte: Any) -> None:
    with pytest.raises(EditError, match="matte"):
        edit(tiny_model, portrait(), "hair", Noise(1.0), mattes={"hair": matte})


@pytest.mark.parametrize("sigma", ["1", None, np.inf, -1])
def test_amounts(sigma: Any) -> None:
    with pytest.raises(EditError, match="sigma="):
        Noise(sigma)


@pytest.mark.parametrize(
    "options",
    [{"workers": "2"}, {"batch": 1.5}, {"batch": None}, {"quality": "95"}, {"ending": None}, {"strength": "1"}],
    ids=str,
)
def test_bulk_options(folder: Path, tiny_model: L2SAE, options: dict[str, Any]) -> None:
    with pytest.raises(EditError, match=next(iter(options))):
        edit_folder(tiny_model, folder, folder / "out", "hair", Noise(1.0), **options)
    assert not (folder / "out").exists()


def test_numbers_of_numpy_are_numbers(folder: Path, tiny_model: L2SAE) -> None:
    numbers = {"strength": np.float32(0.5), "seed": np.int64(3)}
    expected = edit(tiny_model, portrait(), "hair", Noise(1.0), strength=0.5, seed=3)
    assert (edit(tiny_model, portrait(), "hair", Noise(np.float64(1.0)), **numbers) == expected).all()
    session = EditSession(tiny_model)
    session.load(portrait())
    session.add_layer("hair", Noise(1.0), **numbers)
    assert session.recipe().layers[0].seed == 3
    options = {"workers": 0, "progress": False, **numbers}
    assert len(edit_folder(tiny_model, folder, folder / "out", "hair", Noise(1.0), **options)) == 2


@pytest.mark.parametrize(("height", "width"), [(40, 30_000), (30_000, 40)])
def test_strips_take_little_memory(tiny_model: L2SAE, height: int, width: int) -> None:
    rows, columns = np.mgrid[:height, :width]
    strip = np.repeat(((rows + columns) // 40 % 256).astype(np.uint8)[..., None], 3, axis=2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    full = np.full((height, width), 255, np.uint8)
    made = edit(tiny_model, strip, "hair", Noise(2.0), align=None, mattes={"hair": full})
    assert made.shape == strip.shape
    assert (made != strip).any()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20  # GiB
    assert grown < 1, "its square alone would take 2.5"


def test_what_is_no_log_and_no_certificate_is_said(folder: Path, tiny_checkpoint: Path) -> None:
    (folder / "junk.pem").write_text("junk")
    for arguments in (["verify", "nothing.jsonl"], ["verify", "a.png", "--trust", "junk.pem"]):
        result = CliRunner().invoke(main, arguments)
        assert (result.exit_code, result.output.count("\n")) == (1, 1)
        assert result.output.startswith("Error: ")


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "LA", "CMYK", "1", "I;16"])
def test_pictures_of_pillow(tiny_model: L2SAE, mode: str) -> None:
    wide = Image.fromarray(np.asarray(portrait().convert("L")) * np.uint16(257))
    image = wide if mode == "I;16" else portrait().convert(mode)
    made = edit(tiny_model, image, "hair", Noise(1.0))
    assert made.shape == (270, 270, 4 if mode in ("RGBA", "LA") else 3)
    same = Image.fromarray(np.asarray(image)).convert("RGB") if mode != "I;16" else wide
    assert (edit(tiny_model, same, "hair", Noise(1.0))[..., :3] == made[..., :3]).all() or mode in ("P", "CMYK")
    session = EditSession(tiny_model)
    session.load(image)
    session.add_layer("hair", Noise(1.0))
    assert (session.render() == made[..., :3]).all()
    assert (edit(tiny_model, portrait(), "hair", Swap(np.asarray(image.convert("RGB")))) >= 0).all()


@pytest.mark.parametrize(
    ("ending", "size"),
    [(".webp", (16_500, 40)), (".webp", (40, 16_384)), (".jpg", (65_536, 40)), (".avif", (65_536, 40))],
)
def test_limits_of_formats(ending: str, size: tuple[int, int]) -> None:
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    with pytest.raises(EditError, match=r"holds \d+ a side: write \.png"):
        encode(picture, f"o{ending}")


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("channels", [3, 4])
def test_what_is_encoded_can_be_read(ending: str, channels: int, tmp_path: Path) -> None:
    picture = np.array(portrait(64).convert("RGBA"))[..., :channels]
    picture[:8, :, 3:] = 0
    if channels == 4 and not FORMATS[ending].alpha:
        with pytest.raises(EditError, match="no transparency"):
            encode(picture, f"o{ending}")
        return
    atomic_write(tmp_path / f"o{ending}", encode(picture, f"o{ending}"))
    found = np.asarray(Image.open(tmp_path / f"o{ending}")).astype(int)
    assert np.abs(found - picture)[8:].max() <= (40 if FORMATS[ending].lossy else 0)
    assert (found[:8, :, 3:] == 0).all()


def test_the_home_folder_is_expanded(folder: Path, tiny_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2SAE_HOME", "~/keys")
    assert home_folder() == folder / "keys"
    (folder / "policy.yaml").write_text('unmarked_by: ["*"]\n')
    (folder / "photos").mkdir()
    write_named(folder / "photos", b"a.png")
    arguments = ["--roi", "hair", "--swap=~/r.jpg", "--policy=~/policy.yaml", "--unmarked"]
    assert run(tiny_checkpoint, "edit", "~/a.png", *arguments, "--out=~/o.png", "--recipe=~/o.json").exit_code == 0
    assert run(tiny_checkpoint, "edit-folder", "~/photos", *arguments, "-o", "~/out").exit_code == 0
    (folder / "list.txt").write_text("~/a.png\n")
    assert run(tiny_checkpoint, "edit-folder", "~/list.txt", *arguments, "-o", "~/out2").exit_code == 0
    assert sorted(path.name for path in folder.glob("o*")) == ["o.json", "o.png", "out", "out2"]
    assert not (folder / "~").exists()


def test_an_explicit_photo_may_lie_anywhere(
    folder: Path, tiny_model: L2SAE, tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    session = EditSession(tiny_model)
    session.load("a.png")
    session.add_layer("hair", Noise(2.0))
    recipes = folder / "recipes"
    session.recipe().save(recipes / "edit.json")
    stored = json.loads((recipes / "edit.json").read_text())
    stored["photo"]["path"] = "../a.png"
    (recipes / "edit.json").write_text(json.dumps(stored))
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "copy.png"
    elsewhere.write_bytes((folder / "a.png").read_bytes())
    with pytest.raises(EditError, match="lies outside"):
        apply_recipe(tiny_model, recipes / "edit.json", None, folder / "made")
    [row] = apply_recipe(tiny_model, recipes / "edit.json", elsewhere, folder / "made").itertuples()
    assert row.result == "as recorded"
    arguments = ("export", "recipes/edit.json", "--photo", str(elsewhere), "-o", "again.png")
    assert run(tiny_checkpoint, *arguments).exit_code == 0
    assert Recipe.load(recipes / "edit.json", own_photo=False).photo.path is None


def test_unmuting_validates_as_adding_does(tiny_model: L2SAE) -> None:
    session = EditSession(tiny_model)
    session.load(portrait(), align=None)  # else the reference is read at once, to find its face
    index = session.add_layer("hair", Noise(1.0))
    session.mute(index)
    session.update_layer(index, style=Swap("nothing.png"))
    before = session.layers
    for change in ({"muted": False}, {"muted": False, "strength": 0.5}):
        with pytest.raises(EditError, match="no such picture"):
            session.update_layer(index, **change)
        assert session.layers == before
    session.update_layer(index, style=Noise(0.5))
    session.mute(index, False)
    session.update_layer(index, strength=0.0)
    session.update_layer(index, style=Swap("nothing.png"))
    with pytest.raises(EditError, match="no such picture"):
        session.update_layer(index, strength=1.0)


@pytest.mark.parametrize(
    ("kind", "value", "meant"),
    [
        (str, 2024, "2024"), (str, "x", "x"), (str, "", ""), (bool, "false", False), (bool, "true", True),
        (bool, True, True), (float, "1.5", 1.5), (float, 2, 2.0), (int, "7", 7), (list, "[1, 2]", [1, 2]),
    ],
)  # fmt: skip
def test_papermills_guesses_become_what_the_notebook_declares(kind: Any, value: Any, meant: Any) -> None:
    found = typed_parameters({"In": ["", f"one: {kind.__name__}\nabsent: int", "two = 2"], "one": value, "two": 2})
    assert found == {"one": meant}
    assert type(found["one"]) is kind


@pytest.mark.parametrize(
    ("kind", "value"), [(bool, "maybe"), (bool, 2), (int, 1.5), (int, "x"), (str, 1.5), (float, "x")]
)
def test_values_of_other_types_are_refused(kind: Any, value: Any) -> None:
    with pytest.raises(NotebookError, match="one: "):
        typed_parameters({"In": ["", f"one: {kind.__name__}"], "one": value})


def test_names_come_back() -> None:
    for raw in (b"M\xfcller.jpg", b"\xff", "\u00fc".encode(), b"plain"):
        assert readable_name(os.fsdecode(raw)).encode("utf-8").isascii() == (raw != "\u00fc".encode())
    assert fitting_name("a" * 300, ".png").endswith(".png")
    assert len(fitting_name("\u5199" * 100, ".recipe.json").encode()) <= 255
    assert fitting_name("a" * 300, ".png") != fitting_name("a" * 301, ".png")
    assert path_of("~nobody of this name/x") == Path("~nobody of this name/x")
