"""Every part of the check of a GPU runs, in tiny form on the CPU."""

import json
import subprocess
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from l2sae.bench import commands, gpu_check
from l2sae.model import L2SAE

CPU = torch.device("cpu")
SMALL = {
    "data.image_size": 64, "train.batch_size": 4, "model.width": 16, "model.structure_width": 8, "model.style_dim": 8,
    "train.adversary.width": 8, "train.adversary.patch_width": 8, "train.adversary.r1_interval": 1,
}  # fmt: skip


@pytest.fixture(autouse=True)
def few_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_check, "FACES", 32)


def test_edits_have_a_latency_and_a_rate_for_each_batch(tiny_model: L2SAE) -> None:
    found = gpu_check.measure_edits(tiny_model, (1, 2), 2)
    assert found["latency_ms"]["p5"] <= found["latency_ms"]["median"] <= found["latency_ms"]["p95"]
    assert found["images_per_s"].keys() == {"1", "2"}
    assert min(found["images_per_s"].values()) > 0


def test_the_roofline_ratio_is_that_of_time_and_counted_operations(tiny_model: L2SAE) -> None:
    found = gpu_check.measure_roofline(tiny_model, 1)
    assert found["ratio"] == pytest.approx(found["ms"] / 1000 * found["peak_gflop_per_s"] / found["gflop"])


def test_training_is_measured_in_each_way_with_its_data() -> None:
    found = gpu_check.measure_training(gpu_check.training_params(CPU, 32, 4), {"a": {}, "b": {"damage": 0.0}}, 1)
    assert found["batch"] == 4
    for name in ("a", "b"):
        assert found[name]["images_per_s"] > 0
        assert 0 < found[name]["waits"] < 1
    assert found["augmentation"].keys() == {"read_ms", "here_ms", "there_ms"}


def test_the_papers_step_runs_with_all_its_losses() -> None:
    params = gpu_check.paper_params(CPU, **SMALL)
    assert min(getattr(params.train.loss, name) for name in ("gan", "noise_gan", "cooccurrence", "r1")) > 0
    found = gpu_check.measure_training(params, {"as it is": {"precision": "float32"}}, 1)
    assert found["as it is"]["images_per_s"] > 0


def test_a_part_that_fails_says_why_and_the_others_go_on() -> None:
    def fail() -> dict[str, object]:
        raise RuntimeError("out of memory\nmore")

    assert gpu_check._attempted(fail) == {"not_run": "RuntimeError: out of memory"}


def test_tests_of_the_repository_are_run_and_summed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not_run" in gpu_check.run_tests(9.0, tmp_path)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_gpu.py").write_text("")
    done = subprocess.CompletedProcess([], 1, "F\n1 failed, 2 passed in 3.00s\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    found = gpu_check.run_tests(9.0, tmp_path)
    assert found["failed"]
    assert found["summary"] == "1 failed, 2 passed in 3.00s"


def test_parts_for_which_no_time_is_left_say_so(monkeypatch: pytest.MonkeyPatch, tiny_model: L2SAE) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a GPU")
    monkeypatch.setattr(gpu_check, "load_model", lambda device: tiny_model)
    found = gpu_check.check_gpu(limit=0.0, progress=lambda line: None)
    assert found["device"] == "a GPU"
    assert found["training.256"] == {"not_run": "no time was left"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a GPU")
def test_without_a_gpu_the_command_says_that_it_has_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "benchmarks").mkdir()
    done = CliRunner().invoke(commands.main, ["gpu"], catch_exceptions=False)
    kept = json.loads((tmp_path / "benchmarks/gpu.json").read_text())
    assert done.exit_code == 0
    assert "not run: no CUDA device" in done.output
    assert "no CUDA device" in kept["not_run"]
    (tmp_path / "benchmarks/gpu.json").write_text('{"device": "a GPU"}')
    CliRunner().invoke(commands.main, ["gpu"], catch_exceptions=False)
    assert json.loads((tmp_path / "benchmarks/gpu.json").read_text()) == {"device": "a GPU"}
