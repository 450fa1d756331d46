"""Muon: what its steps look like."""

import pytest
import torch

from l2sae.training.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(8, 30), (30, 8), (16, 16)])
def test_singular_values_become_about_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalised(matrix))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_singular_vectors_are_kept() -> None:
    matrix = torch.randn(6, 20, generator=torch.Generator().manual_seed(1))
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    core = u.T @ orthogonalised(matrix) @ v.T
    torch.testing.assert_close(core, core.diagonal().diag(), atol=1e-4, rtol=0)


def test_steps_have_the_size_of_adamws_whatever_the_gradients() -> None:
    for scale in (1e-4, 1e4):
        weight = torch.nn.Parameter(torch.zeros(64, 64, 3, 3))
        weight.grad = scale * torch.randn(weight.shape, generator=torch.Generator().manual_seed(2))
        Muon([weight], lr=1e-3).step()
        assert weight.square().mean().sqrt().item() == pytest.approx(0.2e-3, rel=0.3)


def test_it_minimises_and_leaves_what_has_no_gradient() -> None:
    target = torch.randn(16, 16, 3, 3, generator=torch.Generator().manual_seed(3))
    weight, idle = torch.nn.Parameter(torch.zeros_like(target)), torch.nn.Parameter(torch.ones(16, 16, 3, 3))
    optimizer = Muon([weight, idle], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        optimizer.step()
    assert (weight - target).abs().mean() < 0.1 * target.abs().mean()
    assert torch.equal(idle, torch.ones_like(idle))
