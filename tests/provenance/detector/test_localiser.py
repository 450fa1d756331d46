import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from l2sae.provenance import inspect
from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.detector.localiser import (
    SHIPPED,
    Localiser,
    LocaliserError,
    LocaliserNet,
    load_localiser,
    save_localiser,
)
from l2sae.provenance.detector.localiser_training import Schedule, damaged_pairs, train_localiser


def faces(count: int = 2, size: int = 48) -> list[EditedFace]:
    """Noisy pictures in which a square has been smoothed and recoloured."""
    made = []
    for seed in range(count):
        photo = np.random.default_rng(seed).integers(90, 130, (size, size, 3)).astype(np.uint8)
        edited, truth = photo.copy(), np.zeros((size, size), dtype=bool)
        truth[8:32, 16:40] = True
        edited[truth] = (150, 100, 120)
        made.append(EditedFace(photo, edited, truth, ("hair",)))
    return made


@pytest.fixture(scope="module")
def localiser() -> Localiser:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Localiser(LocaliserNet().eval())


@pytest.mark.parametrize("size", [(48, 48), (33, 70), (100, 61)])
def test_heat_map_has_the_pictures_size_and_range(localiser: Localiser, size: tuple[int, int]) -> None:
    score, heat = localiser(np.zeros((*size, 3), dtype=np.uint8))
    assert 0 <= score <= 1
    assert heat.shape == size
    assert heat.dtype == np.float32
    assert 0 <= heat.min() <= heat.max() <= 1


def test_inspection_takes_it_as_it_is(localiser: Localiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2SAE_HOME", str(tmp_path / "home"))
    Image.fromarray(faces(1)[0].photo).save(tmp_path / "photo.png")
    found = inspect(tmp_path / "photo.png", localiser=localiser)
    assert found.score == localiser(faces(1)[0].photo)[0]
    assert "The localiser takes" in found.verdict


def test_large_picture_is_reduced_and_its_map_brought_back(localiser: Localiser) -> None:
    assert localiser(np.zeros((40, 1500, 3), dtype=np.uint8))[1].shape == (40, 1500)


@pytest.mark.parametrize(
    "picture", [np.zeros((64, 64), np.uint8), np.zeros((15, 64, 3), np.uint8), np.zeros((64, 64, 3))]
)
def test_what_is_no_picture_is_refused(localiser: Localiser, picture: np.ndarray) -> None:
    with pytest.raises(LocaliserError, match="give \\(H, W, 3\\) uint8"):
        localiser(picture)


def test_file_brings_back_the_same_localiser_and_equal_ones_are_equal_bytes(
    localiser: Localiser, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        save_localiser(localiser, tmp_path / f"{name}.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    picture = faces(1)[0].photo
    save_localiser(localiser, tmp_path / "half.safetensors", torch.float16)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * (tmp_path / "a.safetensors").stat().st_size
    half = load_localiser(tmp_path / "half.safetensors")
    assert half(faces(1)[0].photo)[0] == pytest.approx(localiser(faces(1)[0].photo)[0], abs=0.01)
    again = load_localiser(tmp_path / "a.safetensors")
    assert again(picture)[0] == localiser(picture)[0]
    assert np.array_equal(again(picture)[1], localiser(picture)[1])


def test_missing_damaged_or_other_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocaliserError, match="dvc repro provenance"):
        load_localiser(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(LocaliserError, match="not a safetensors file"):
        load_localiser(tmp_path / "text.safetensors")
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(LocaliserError, match="written as something else"):
        load_localiser(tmp_path / "other.safetensors")


def test_one_comes_with_the_package_until_the_stage_has_trained_its_own(
    localiser: Localiser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    picture = faces(1)[0].photo
    assert load_localiser()(picture)[0] == load_localiser(SHIPPED)(picture)[0]
    assert SHIPPED.stat().st_size < 2e6
    save_localiser(localiser, tmp_path / "models" / "localiser.safetensors")
    assert load_localiser()(picture)[0] == localiser(picture)[0]


@pytest.mark.parametrize("seed", range(6))
def test_photo_and_edit_are_damaged_alike(seed: int) -> None:
    # where the edit changed nothing, its picture is the photo: by any damage, the two stay equal
    same = [EditedFace(face.photo, face.photo.copy(), face.truth & False, ()) for face in faces()]
    pixels, truth = damaged_pairs(same, np.random.default_rng(seed))
    assert torch.equal(pixels[:2], pixels[2:])
    assert not truth.any()
    assert truth.shape == (4, 1, *pixels.shape[2:])


def test_truth_follows_the_pixels_through_the_damage() -> None:
    plain = [
        EditedFace(np.zeros_like(f.photo), 255 * f.truth[..., None].repeat(3, 2).astype(np.uint8), f.truth, ())
        for f in faces()
    ]
    overlaps = []
    for seed in range(8):
        pixels, truth = damaged_pairs(plain, np.random.default_rng(seed))
        shown, told = pixels[2:].mean(dim=1) > pixels[2:].mean(), truth[2:, 0] > 0.5
        overlaps.append(float((shown & told).sum() / (shown | told).sum()))
    assert min(overlaps) > 0.75


def test_training_overfits_two_faces_and_repeats_itself() -> None:
    lines: list[str] = []
    trained = [train_localiser(faces(), Schedule(60), seed=1, progress=lines.append) for _ in range(2)]
    assert len(lines) == 10
    for one, other in zip(*(one.net.state_dict().values() for one in trained), strict=True):
        assert torch.equal(one, other)
    for face in faces():
        (photo_score, photo_heat), (edit_score, edit_heat) = trained[0](face.photo), trained[0](face.edited)
        assert photo_score < 0.5 < edit_score
        found = edit_heat > 0.5
        assert (found & face.truth).sum() / (found | face.truth).sum() > 0.7
        assert (photo_heat > 0.5).mean() < 0.05


def test_processes_that_prepare_batches_change_nothing() -> None:
    alone, helped = (train_localiser(faces(), Schedule(3, pairs=2, workers=n), 1, lambda line: None) for n in (0, 2))
    for one, other in zip(alone.net.state_dict().values(), helped.net.state_dict().values(), strict=True):
        assert torch.equal(one, other)


def test_batches_hold_faces_of_one_size() -> None:
    small = [EditedFace(f.photo[:48, :48], f.edited[:48, :48], f.truth[:48, :48], f.rois) for f in faces()]
    trained = train_localiser([*faces(), *small], Schedule(5, pairs=2), 1, lambda line: None)
    assert trained.net.widths == LocaliserNet().widths


def test_training_goes_on_from_a_network_and_leaves_it_as_it_is(localiser: Localiser) -> None:
    before = {name: value.clone() for name, value in localiser.net.state_dict().items()}
    slow = Schedule(1, pairs=2, learning_rate=1e-6)
    trained = train_localiser(faces(), slow, 5, lambda line: None, init=localiser.net)
    for name, value in trained.net.state_dict().items():
        assert torch.equal(localiser.net.state_dict()[name], before[name])
        torch.testing.assert_close(value, before[name], rtol=0, atol=1e-4)
    assert any(not torch.equal(value, before[name]) for name, value in trained.net.state_dict().items())
    with pytest.raises(ValueError, match="no edited faces"):
        train_localiser([], slow, 5)


def test_training_needs_nothing_for_signing_notebooks_or_pipelines() -> None:
    absent = ("c2pa", "cryptography", "platformdirs", "dvc", "dvclive", "papermill", "nbformat", "lightning")
    code = f"import sys; sys.modules.update(dict.fromkeys({absent})); import l2sae.bench.ship"
    subprocess.run([sys.executable, "-c", code], check=True)
