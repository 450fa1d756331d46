"""A pair holds every random draw of a step, and can be worked through in parts."""

import torch

from l2sae.data import FaceBatch
from l2sae.training.pairs import draw_pair, neighbours


def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_neighbours_swap_and_the_last_of_an_odd_number_stays() -> None:
    assert neighbours(4, torch.device("cpu")).tolist() == [1, 0, 3, 2]
    assert neighbours(3, torch.device("cpu")).tolist() == [1, 0, 2]


def test_equal_generators_draw_equal_pairs(batch: FaceBatch, make_params) -> None:
    params = make_params({"train.recolour": 0.5})
    first, again = (draw_pair(batch, params, generator(), len(params.rois)) for _ in range(2))
    assert torch.equal(first.source, again.source)
    assert torch.equal(first.natural, again.natural)
    assert torch.equal(first.target[first.natural], batch.images[first.natural])
    assert not torch.equal(first.source, batch.images)


def test_parts_are_shares_in_order_of_everything_that_was_drawn(batch: FaceBatch, make_params) -> None:
    params = make_params({"train.loss.patches": 1.0})
    pair = draw_pair(batch, params, generator(), len(params.rois))
    parts = [pair.part(index, 2) for index in range(2)]
    for name in ("source", "target", "masks", "natural", "filters", "places"):
        assert torch.equal(torch.cat([getattr(part, name) for part in parts]), getattr(pair, name)), name
    assert parts[0].triples is None
    assert pair.part(0, 1) is pair
