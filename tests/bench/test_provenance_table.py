from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from l2sae.bench import provenance_table as benchmark
from l2sae.bench.mark_table import photos_of
from l2sae.bench.provenance_table import Journal, detector_table, mark_table
from l2sae.data import open_split, prepare
from l2sae.measures.metric_files import flatten, write_metrics
from l2sae.model import L2SAE
from l2sae.params import load_params
from l2sae.provenance.attacks import attack_names
from l2sae.provenance.detector.localiser import Localiser, LocaliserNet
from l2sae.provenance.verdict import join_figures

ROOT = Path(__file__).parents[2]


def test_journal_computes_once_and_goes_on_after_a_cut(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.jsonl"
    first = Journal(path, "k")
    assert first("a", lambda: [1, 2]) == [1, 2]
    with path.open("a") as file:
        file.write('["b", [3')  # cut off while writing
    again = Journal(path, "k")
    assert again("a", lambda: pytest.fail("computed twice")) == [1, 2]
    assert again("b", lambda: [4]) == [4]
    assert Journal(path, "k")("b", lambda: pytest.fail("lost")) == [4]


def test_journal_of_other_weights_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    Journal(path, "old")("a", lambda: 1)
    assert Journal(path, "new")("a", lambda: 2) == 2
    assert (tmp_path / "journal.old.jsonl").is_file()


def test_full_table_has_every_attack_and_is_the_same_from_its_journal(
    tiny_model: L2SAE, portrait: NDArray[np.uint8], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"preset": "smoke", "data.count": 12, "data.split": {"train": 0.5, "val": 0.0, "test": 0.5}}
    monkeypatch.setattr(benchmark, "attack_names", lambda: ("none", "flip", "second_edit"))
    monkeypatch.setattr(benchmark, "SMALLEST", 32)
    params = load_params(ROOT / "params.yaml", more)
    prepare(params, tmp_path / "prepared", progress=lambda line: None)
    test = open_split(tmp_path / "prepared", "test")
    localiser = Localiser(LocaliserNet().eval())
    photo = tmp_path / "photos" / "one.png"
    photo.parent.mkdir()
    Image.fromarray(portrait).save(photo)
    photos = photos_of(photo.parent, 3)
    for name in ("a", "b"):
        journal, silent = Journal(tmp_path / "journal.jsonl", "k"), lambda line: None
        figures = mark_table(tiny_model, params, journal, 1, 2, photos, silent)
        figures = join_figures(figures, detector=detector_table(tiny_model, localiser, test, params, journal, silent))
        write_metrics(figures, tmp_path / f"{name}.json")
        monkeypatch.setattr(benchmark, "_marked_row", lambda *a: pytest.fail("computed twice"))
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    keys = set(flatten(figures))
    assert figures["counts"]["photos"] == 1
    assert {"photos.flip.detected", "photos.false_positive_rate"} <= keys
    assert {"watermark.second_edit.detected", "detector.detail.flip.auc", "manifest.resaved"} <= keys
    assert "detector.detail.second_edit.auc" not in keys
    assert len(attack_names()) > 30
