"""Noise follows its seed alone."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from l2sae.editing import EditError, Noise, edit
from l2sae.model import L2SAE

Photos = list[NDArray[np.uint8]]


def test_noise_follows_its_seed(tiny_model: L2SAE, photos: Photos) -> None:
    first, again, other = (edit(tiny_model, photos[0], "skin", Noise(2.0), seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_noise_does_not_depend_on_the_batch(tiny_model: L2SAE, faces: torch.Tensor) -> None:
    state = torch.get_rng_state()
    batch = edit(tiny_model, faces, "skin", Noise(2.0), seed=4)
    single = edit(tiny_model, faces[:1], "skin", Noise(2.0), seed=4)
    torch.testing.assert_close(batch[:1], single, atol=1e-4, rtol=0)
    assert torch.equal(state, torch.get_rng_state())


def test_negative_noise_is_refused() -> None:
    with pytest.raises(EditError, match="sigma=-1"):
        Noise(-1)
