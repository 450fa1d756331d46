"""Inversion: where it starts, what it changes, and the settings that tuning found."""

import json
from pathlib import Path

import pytest
import torch

from l2sae.measures.inversion import ENOUGH_STEPS, LEARNING_RATES, MODES, invert, optimise, starting_point

TUNING = Path(__file__).parents[2] / "benchmarks/tuning/inversion.json"


@pytest.mark.parametrize("mode", MODES)
def test_inversion_brings_the_picture_nearer(model, pairs, mode):
    start = starting_point(model, pairs.targets, mode)
    error = [
        float((model.decode(*latents) - pairs.targets).abs().mean().detach())
        for latents in ((start.structure, start.style), *optimise(model, pairs.targets, start, mode, 8, 0.05))
    ]
    assert len(error) == 9
    assert error[-1] < error[0]


def test_only_the_warm_start_begins_at_the_encoders_latents(model, pairs):
    with torch.no_grad():
        encoded = model.encode(pairs.targets)
    starts = {mode: starting_point(model, pairs.targets, mode) for mode in MODES}
    assert torch.equal(starts["warm"].style, encoded.style)
    assert torch.equal(starts["style"].structure, encoded.structure)
    assert torch.equal(starts["style"].style, model.style_mean.expand_as(encoded.style))
    assert torch.equal(starts["both"].structure[0], starts["both"].structure[1])


def test_style_mode_leaves_the_structure(model, pairs):
    start = starting_point(model, pairs.targets, "style")
    *_, (structure, style) = optimise(model, pairs.targets, start, "style", 2, 0.1)
    assert torch.equal(structure, start.structure)
    assert not torch.equal(style, start.style)


def test_an_unknown_mode_is_refused_by_name(model, pairs):
    with pytest.raises(ValueError, match=r"mode='cold'.*style, both, warm"):
        starting_point(model, pairs.targets, "cold")


def test_step_sizes_and_counts_in_use_are_those_that_tuning_found():
    found = json.loads(TUNING.read_text())
    assert {mode: found[mode]["rate"] for mode in MODES} == LEARNING_RATES
    assert {mode: found[mode]["steps"] for mode in MODES} == ENOUGH_STEPS


def test_inversion_stops_at_once_when_the_mean_style_is_as_good(model, test_split, params):
    before = model.style_mean.clone()
    with torch.no_grad():
        model.style_mean.copy_(model.encode(test_split.batch([1]).images).style[0])
        model.style_scale.fill_(1e-9)  # so that no step leads away from it
    try:
        _, steps, reached = invert(model, test_split, "skin", (0, 1), params)
    finally:
        model.style_mean.copy_(before)
        model.style_scale.fill_(0.5)
    assert (steps, reached) == (1, True)
