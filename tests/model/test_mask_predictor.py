"""Each matte is predicted from its own slice alone."""

import pytest
import torch

from l2sae.model.mask_predictor import MaskPredictor


@pytest.fixture
def predictor() -> MaskPredictor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MaskPredictor((3, 2, 4), width=8, stride=8).eval()


@pytest.fixture
def slices() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(2, channels, 4, 4, generator=generator) for channels in (3, 2, 4)]


@torch.no_grad()
def test_mattes_have_the_images_size(predictor: MaskPredictor, slices: list[torch.Tensor]) -> None:
    assert predictor(slices, range(3)).shape == (2, 3, 32, 32)
    assert predictor(slices[1:2], [1]).shape == (2, 1, 32, 32)


@torch.no_grad()
def test_no_region_reads_another_ones_slice(predictor: MaskPredictor, slices: list[torch.Tensor]) -> None:
    whole = predictor(slices, range(3))
    changed = predictor([slices[0], slices[1] + 1, slices[2]], range(3))
    torch.testing.assert_close(changed[:, [0, 2]], whole[:, [0, 2]])
    assert not torch.allclose(changed[:, 1], whole[:, 1])


@torch.no_grad()
def test_one_region_alone_is_what_it_is_among_all(predictor: MaskPredictor, slices: list[torch.Tensor]) -> None:
    alone = predictor(slices[2:], [2])
    torch.testing.assert_close(alone[:, 0], predictor(slices, range(3))[:, 2], atol=1e-5, rtol=1e-5)
