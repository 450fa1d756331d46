from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.model import L2SAE
from l2sae.provenance import ProvenanceError, inspect
from l2sae.provenance.detector.calibration import TREATMENTS, calibrate, measure_calibration, score_photos
from l2sae.provenance.detector.known_edits import EditedFace
from l2sae.provenance.detector.localiser import (
    SHIPPED,
    Localiser,
    LocaliserNet,
    load_for_photos,
    load_localiser,
    save_localiser,
)
from l2sae.provenance.detector.photo_edits import SIDE, edit_photos, split_photos

Picture = NDArray[np.uint8]


def photos(folder: Path, count: int, size: tuple[int, int] = (40, 48)) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        pixels = np.random.default_rng(index).integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index:03}_{index % 2}.png")
    return sorted(folder.iterdir())


def test_no_person_is_in_two_parts_and_none_is_lost(tmp_path: Path) -> None:
    files = photos(tmp_path / "a", 60) + photos(tmp_path / "b", 60)
    split = split_photos([tmp_path])
    parts = (split.learn, split.calibrate, split.measure)
    assert sorted(path for part in parts for path in part) == sorted(files)
    persons = [{path.stem.split("_")[0] for path in part} for part in parts]
    assert sum(map(len, persons)) == len(set.union(*persons))
    assert min(len(part) for part in parts) > 10
    with pytest.raises(ProvenanceError, match="20 are needed"):
        split_photos([tmp_path / "none"])


def test_the_threshold_leaves_at_most_the_share_of_every_group() -> None:
    rng = np.random.default_rng(0)
    scores = {"portraits.none": rng.uniform(0, 1, 400), "london.none": rng.uniform(0.2, 0.9, 100)}
    ready = calibrate(Localiser(LocaliserNet().eval()), scores, share=0.05)
    shares = {name: float((values >= ready.threshold).mean()) for name, values in scores.items()}
    assert max(shares.values()) <= 0.05
    assert shares["portraits.none"] > 0.03
    assert ready.photos == 500 // len(TREATMENTS)


def test_the_threshold_is_kept_with_the_weights(tmp_path: Path) -> None:
    scores = {"photos.none": np.array([0.2, 0.99999994])}
    ready = calibrate(Localiser(LocaliserNet().eval()), scores)
    save_localiser(ready, tmp_path / "one.safetensors")
    again = load_localiser(tmp_path / "one.safetensors")
    assert (again.threshold, again.photos) == (ready.threshold, 1)
    assert again.threshold > 0.99999994


def test_photos_are_scored_as_they_are_and_as_jpeg(tmp_path: Path) -> None:
    scores = score_photos(Localiser(LocaliserNet().eval()), photos(tmp_path / "faces", 3))
    assert {name: len(values) for name, values in scores.items()} == {"faces.none": 3, "faces.jpeg_75": 3}


def test_edits_are_measured_beside_unedited_photos(tmp_path: Path) -> None:
    class Bright(Localiser):
        def __call__(self, picture: Picture) -> tuple[float, NDArray[np.float32]]:
            return float(picture.mean() / 255), np.zeros(picture.shape[:2], np.float32)

    dark, bright = np.full((32, 32, 3), 20, np.uint8), np.full((32, 32, 3), 250, np.uint8)
    faces = [EditedFace(dark, bright, np.ones((32, 32), bool), ("hair",))] * 4
    watcher = Bright(LocaliserNet().eval(), threshold=0.9, photos=7)
    found = measure_calibration(watcher, {"a.none": np.array([0.1, 0.2, 0.95, 0.3])}, faces)
    assert found["called_edited"]["a.none"]["share"] == 0.25
    assert (found["edits.none"]["recall"], found["edits.none"]["auc"]) == (1.0, 1.0)


def test_photos_are_edited_whole_or_as_squares(tiny_model: L2SAE, portrait: Picture) -> None:
    tall = np.concatenate([portrait, portrait[:60]])
    for cut, shape in ((False, tall.shape), (True, (SIDE, SIDE, 3))):
        made = edit_photos(tiny_model, [tall, tall[:, ::-1].copy()], seed=0, cut=cut)
        assert {face.edited.shape for face in made} == {shape}
        for face in made:
            assert np.array_equal(face.truth, np.abs(face.photo.astype(int) - face.edited).max(axis=2) >= 4)


def test_below_the_threshold_nothing_is_said_of_edits(home: Path, tmp_path: Path, portrait: Picture) -> None:
    Image.fromarray(portrait).save(tmp_path / "plain.png")
    for threshold, said in ((0.0, True), (1.1, False)):
        watcher = Localiser(LocaliserNet().eval(), threshold)
        found = inspect(tmp_path / "plain.png", localiser=watcher)
        assert found.looks_edited == said
        assert ("localiser" in found.verdict.lower()) == said
        assert not found.edited


def test_a_localiser_that_has_seen_no_photos_does_not_look_at_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = load_localiser(SHIPPED)
    trained = Localiser(LocaliserNet((16, 16, 16)).eval())
    save_localiser(trained, tmp_path / "models" / "localiser.safetensors")
    assert load_localiser().net.widths == (16, 16, 16)
    assert load_for_photos().net.widths == shipped.net.widths
    save_localiser(Localiser(trained.net, 0.9, photos=100), tmp_path / "models" / "localiser.safetensors")
    assert load_for_photos().threshold == 0.9
