"""A seed set holds real training faces, in the format of prepared data, equal for equal arguments."""

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from l2sae.data import PreparedError, open_split, prepare
from l2sae.data.dataset import read_manifest
from l2sae.data.seed_set import keep_seed_set, main
from l2sae.params import load_params

PARAMS = load_params(
    Path(__file__).parents[2] / "params.yaml",
    {"data.count": 24, "data.image_size": 32, "data.split": {"train": 0.5, "val": 0.25, "test": 0.25}},
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("seed") / "prepared"
    prepare(PARAMS, out, progress=lambda line: None)
    return out


def test_faces_labels_and_names_are_those_of_the_training_split(prepared: Path, tmp_path: Path) -> None:
    keep_seed_set(prepared, tmp_path / "replay", 5, seed=3)
    source, kept = open_split(prepared, "train"), open_split(tmp_path / "replay", "train", PARAMS.rois, 32)
    assert len(kept) == 5
    assert len(set(kept.names)) == 5
    indices = [source.names.index(name) for name in kept.names]
    expected, found = source.batch(indices), kept.batch(range(5))
    assert torch.equal(found.images, expected.images)
    assert torch.equal(found.labels, expected.labels)
    assert kept.attributes.equals(source.attributes.iloc[indices].reset_index(drop=True))
    names = [item["name"] for item in read_manifest(tmp_path / "replay")["items"]["train"]]
    assert names == list(kept.names)


def test_equal_seeds_keep_equal_bytes_and_others_other_faces(prepared: Path, tmp_path: Path) -> None:
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        keep_seed_set(prepared, tmp_path / name, 5, seed)
    files = [path.relative_to(tmp_path / "a") for path in sorted((tmp_path / "a").rglob("*")) if path.is_file()]
    assert all((tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes() for path in files)
    assert open_split(tmp_path / "a", "train").names != open_split(tmp_path / "c", "train").names


@pytest.mark.parametrize("count", [0, 13])
def test_a_count_that_is_not_there_is_refused_and_the_earlier_set_stays(
    prepared: Path, tmp_path: Path, count: int
) -> None:
    keep_seed_set(prepared, tmp_path / "replay", 2)
    with pytest.raises(PreparedError, match=f"{count} faces asked for, there are 12"):
        keep_seed_set(prepared, tmp_path / "replay", count)
    assert len(open_split(tmp_path / "replay", "train")) == 2


def test_command_line(prepared: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(main, [str(prepared), str(tmp_path / "replay"), "--count", "4"])
    assert (done.exit_code, len(open_split(tmp_path / "replay", "train"))) == (0, 4)
    failed = CliRunner().invoke(main, [str(tmp_path / "absent"), str(tmp_path / "replay")])
    assert failed.exit_code == 1
    assert "no prepared data here" in failed.output
