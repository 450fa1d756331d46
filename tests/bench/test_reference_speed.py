"""The reference for speed has the counted size of the published model; pairs are timed in turn."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from l2sae.bench import reference_speed as speed
from l2sae.measures.scaling import Stopwatch
from l2sae.params import load_params

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml", {"preset": "paper256", "device": "cpu"})


def test_pairs_are_timed_in_turn() -> None:
    calls: list[str] = []
    watch = Stopwatch(torch.device("cpu"), 1)
    first, second = speed.paired(lambda: calls.append("a"), lambda: calls.append("b"), watch, 3)
    assert "".join(calls) == "ab" * 4
    assert first.shape == second.shape == (3,)
    assert (first > 0).all()


def test_figures_hold_medians_and_ratios_of_neighbouring_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a reference and sizes that take no time, and times that are given."""

    class Small(torch.nn.Conv2d):
        def __init__(self) -> None:
            super().__init__(3, 3, 1)

        def encode(self, images: Any) -> tuple[Any, Any]:
            return images, None

        def decode(self, structure: Any, style: Any) -> Any:
            return self(structure)

    times = iter([(np.array([4.0, 6.0, 5.0]), np.array([1.0, 2.0, 2.0])), (np.array([9.0]), np.array([3.0]))])
    monkeypatch.setattr(speed, "SwappingAutoencoder", Small)
    monkeypatch.setattr(speed, "paired", lambda *_, **__: next(times))
    monkeypatch.setattr(speed, "peak_flop_per_s", lambda *_: 1e9)
    figures = speed.compare_speed(PARAMS, [8], 3, 1, lambda line: None)
    assert figures["ratio"] == {"8": {"inference": 3.0, "training": 3.0}}
    assert figures["reference"]["inference_ms"] == 5000
    assert figures["reference"]["gflop"] == pytest.approx(2 * 9 * 256**2 / 1e9)
    assert figures["reference"]["roofline_ratio"] == pytest.approx(5 * 1e9 / (2 * 9 * 256**2))
    assert figures["ours"]["8"]["training_step_ms"] == 3000
    assert figures["ours"]["8"]["weights"] > 0
