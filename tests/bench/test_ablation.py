"""The ablation: every row is a valid change of one factor, queued once, collected, and shown with its spread."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from dvc.utils.hydra import apply_overrides

from l2sae.bench import ablation
from l2sae.bench.ablation import (
    CLAIMS,
    ablation_table,
    claims_table,
    experiment,
    factors,
    queue_command,
    recorded_on,
    versions,
)
from l2sae.measures.metric_files import write_metrics
from l2sae.measures.registry import shown_in
from l2sae.model import L2SAE
from l2sae.params import Params, load_params

REPOSITORY = Path(__file__).parents[2]
ROIS = load_params(REPOSITORY / "params.yaml").rois
ROWS = factors(ROIS)


def resolved(factor: str, tmp_path: Path, seed: int = 2) -> Params:
    """The parameters of a row's run, through DVC's own reading of the command line."""
    path = tmp_path / "params.yaml"
    path.write_text((REPOSITORY / "params.yaml").read_text())
    if not (tmp_path / "presets").exists():
        (tmp_path / "presets").symlink_to(REPOSITORY / "presets")
    command = queue_command(factor, seed, ROWS[factor])
    overrides = [value for option, value in pairwise(command) if option == "-S"]
    apply_overrides(path, overrides)
    return load_params(path)


@pytest.mark.parametrize("factor", ROWS)
def test_each_row_changes_what_it_says_and_nothing_else(factor: str, tmp_path: Path) -> None:
    base, changed = resolved("full", tmp_path), resolved(factor, tmp_path)
    assert (changed.preset, changed.seed) == ("ablation", 2)
    expected = load_params(REPOSITORY / "params.yaml", {"preset": "ablation", "seed": 2} | ROWS[factor])
    assert changed == expected
    assert (changed == base) == (factor == "full")
    L2SAE(changed.model, changed.rois, changed.data.image_size)


def test_without_slicing_every_matte_sees_the_whole_structure(tmp_path: Path) -> None:
    for factor, leaks in [("full", False), ("no-slicing", True)]:
        params = resolved(factor, tmp_path)
        torch.manual_seed(0)
        model = L2SAE(params.model, params.rois, params.data.image_size).eval()
        structure = torch.randn(1, model.slices["context"].stop, 8, 8)
        other = structure.clone()
        other[:, model.slices["lips"]] += 1
        with torch.no_grad():
            hair = [model.masks(one, ["hair"])["hair"] for one in (structure, other)]
        assert torch.equal(*hair) != leaks


def test_queueing_skips_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[list[str]] = []
    monkeypatch.setattr(ablation, "FOLDER", tmp_path)
    monkeypatch.setattr(ablation, "_experiments", lambda: {experiment("full", 1): "abc"})
    monkeypatch.setattr(ablation, "load_params", lambda: load_params(REPOSITORY / "params.yaml"))
    monkeypatch.setattr(subprocess, "run", lambda command, **_: called.append(command))
    write_metrics({"factor": "full"}, tmp_path / "full-0.json")
    ablation.queue.callback("ablation", ("full", "replace"), 3)  # type: ignore[misc]
    names = [command[command.index("--name") + 1] for command in called]
    assert names == [
        experiment("replace", 0),
        experiment("replace", 1),
        experiment("full", 2),
        experiment("replace", 2),
    ]


def test_rows_that_differ_in_their_edits_alone_share_a_training() -> None:
    pairs = [(factor, seed) for seed in (0, 1) for factor in ("full", "no-slicing", "replace")]
    alone = [(("full", "replace"), 0), (("no-slicing",), 0), (("full", "replace"), 1), (("no-slicing",), 1)]
    assert ablation._trainings(pairs, ROWS) == alone


def test_collecting_reads_the_metrics_of_finished_experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q")
    write_metrics({"masks": {"miou": 0.5}, "ci": {"masks": {"miou": [0.4, 0.6]}}}, tmp_path / "metrics/evaluate.json")
    git("add", ".")
    git("commit", "-qm", "a run")
    git("update-ref", f"refs/exps/ab/cd/{experiment('replace', 1)}", git("rev-parse", "HEAD"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ablation, "load_params", lambda: load_params(REPOSITORY / "params.yaml"))
    ablation.collect.callback()  # type: ignore[misc]
    [path] = (tmp_path / "benchmarks" / "ablation").glob("*.json")
    kept = json.loads(path.read_text())
    assert kept.items() >= {"factor": "replace", "seed": 1, "metrics": {"masks.miou": 0.5}}.items()
    assert recorded_on(path.parent) == f"Recorded on {kept['date']}"


def test_the_table_shows_mean_and_spread_over_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    assert ablation_table(tmp_path) is None
    for factor, seed, miou in [("replace", 0, 0.5), ("full", 0, 0.6), ("full", 1, 0.7)]:
        metrics: dict[str, Any] = {"masks.miou": miou, "structure.edge_correlation": None}
        write_metrics({"factor": factor, "seed": seed, "metrics": metrics}, tmp_path / f"{factor}-{seed}.json")
    table = ablation_table(tmp_path)
    assert table is not None
    assert list(table.index) == ["full", "replace"]
    assert list(table.columns) == ["seeds", *(one.heading for one in shown_in("ablation"))]
    assert table.loc["full", "mask mIoU ↑"] == "0.650 ± 0.071"
    assert table.loc["replace", "mask mIoU ↑"] == "0.500"
    assert table.loc["full", "edges kept by an edit (correlation) ↑"] == "–"
    assert table["seeds"].tolist() == ["2", "1"]


def test_runs_of_earlier_versions_have_tables_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    for folder, miou in ((tmp_path, 0.7), (tmp_path / "2026-01-02", 0.5), (tmp_path / "2026-03-04", 0.6)):
        write_metrics({"factor": "full", "seed": 0, "metrics": {"masks.miou": miou}}, folder / "full-0.json")
    assert [path.name for path in versions(tmp_path)] == [tmp_path.name, "2026-03-04", "2026-01-02"]
    tables = [ablation_table(folder) for folder in versions(tmp_path)]
    assert [table.loc["full", "mask mIoU ↑"] for table in tables if table is not None] == ["0.700", "0.600", "0.500"]


def test_a_claim_holds_where_all_seeds_say_so(tmp_path: Path) -> None:
    assert claims_table(tmp_path) is None
    talk, miou = "disentanglement.cross_talk", "masks.miou"
    for factor, seed, metrics in [
        ("full", 0, {talk: 0.0, miou: 0.80}),
        ("full", 1, {talk: 0.0, miou: 0.70}),
        ("no-slicing", 0, {talk: 0.3, miou: 0.81}),
        ("no-slicing", 1, {talk: 0.1, miou: 0.69}),
        ("slices-of-4", 0, {miou: 0.79, "reconstruction.psnr": None}),
        ("slices-of-4", 1, {miou: 0.60}),
    ]:
        write_metrics({"factor": factor, "seed": seed, "metrics": metrics}, tmp_path / f"{factor}-{seed}.json")
    table = claims_table(tmp_path)
    assert table is not None
    assert table["verdict"].to_dict() == {
        "Slices keep a region's matte from the others": "holds",
        "Slices cost no mask quality": "open",
        "Wider slices segment better": "does not hold",
    }
    assert table.loc["Slices keep a region's matte from the others", "difference by seed"] == "-0.3000 to -0.1000"


def test_claims_name_rows_and_figures_of_the_table() -> None:
    for _, there, absent, key in CLAIMS:
        assert {there, absent} <= ROWS.keys()
        assert key in {one.key for one in shown_in("ablation")}
