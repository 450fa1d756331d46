import io
import json
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from l2sae.figures.run_comparison import figures_table, headline_table, open_run, side_by_side, unlike
from l2sae.pipeline.notebooks import read_notebook
from l2sae.pipeline.parameters import declared_parameters

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "compare.ipynb"


def write_run(folder: Path, psnr: float, outside: float, labels: str = "rendered", tone: int = 0) -> Path:
    evaluate = {
        "reconstruction": {"psnr": psnr}, "locality": {"outside_mean": outside}, "labels": labels, "made_up": 3,
        "ci": {"reconstruction": {"psnr": [psnr - 0.2, psnr + 0.2]}},
    }  # fmt: skip
    (folder / "metrics").mkdir(parents=True, exist_ok=True)
    (folder / "metrics" / "evaluate.json").write_text(json.dumps(evaluate))
    (folder / "metrics" / "prepare.json").write_text(json.dumps({"labels": labels}))
    (folder / "metrics" / "headline.json").write_text(json.dumps({"psnr": psnr}))
    (folder / "reports" / "figures").mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (tone, tone, tone)).save(folder / "reports" / "figures" / "swaps.png")
    return folder


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose first commit and working tree are different runs."""
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("repository")
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    Repo.init(str(root)).close()
    write_run(root, 30.0, 0.5, tone=10)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)
    subprocess.run(["git", "-C", str(root), *who, "commit", "-qm", "first"], check=True)
    write_run(root, 31.0, 0.7, tone=200)
    return root


def test_figures_of_two_folders_stand_side_by_side_with_difference_and_direction(tmp_path: Path) -> None:
    first, second = (open_run(write_run(tmp_path / name, *values)) for name, values in
                     {"a": (30.0, 0.5), "b": (31.0, 0.7)}.items())  # fmt: skip
    table = figures_table(first, second)
    assert list(table.index) == ["evaluate.locality.outside_mean", "evaluate.reconstruction.psnr"]  # registered ones
    assert list(table.columns) == ["figure", first.name, second.name, "difference", "better", "95 % intervals"]
    assert list(table.loc["evaluate.reconstruction.psnr"]) == [
        "PSNR (dB) ↑",
        "30.00",
        "31.00",
        "+1.00",
        second.name,
        "apart",
    ]
    outside = table.loc["evaluate.locality.outside_mean"]
    assert (outside["difference"], outside["better"], outside["95 % intervals"]) == ("+0.200", first.name, "–")
    assert "evaluate.reconstruction.psnr" in headline_table(first, second).index
    assert unlike(first, second) == []


def test_equal_runs_differ_in_nothing_and_neither_is_better(tmp_path: Path) -> None:
    first, second = open_run(write_run(tmp_path, 30.0, 0.5)), open_run(tmp_path / "metrics")
    row = figures_table(first, second).loc["evaluate.reconstruction.psnr"]
    assert (row["difference"], row["better"], row["95 % intervals"]) == ("+0.00", "", "overlap")
    assert first.pictures == second.pictures


def test_runs_on_different_labels_are_said_not_to_compare(tmp_path: Path) -> None:
    first, second = (
        open_run(write_run(tmp_path / "a", 30.0, 0.5)),
        open_run(write_run(tmp_path / "b", 30.0, 0.5, "weak")),
    )
    assert unlike(first, second) == [
        "The runs have different labels (rendered and weak): their figures do not compare."
    ]


def test_a_revision_is_compared_with_the_working_tree_in_figures_and_pictures(repository: Path) -> None:
    first, second = open_run("HEAD", root=repository), open_run(root=repository)
    assert (first.name, second.name) == ("HEAD", "working tree")
    assert figures_table(first, second).loc["evaluate.reconstruction.psnr", "difference"] == "+1.00"
    tones = [Image.open(io.BytesIO(run.pictures["swaps"])).getpixel((0, 0)) for run in (first, second)]
    assert tones == [(10, 10, 10), (200, 200, 200)]
    figure = side_by_side(first, second, "swaps")
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["swaps: HEAD", "swaps: working tree"]
    assert side_by_side(first, second, "absent") is None


def test_what_is_no_run_is_an_error_that_says_so(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nonsense: neither a folder nor a git revision nor an experiment"):
        open_run("nonsense", root=repository)
    with pytest.raises(FileNotFoundError, match="no metric files"):
        open_run(tmp_path)


def test_the_notebook_takes_both_runs_as_parameters() -> None:
    declared = declared_parameters(read_notebook(NOTEBOOK), NOTEBOOK)
    assert {name: (one.type, one.default) for name, one in declared.items()} == {
        "first": (str, "HEAD"), "second": (str, ""), "output": (str, ""),
        "pictures": (list, ["swaps", "reconstruction", "counterfactuals"]),
    }  # fmt: skip
