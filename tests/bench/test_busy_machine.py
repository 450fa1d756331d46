"""How ways to use threads are compared."""

import pytest
import torch

from l2sae.bench import busy_machine
from l2sae.bench.busy_machine import Way, best_way, training_call, windows, with_ratios

SMALL = {"data.image_size": 32, "model.width": 16, "model.structure_width": 8, "model.style_dim": 8}


def test_the_best_way_is_the_quickest_that_keeps_half_and_loses_little() -> None:
    rows = {
        "fast alone": {"quiet": 20.0, "kept": 0.3},
        "fair": {"quiet": 19.5, "kept": 0.6},
        "steady": {"quiet": 12.0, "kept": 1.0},
    }
    assert best_way(rows) == "fair"
    assert best_way({name: row for name, row in rows.items() if name != "fair"}) is None
    assert with_ratios(rows)["steady"]["of_best_quiet"] == pytest.approx(0.6)


def test_windows_with_and_without_busy_processes_alternate(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = iter([10.0, 5.0, 6.0, 12.0])  # quiet, busy, busy, quiet
    monkeypatch.setattr(busy_machine, "_rate", lambda call, seconds: next(rates))
    found = windows(lambda: None, 2, 0.01, 2, 1)
    assert found["quiet"] == 22.0
    assert found["busy"] == 11.0
    assert found["kept"] == pytest.approx(0.5)


def test_shares_side_by_side_learn_what_the_whole_batch_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    whole, shares, again = (gradients(Way(side_by_side=aside)) for aside in (False, True, True))
    assert torch.equal(shares, again)
    assert torch.cosine_similarity(whole, shares, dim=0) > 0.8  # losses that weigh by a batch's pixels differ a little


def gradients(way: Way) -> torch.Tensor:
    """Of all weights, after the first step."""
    step, faces = training_call(way, SMALL)
    assert faces == 4
    trainer = next(cell.cell_contents for cell in step.__closure__ if hasattr(cell.cell_contents, "averaged"))  # type: ignore[attr-defined]
    step()
    return torch.cat([one.grad.flatten() for one in trainer.model.parameters() if one.grad is not None])
