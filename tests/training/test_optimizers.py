"""Which optimiser moves which weight, and how fast."""

from collections.abc import Callable

import numpy as np
import pytest

from l2sae.params import Params
from l2sae.training import build_model
from l2sae.training.optimizers import build_optimizers, rate_factor

MakeParams = Callable[..., Params]


def test_muon_trains_the_large_kernels_outside_the_mask_predictor(make_params: MakeParams) -> None:
    params = make_params({"model.width": 32, "train.muon_learning_rate": 2e-3})
    model = build_model(params)
    names = {id(weight): name for name, weight in model.named_parameters()}
    adamw, muon = ([names[id(p)] for p in o.param_groups[0]["params"]] for o in build_optimizers(model, params))
    assert sorted(adamw + muon) == sorted(names.values())
    assert {name.split(".")[0] for name in muon} == {"structure_encoder", "style_encoder", "generator"}
    assert not any(name.endswith("bias") for name in muon)
    [alone] = build_optimizers(model, make_params({"model.width": 32, "train.muon_learning_rate": 0.0}))
    assert len(alone.param_groups[0]["params"]) == len(names)


def test_the_learning_rate_warms_up_then_falls_along_a_line(make_params: MakeParams) -> None:
    final = 0.1
    params = make_params({"train.warmup_steps": 10, "train.final_rate": final})
    assert rate_factor(params, 0, 0.0) == pytest.approx(0.1)
    assert rate_factor(params, 9, 0.0) == pytest.approx(1.0)
    falling = [rate_factor(params, 100, progress) for progress in np.linspace(0, 1, 11)]
    assert np.diff(falling) == pytest.approx(-0.09)
    assert falling[-1] == pytest.approx(final) == rate_factor(params, 100, 1.5)
    assert rate_factor(make_params({"train.warmup_steps": 0}), 0, 0.0) == pytest.approx(1.0)
